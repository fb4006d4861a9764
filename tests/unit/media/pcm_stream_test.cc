#include "libcore/media/pcm_stream.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace p2pd::media {
namespace {

std::vector<int16_t> Ramp(size_t size, int16_t from = 0) {
  std::vector<int16_t> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<int16_t>(from + static_cast<int>(i));
  return out;
}

TEST(SampleRing, WrapsAround) {
  SampleRing ring(10);
  EXPECT_EQ(ring.Push(Ramp(8)), 8u);
  std::vector<int16_t> out(5);
  EXPECT_EQ(ring.Pop(absl::MakeSpan(out)), 5u);
  EXPECT_EQ(ring.Push(Ramp(20, 100)), 7u);
  ring.Drop(1);
  out.resize(20);
  EXPECT_EQ(ring.Pop(absl::MakeSpan(out)), 9u);
  EXPECT_EQ(out[0], 6);
  EXPECT_EQ(out[2], 100);
  EXPECT_EQ(out[8], 106);
  ring.Drop(5);
  EXPECT_EQ(ring.size(), 0u);
}

TEST(PcmStreamSource, WaitsForItsReserveThenPlaysAll) {
  PcmStreamSource source(PcmStreamSource::Pace::kPaced);
  Frame frame;
  source.Push(Ramp(kFrameSamples));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame, kSilentFrame);
  source.Push(Ramp(kFrameSamples, 1'000));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame[5], 5);
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame[5], 1'005);
}

TEST(PcmStreamSource, AnUnderrunIsSilenceAndRaisesTheReserve) {
  PcmStreamSource source(PcmStreamSource::Pace::kPaced);
  source.Push(Ramp(2 * kFrameSamples));
  Frame frame;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame, kSilentFrame);
  EXPECT_EQ(source.stats().underruns, 1u);
  EXPECT_EQ(source.stats().reserve_samples, 3 * kFrameSamples);
  // Starts again only with that much.
  source.Push(Ramp(2 * kFrameSamples, 1));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame, kSilentFrame);
  source.Push(Ramp(kFrameSamples, 1));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame[0], 1);
}

TEST(PcmStreamSource, TheReserveHasACeiling) {
  PcmStreamSource source(PcmStreamSource::Pace::kPaced);
  Frame frame;
  for (int i = 0; i < 100; ++i) {
    source.Push(Ramp(source.stats().reserve_samples));
    while (source.stats().level_samples >= kFrameSamples) source.Read(frame);
    source.Read(frame);
  }
  EXPECT_EQ(source.stats().reserve_samples, 10 * kFrameSamples);
}

TEST(PcmStreamSource, JitterUnderTheReserveIsNotHeard) {
  PcmStreamSource source(PcmStreamSource::Pace::kPaced);
  Frame frame;
  source.Push(Ramp(3 * kFrameSamples));
  for (int i = 0; i < 500; ++i) {
    // Two chunks every second tick.
    if (i % 2 == 1) source.Push(Ramp(2 * kFrameSamples));
    ASSERT_TRUE(source.Read(frame));
  }
  EXPECT_EQ(source.stats().underruns, 0u);
}

TEST(PcmStreamSource, LiveDelayDoesNotGrow) {
  PcmStreamSource source(PcmStreamSource::Pace::kLive);
  Frame frame;
  // A client whose clock is 1 % fast, for ten minutes.
  double owed = 0.0;
  for (int i = 0; i < 30'000; ++i) {
    owed += 1.01 * kFrameSamples;
    const auto chunk = static_cast<size_t>(owed);
    owed -= static_cast<double>(chunk);
    EXPECT_EQ(source.Push(Ramp(chunk)), chunk);
    ASSERT_TRUE(source.Read(frame));
  }
  EXPECT_LE(source.stats().level_samples, kPcmRingSamples);
  EXPECT_GT(source.stats().overrun_samples, 0u);
  // And a stream whose burst is over comes back near its reserve.
  PcmStreamSource burst(PcmStreamSource::Pace::kLive);
  burst.Push(Ramp(20 * kFrameSamples));
  for (int i = 0; i < 10; ++i) {
    burst.Push(Ramp(kFrameSamples));
    burst.Read(frame);
  }
  burst.Push(Ramp(20 * kFrameSamples));  // the media thread stood still for 400 ms
  for (int i = 0; i < 2 * 50; ++i) {
    burst.Push(Ramp(kFrameSamples));
    burst.Read(frame);
  }
  EXPECT_LE(burst.stats().level_samples, 2 * kFrameSamples);
}

