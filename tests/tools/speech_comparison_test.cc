#include "tests/tools/speech_comparison.h"

#include <gtest/gtest.h>

#include "libcore/base/rng.h"
#include "libcore/media/audio.h"
#include "libcore/media/time_stretch.h"
#include "tests/unit/media/speech.h"

namespace p2pd::tools {
namespace {

using Samples = std::vector<int16_t>;
constexpr size_t kSecond = media::kSampleRate;

Samples Reader(int seconds = 10) { return media::Speech(media::Speaker::kReader, seconds); }
Samples Player(int seconds = 10) { return media::Speech(media::Speaker::kPlayer, seconds); }

Samples Silence(size_t size) { return Samples(size); }
Samples Join(std::initializer_list<Samples> parts) {
  Samples out;
  for (const Samples& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

TEST(CompareSpeech, TheSameIsPerfect) {
  const auto result = CompareSpeech(Reader(), Reader());
  EXPECT_TRUE(result.judged);
  EXPECT_NEAR(result.estoi, 1.0, 1e-6);
  EXPECT_NEAR(result.coverage, 1.0, 1e-6);
  EXPECT_EQ(result.delay_ms, 0.0);
}

TEST(CompareSpeech, LeadingSilenceAndLateEndsAreNoFault) {
  const auto heard = Join({Silence(3 * kSecond + 1'234), Reader(), Silence(5 * kSecond)});
  const auto result = CompareSpeech(Reader(), heard);
  EXPECT_GT(result.estoi, 0.97);
  EXPECT_NEAR(result.delay_ms, 3'025.7, 0.3);
  EXPECT_NEAR(result.coverage, 1.0, 1e-6);
  // The said file may have the silence too.
  const auto other = CompareSpeech(heard, Reader());
  EXPECT_GT(other.estoi, 0.97);
  EXPECT_NEAR(other.delay_ms, -3'025.7, 0.3);
}

TEST(CompareSpeech, AnEarlyEndIsToldAsCoverage) {
  Samples heard = Reader();
  heard.resize(heard.size() / 2);
  const auto result = CompareSpeech(Reader(), heard);
  EXPECT_TRUE(result.judged);
  EXPECT_GT(result.estoi, 0.95);
  EXPECT_NEAR(result.coverage, 0.5, 0.15);
}

TEST(CompareSpeech, OtherSpeechDoesNotPass) {
  EXPECT_LT(CompareSpeech(Reader(), Player()).estoi, 0.3);
  EXPECT_LT(CompareSpeech(Player(), Reader()).estoi, 0.3);
  for (uint64_t seed = 1; seed < 5; ++seed) {
    EXPECT_LT(CompareSpeech(media::MadeSpeech(seed, 8), media::MadeSpeech(seed + 100, 8)).estoi,
              0.3)
        << seed;
  }
}

TEST(CompareSpeech, ShuffledWordsDoNotPass) {
  // The right voice and the right words in another order: pieces of 300 ms.
  const Samples said = Reader();
  Samples heard;
  const size_t piece = kSecond * 3 / 10;
  const size_t pieces = said.size() / piece;
  for (size_t i = 0; i < pieces; ++i) {
    const auto from = said.begin() + static_cast<std::ptrdiff_t>(((i * 7) % pieces) * piece);
    heard.insert(heard.end(), from, from + static_cast<std::ptrdiff_t>(piece));
  }
  EXPECT_LT(CompareSpeech(said, heard).estoi, 0.4);
}

TEST(CompareSpeech, SilenceAndShortnessAreNotJudgedGood) {
  EXPECT_LT(CompareSpeech(Reader(), Silence(10 * kSecond)).estoi, 0.05);
  EXPECT_FALSE(CompareSpeech(Silence(10 * kSecond), Silence(10 * kSecond)).estoi > 0.3);
  EXPECT_FALSE(CompareSpeech(Reader(), Silence(100)).judged);
  EXPECT_FALSE(CompareSpeech({}, {}).judged);
  Samples second = Reader();
  second.resize(kSecond);
  EXPECT_FALSE(CompareSpeech(second, second).judged);
}

TEST(CompareSpeech, DropoutsCountInFull) {
  Samples heard = Reader();
  std::fill(heard.begin() + 3 * kSecond, heard.begin() + 6 * kSecond, int16_t{0});
  const auto result = CompareSpeech(Reader(), heard);
  EXPECT_LT(result.estoi, 0.8);
  EXPECT_LT(result.worst, 0.1);
}

TEST(CompareSpeech, AJitterBuffersTimeScalingIsFollowed) {
  // 6 ms inserted about every second, 60 ms in all, then taken out again.
  Samples heard = Reader(12);
  heard.resize(heard.size() + kSecond);
  size_t size = 12 * kSecond;
  for (size_t i = 0; i < 10; ++i) {
    const auto at = static_cast<std::ptrdiff_t>((i + 1) * kSecond * 11 / 10);
    const auto tail = absl::MakeSpan(heard).subspan(static_cast<size_t>(at));
    size_t tail_size = size - static_cast<size_t>(at);
    const auto match =
        media::FindPitch(tail.first(2 * media::kMaxStretchLag), media::kMaxStretchLag);
    if (i < 6) {
      tail_size = media::InsertPeriod(tail, tail_size, match.lag);
    } else {
      tail_size = media::RemovePeriod(tail.first(tail_size), match.lag);
    }
    size = static_cast<size_t>(at) + tail_size;
  }
  heard.resize(size);
  const auto result = CompareSpeech(Reader(12), heard);
  EXPECT_GT(result.estoi, 0.9);
  EXPECT_GT(result.delay_max_ms - result.delay_min_ms, 10.0);
}

}  // namespace
}  // namespace p2pd::tools
