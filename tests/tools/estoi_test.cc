#include "tests/tools/estoi.h"

#include <gtest/gtest.h>

#include <cmath>

#include "libcore/base/rng.h"
#include "libcore/media/audio.h"
#include "libcore/media/resampler.h"
#include "tests/unit/media/speech.h"

namespace p2pd::tools {
namespace {

std::vector<double> Voice(media::Speaker speaker) {
  const auto speech = media::Speech(speaker, 8);
  const auto resampled = media::Resample(speech, media::kSampleRate, kEstoiRate);
  return std::vector<double>(resampled->begin(), resampled->end());
}

std::vector<double> WithNoise(const std::vector<double>& clean, double snr_db) {
  SeededRng rng(4);
  double power = 0.0;
  for (const double value : clean) power += value * value / static_cast<double>(clean.size());
  // Uniform noise in [-r, r] has the power r²/3.
  const double r = std::sqrt(3.0 * power / std::pow(10.0, snr_db / 10.0));
  std::vector<double> out = clean;
  for (double& value : out) value += r * (2.0 * rng.Unit() - 1.0);
  return out;
}

TEST(Estoi, IdenticalSpeechScoresOne) {
  const auto clean = Voice(media::Speaker::kReader);
  const EstoiResult result = Estoi(clean, clean);
  EXPECT_NEAR(result.score, 1.0, 1e-9);
  EXPECT_NEAR(result.worst, 1.0, 1e-9);
  EXPECT_GT(result.seconds, 4.0);
}

TEST(Estoi, LevelDoesNotMatter) {
  const auto clean = Voice(media::Speaker::kReader);
  auto loud = clean;
  for (double& value : loud) value *= 0.1;
  EXPECT_NEAR(Estoi(clean, loud).score, 1.0, 1e-9);
}

TEST(Estoi, OtherSpeechSilenceAndNoiseScoreLittle) {
  const auto reader = Voice(media::Speaker::kReader);
  const auto player = Voice(media::Speaker::kPlayer);
  EXPECT_LT(Estoi(reader, player).score, 0.3);
  EXPECT_LT(Estoi(reader, std::vector<double>(reader.size())).score, 0.01);
  EXPECT_LT(Estoi(reader, WithNoise(std::vector<double>(reader.size(), 1.0), -60.0)).score, 0.2);
}

TEST(Estoi, FallsAsNoiseRises) {
  const auto clean = Voice(media::Speaker::kReader);
  double last = 1.0;
  for (const double snr : {30.0, 20.0, 10.0, 5.0, 0.0, -5.0, -10.0}) {
    const double score = Estoi(clean, WithNoise(clean, snr)).score;
    EXPECT_LT(score, last) << snr;
    last = score;
  }
  EXPECT_LT(last, 0.4);
}

TEST(Estoi, DropoutsCount) {
  const auto clean = Voice(media::Speaker::kReader);
  auto holes = clean;
  // 100 ms of every 500 are gone.
  for (size_t i = 0; i < holes.size(); ++i) {
    if (i % 5'000 < 1'000) holes[i] = 0.0;
  }
  const EstoiResult result = Estoi(clean, holes);
  EXPECT_LT(result.score, 0.85);
  auto half = clean;
  std::fill(half.begin() + static_cast<std::ptrdiff_t>(half.size() / 2), half.end(), 0.0);
  EXPECT_NEAR(Estoi(clean, half).score, 0.5, 0.1);
  EXPECT_LT(Estoi(clean, half).worst, 0.05);
}

TEST(Estoi, TooShortToTell) {
  EXPECT_EQ(Estoi({}, {}).segments, 0u);
  const std::vector<double> little(1'000, 100.0);
  EXPECT_EQ(Estoi(little, little).score, 0.0);
}

}  // namespace
}  // namespace p2pd::tools
