#include "libcore/media/audio_endpoints.h"

#include <gtest/gtest.h>

#include <cmath>

namespace p2pd::media {
namespace {

TEST(Audio, DurationsAndSamples) {
  EXPECT_EQ(SamplesToDuration(48), absl::Milliseconds(1));
  EXPECT_EQ(SamplesToDuration(-960), -kFrameDuration);
  EXPECT_EQ(DurationToSamples(kFrameDuration), 960);
  EXPECT_EQ(DurationToSamples(absl::Microseconds(30)), 1);  // 1.44, rounded down
}

TEST(ToneSource, HasFrequencyAndLevelAcrossFrames) {
  ToneSource tone(1'000.0, 0.5);
  int crossings = 0;
  int16_t last = 0;
  int peak = 0;
  Frame frame;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(tone.Read(frame));
    for (const int16_t sample : frame) {
      if (last < 0 && sample >= 0) ++crossings;
      peak = std::max(peak, std::abs(int{sample}));
      last = sample;
    }
  }
  EXPECT_NEAR(crossings, 1'000, 1);
  EXPECT_NEAR(peak, 16'384, 20);
}

TEST(ToneSource, NonsenseIsBroughtIntoRange) {
  ToneSource tone(-5.0, 40.0);
  Frame frame;
  ASSERT_TRUE(tone.Read(frame));
}

TEST(SilenceSource, NeverEnds) {
  SilenceSource silence;
  Frame frame;
  frame.fill(7);
  ASSERT_TRUE(silence.Read(frame));
  EXPECT_EQ(frame, kSilentFrame);
}

TEST(BufferSource, PlaysToTheEndAndFillsUp) {
  std::vector<int16_t> samples(kFrameSamples + 10, 3);
  BufferSource source(samples);
  Frame frame;
  ASSERT_TRUE(source.Read(frame));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame[9], 3);
  EXPECT_EQ(frame[10], 0);
  EXPECT_FALSE(source.Read(frame));
  EXPECT_FALSE(source.Read(frame));
  EXPECT_EQ(source.position(), samples.size());
}

TEST(BufferSource, Loops) {
  BufferSource source(std::vector<int16_t>(kFrameSamples, 5), BufferSource::AtEnd::kLoop);
  Frame frame;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(source.Read(frame));
  BufferSource empty({}, BufferSource::AtEnd::kLoop);
  EXPECT_FALSE(empty.Read(frame));
}

TEST(BufferSink, RefusesBeyondItsLimitAndCounts) {
  BufferSink sink(2 * kFrameSamples);
  for (int i = 0; i < 5; ++i) sink.Write(kSilentFrame);
  EXPECT_EQ(sink.samples().size(), 2 * kFrameSamples);
  EXPECT_EQ(sink.refused_samples(), 3 * kFrameSamples);
  EXPECT_FALSE(sink.finished());
  sink.Finish();
  EXPECT_TRUE(sink.finished());
}

TEST(NullSink, Counts) {
  NullSink sink;
  sink.Write(kSilentFrame);
  EXPECT_EQ(sink.samples(), kFrameSamples);
}

}  // namespace
}  // namespace p2pd::media
