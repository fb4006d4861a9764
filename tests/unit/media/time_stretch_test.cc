#include "libcore/media/time_stretch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "libcore/base/rng.h"

namespace p2pd::media {
namespace {

std::vector<int16_t> Voice(double hz, size_t size) {
  std::vector<int16_t> out(size);
  for (size_t i = 0; i < size; ++i) {
    const double phase = 2.0 * std::numbers::pi * hz * static_cast<double>(i) / 48'000.0;
    out[i] = static_cast<int16_t>(8'000.0 * std::sin(phase) + 3'000.0 * std::sin(2.0 * phase));
  }
  return out;
}

TEST(FindPitch, FindsThePeriodOfAVoice) {
  for (const double hz : {110.0, 160.0, 240.0}) {
    const auto voice = Voice(hz, 960);
    const PitchMatch match = FindPitch(voice, kMaxStretchLag);
    const double period = 48'000.0 / hz;
    const double periods = static_cast<double>(match.lag) / period;
    EXPECT_NEAR(periods, std::round(periods), 0.02) << hz;
    EXPECT_GT(match.correlation, 0.98);
    EXPECT_FALSE(match.quiet);
  }
}

TEST(FindPitch, TellsNoiseAndQuiet) {
  SeededRng rng(5);
  std::vector<int16_t> noise(960);
  for (auto& sample : noise) sample = static_cast<int16_t>(20'000 * (rng.Unit() - 0.5));
  EXPECT_LT(FindPitch(noise, kMaxStretchLag).correlation, 0.6);
  EXPECT_TRUE(FindPitch(std::vector<int16_t>(960, 3), kMaxStretchLag).quiet);
}

TEST(FindPitch, RespectsItsLimits) {
  const auto voice = Voice(110.0, 960);
  const PitchMatch match = FindPitch(voice, 200);
  EXPECT_GE(match.lag, kMinStretchLag);
  EXPECT_LE(match.lag, 200u);
  EXPECT_EQ(FindPitch(voice, kMinStretchLag - 1).lag, 0u);
  EXPECT_EQ(FindPitch(absl::MakeConstSpan(voice).first(200), kMaxStretchLag).lag, 0u);
  EXPECT_LE(FindPitch(absl::MakeConstSpan(voice).first(300), kMaxStretchLag).lag, 150u);
  EXPECT_LE(FindPitch(Voice(110.0, 5'000), 100'000).lag, kMaxStretchLag);
}

// The largest step from sample to sample: a click is one that the voice itself does not make.
int LargestStep(absl::Span<const int16_t> samples) {
  int step = 0;
  for (size_t i = 1; i < samples.size(); ++i) {
    step = std::max(step, std::abs(int{samples[i]} - int{samples[i - 1]}));
  }
  return step;
}

TEST(Stretch, RemovingAPeriodLeavesNoClick) {
  auto voice = Voice(160.0, 2'000);
  const int natural = LargestStep(voice);
  const int16_t first = voice.front();
  const int16_t last = voice.back();
  const size_t size = RemovePeriod(absl::MakeSpan(voice), 300);
  EXPECT_EQ(size, 1'700u);
  EXPECT_EQ(voice[0], first);
  EXPECT_EQ(voice[size - 1], last);
  EXPECT_LE(LargestStep(absl::MakeConstSpan(voice).first(size)), natural + 2);
}

TEST(Stretch, InsertingAPeriodLeavesNoClick) {
  auto voice = Voice(160.0, 2'000);
  const int natural = LargestStep(voice);
  const auto before = voice;
  voice.resize(2'300);
  const size_t size = InsertPeriod(absl::MakeSpan(voice), 2'000, 300);
  EXPECT_EQ(size, 2'300u);
  for (size_t i = 0; i < 300; ++i) EXPECT_EQ(voice[i], before[i]);
  for (size_t i = 600; i < size; ++i) ASSERT_EQ(voice[i], before[i - 300]);
  EXPECT_LE(LargestStep(voice), natural + 2);
}

TEST(Stretch, PitchStays) {
  auto voice = Voice(200.0, 4'800);
  const size_t size = RemovePeriod(absl::MakeSpan(voice), 240);
  const PitchMatch match = FindPitch(absl::MakeConstSpan(voice).first(size), kMaxStretchLag);
  EXPECT_EQ(match.lag % 240, 0u);
}

}  // namespace
}  // namespace p2pd::media