TEST(PcmStreamSource, AMicrophoneWaitsForLittle) {
  PcmStreamSource source(PcmStreamSource::Pace::kLive);
  Frame frame;
  // 10 ms at a time, as a sound card gives them, long before the call is answered.
  for (int i = 0; i < 40; ++i) source.Push(Ramp(kPullSamples, static_cast<int16_t>(i)));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(source.stats().level_samples, 240u);
  for (int i = 0; i < 500; ++i) {
    source.Push(Ramp(kPullSamples));
    source.Push(Ramp(kPullSamples));
    ASSERT_TRUE(source.Read(frame));
    ASSERT_EQ(source.stats().level_samples, 240u);
  }
  EXPECT_EQ(source.stats().underruns, 0u);
  // It stops for a while and then gives all at once: the delay is a little more, not by the gap.
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(source.stats().underruns, 1u);
  for (int i = 0; i < 20; ++i) source.Push(Ramp(kPullSamples));
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(source.stats().level_samples, 480u);
}

TEST(PcmStreamSource, LiveTakesTheNewestOfTooMuch) {
  PcmStreamSource source(PcmStreamSource::Pace::kLive);
  EXPECT_EQ(source.Push(std::vector<int16_t>(kPcmRingSamples, 1)), kPcmRingSamples);
  EXPECT_EQ(source.Push(std::vector<int16_t>(kPcmRingSamples + 5, 2)), kPcmRingSamples + 5);
  EXPECT_EQ(source.stats().overrun_samples, kPcmRingSamples + 5);
  Frame frame;
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame[0], 2);
}

TEST(PcmStreamSource, PacedLosesNothing) {
  PcmStreamSource source(PcmStreamSource::Pace::kPaced);
  EXPECT_EQ(source.Push(Ramp(kPcmRingSamples)), kPcmRingSamples);
  EXPECT_EQ(source.space(), 0u);
  EXPECT_EQ(source.Push(Ramp(10)), 0u);
  Frame frame;
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(source.space(), kFrameSamples);
  EXPECT_EQ(source.Push(Ramp(2 * kFrameSamples)), kFrameSamples);
  EXPECT_EQ(source.stats().overrun_samples, 0u);
}

TEST(PcmStreamSource, ClosePlaysTheRest) {
  PcmStreamSource source;
  source.Push(Ramp(100, 1));
  source.Close();
  EXPECT_EQ(source.Push(Ramp(10)), 0u);
  Frame frame;
  ASSERT_TRUE(source.Read(frame));
  EXPECT_EQ(frame[99], 100);
  EXPECT_EQ(frame[100], 0);
  EXPECT_FALSE(source.Read(frame));
}

TEST(PcmStreamSink, TheOldestGoes) {
  PcmStreamSink sink;
  Frame frame;
  for (int i = 0; i < 60; ++i) {
    frame.fill(static_cast<int16_t>(i));
    sink.Write(frame);
  }
  EXPECT_EQ(sink.stats().overrun_samples, 10 * kFrameSamples);
  std::vector<int16_t> out(kFrameSamples);
  EXPECT_EQ(sink.Pop(absl::MakeSpan(out)), kFrameSamples);
  EXPECT_EQ(out[0], 10);
}

TEST(PcmStreamSink, FinishLetsTheRestBeFetched) {
  PcmStreamSink sink;
  EXPECT_FALSE(sink.Wait(1, absl::ZeroDuration()));
  sink.Write(kSilentFrame);
  EXPECT_TRUE(sink.Wait(kFrameSamples, absl::ZeroDuration()));
  EXPECT_FALSE(sink.Wait(kFrameSamples + 1, absl::ZeroDuration()));
  sink.Finish();
  EXPECT_TRUE(sink.Wait(kFrameSamples + 1, absl::ZeroDuration()));
  EXPECT_FALSE(sink.drained());
  std::vector<int16_t> out(2'000);
  EXPECT_EQ(sink.Pop(absl::MakeSpan(out)), kFrameSamples);
  EXPECT_TRUE(sink.drained());
  sink.Write(kSilentFrame);
  EXPECT_TRUE(sink.drained());
}

TEST(PcmStream, TwoThreadsLoseNothing) {
  PcmStreamSource source(PcmStreamSource::Pace::kPaced);
  constexpr size_t kTotal = 400 * kFrameSamples;
  std::thread client([&source] {
    size_t sent = 0;
    while (sent < kTotal) {
      const auto chunk = Ramp(std::min<size_t>(777, kTotal - sent), static_cast<int16_t>(sent));
      const size_t taken = source.Push(chunk);
      sent += taken;
      if (taken == 0) std::this_thread::yield();
    }
    source.Close();
  });
  Frame frame;
  PcmStreamSink sink;
  std::vector<int16_t> heard;
  std::vector<int16_t> piece(5'000);
  while (source.Read(frame)) {
    sink.Write(frame);
    const size_t got = sink.Pop(absl::MakeSpan(piece));
    heard.insert(heard.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
  }
  client.join();
  // Silence of underruns aside, everything arrives in order: each sample follows the one before it.
  const PcmStreamStats stats = source.stats();
  EXPECT_EQ(stats.samples_out, kTotal);
  EXPECT_EQ(stats.overrun_samples, 0u);
}

}  // namespace
}  // namespace p2pd::media
