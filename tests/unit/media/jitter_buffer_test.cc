#include "libcore/media/jitter_buffer.h"

#include <gtest/gtest.h>

#include <map>

#include "libcore/base/rng.h"

namespace p2pd::media {
namespace {

// A 20 ms hybrid packet's first byte (RFC 6716 §3.1), then VAD and LBRR bits, then our own number.
Bytes Packet(uint8_t number, bool fec = false) {
  return Bytes{0x78, static_cast<uint8_t>(fec ? 0x40 : 0), number};
}

// Gives frames whose samples all are the packet's number; what is invented is 900.
class Numbers final : public FrameDecoder {
 public:
  size_t Decode(ByteView payload, absl::Span<int16_t> out) override {
    if (payload.size() < 3) return 0;
    ++decoded;
    return Fill(payload[2], kFrameSamples, out);
  }
  size_t DecodeFec(ByteView payload, size_t samples, absl::Span<int16_t> out) override {
    return Fill(static_cast<int16_t>(payload[2] - 1), samples, out);
  }
  size_t Conceal(size_t samples, absl::Span<int16_t> out) override {
    return Fill(900, samples, out);
  }
  int decoded = 0;

 private:
  static size_t Fill(int16_t value, size_t samples, absl::Span<int16_t> out) {
    std::fill_n(out.begin(), samples, value);
    return samples;
  }
};

class Buffer : public ::testing::Test {
 protected:
  static Instant Ms(double ms) { return Instant::FromNanos(static_cast<int64_t>(ms * 1e6)); }
  void Insert(double at_ms, int number, bool fec = false) {
    buffer_.Insert(Ms(at_ms), 5'000 + static_cast<uint32_t>(number) * 960,
                   Packet(static_cast<uint8_t>(number % 200 + 1), fec));
  }
  JitterBuffer::Sound Get(double at_ms) { return buffer_.Get(Ms(at_ms), frame_); }

  Numbers decoder_;
  JitterBuffer buffer_{decoder_};
  Frame frame_;
};

TEST_F(Buffer, SilenceBeforeTheFirstPacket) {
  EXPECT_EQ(Get(0), JitterBuffer::Sound::kSilence);
  EXPECT_EQ(frame_, kSilentFrame);
  EXPECT_EQ(buffer_.delay(), absl::ZeroDuration());
}

TEST_F(Buffer, StartsToTheSampleAfterTheTarget) {
  const double target = absl::ToDoubleMilliseconds(buffer_.target());
  EXPECT_EQ(target, 40.0);  // 20 for a start, 20 for the pull
  Insert(100, 0);
  Insert(120, 1);
  Insert(140, 2);
  // Three packets in time taught a target of 30: due at 130.
  EXPECT_EQ(Get(109), JitterBuffer::Sound::kSilence);
  EXPECT_EQ(Get(115), JitterBuffer::Sound::kVoice);
  EXPECT_EQ(frame_[719], 0);
  EXPECT_EQ(frame_[720], 1);
}

TEST_F(Buffer, PlaysInOrderWhateverTheOrderOfArrival) {
  Insert(100, 0);
  Insert(141, 2);
  Insert(143, 1);
  Insert(160, 3);
  std::vector<int16_t> heard;
  for (int i = 0; i < 4; ++i) {
    Get(145 + 20 * i);
    heard.push_back(frame_[10]);
  }
  EXPECT_EQ(heard, (std::vector<int16_t>{1, 2, 3, 4}));
  EXPECT_EQ(buffer_.stats().packets_late, 0u);
}

// Plays `count` packets at 20 ms, with what `fate` makes of each: its lateness, or nothing.
template <class Fate>
std::map<int16_t, int> Play(JitterBuffer& buffer, int count, Fate fate) {
  std::map<int16_t, int> heard;  // how many samples of each number
  Frame frame;
  std::multimap<double, int> arrivals;
  for (int i = 0; i < count; ++i) {
    const std::optional<double> late = fate(i);
    if (late) arrivals.emplace(1'000.0 + 20.0 * i + *late, i);
  }
  for (double now = 1'003.0; now < 1'000.0 + 20.0 * count; now += 20.0) {
    while (!arrivals.empty() && arrivals.begin()->first <= now) {
      const int number = arrivals.begin()->second;
      buffer.Insert(Instant::FromNanos(static_cast<int64_t>(arrivals.begin()->first * 1e6)),
                    static_cast<uint32_t>(number) * 960,
                    Packet(static_cast<uint8_t>(number % 200 + 1), true));
      arrivals.erase(arrivals.begin());
    }
    buffer.Get(Instant::FromNanos(static_cast<int64_t>(now * 1e6)), frame);
    for (const int16_t sample : frame) ++heard[sample];
  }
  return heard;
}

TEST_F(Buffer, ACleanStreamIsUntouched) {
  const auto heard = Play(buffer_, 150, [](int) { return 0.0; });
  EXPECT_EQ(heard.count(900), 0u);
  for (int16_t number = 5; number < 140; ++number) EXPECT_EQ(heard.at(number), 960) << number;
  EXPECT_EQ(buffer_.target(), absl::Milliseconds(30));
  EXPECT_LE(buffer_.delay(), absl::Milliseconds(38));
}

TEST_F(Buffer, ALostPacketComesFromTheNextOnesFec) {
  const auto heard = Play(buffer_, 190, [](int i) {
    return i >= 50 && i % 10 == 0 ? std::nullopt : std::optional(0.0);
  });
  // The first losses teach the buffer to wait for FEC; afterwards nothing is invented.
  EXPECT_EQ(buffer_.stats().samples_recovered / kFrameSamples +
                buffer_.stats().samples_concealed / kFrameSamples,
            14u);
  EXPECT_LE(buffer_.stats().samples_concealed, 2 * kFrameSamples);
  // Packet 100 was lost; its number is heard all the same.
  EXPECT_NEAR(heard.at(101), 960, 480);
  EXPECT_EQ(buffer_.target(), absl::Milliseconds(50));
}

TEST_F(Buffer, ARowOfLossesIsConcealedAndTimeGoesOn) {
  const auto heard = Play(
      buffer_, 190, [](int i) { return i >= 100 && i < 105 ? std::nullopt : std::optional(0.0); });
  // Four or five invented, the last from FEC if it was there; the delay is what it was.
  const double invented = static_cast<double>(heard.at(900)) / kFrameSamples;
  EXPECT_GE(invented, 3.5);
  EXPECT_LE(invented, 5.5);
  EXPECT_LE(buffer_.delay(), buffer_.target() + absl::Milliseconds(20));
}

TEST_F(Buffer, LatePacketsArePlayedNotDropped) {
  // From 100 on everything is 60 ms late, once: time is stretched, no packet is lost.
  Play(buffer_, 190, [](int i) { return i >= 100 ? 60.0 : 0.0; });
  EXPECT_EQ(buffer_.stats().packets_late, 0u);
  EXPECT_LE(buffer_.stats().samples_concealed, 4 * kFrameSamples);
}

TEST_F(Buffer, DelayComesBackAfterASpike) {
  JitterBuffer spiked(decoder_);
  Play(spiked, 70, [](int i) { return i >= 40 && i < 60 ? 200.0 : 0.0; });
  EXPECT_GE(spiked.delay(), absl::Milliseconds(100));
  // The same and five seconds of calm.
  Play(buffer_, 310, [](int i) { return i >= 40 && i < 60 ? 200.0 : 0.0; });
  EXPECT_LE(buffer_.delay(), absl::Milliseconds(60));
  EXPECT_GT(buffer_.stats().samples_removed, 0u);
}

TEST_F(Buffer, DriftIsTakenUpWithoutAGap) {
  for (const double ppm : {-500.0, 500.0}) {
    JitterBuffer buffer(decoder_);
    const double interval = 20.0 * (1.0 + ppm / 1e6);
    absl::Duration least = absl::InfiniteDuration();
    absl::Duration most = absl::ZeroDuration();
    Frame frame;
    int number = 0;
    for (int i = 0; i < 30'000; ++i) {  // ten minutes
      const double now = 1'003.0 + 20.0 * i;
      for (double sent = 1'000.0 + interval * number; sent <= now;
           sent = 1'000.0 + interval * number) {
        buffer.Insert(Ms(sent), static_cast<uint32_t>(number) * 960,
                      Packet(static_cast<uint8_t>(number % 200 + 1)));
        ++number;
      }
      buffer.Get(Ms(now), frame);
      if (i < 500) continue;
      least = std::min(least, buffer.delay());
      most = std::max(most, buffer.delay());
    }
    EXPECT_EQ(buffer.stats().samples_concealed, 0u) << ppm;
    EXPECT_EQ(buffer.stats().packets_late, 0u) << ppm;
    EXPECT_LE(most - least, absl::Milliseconds(15)) << ppm;
  }
}

TEST_F(Buffer, AfterLongSilenceItPausesAndStartsAfresh) {
  Play(buffer_, 50, [](int) { return 0.0; });
  double now = 3'000.0;
  int silent = 0;
  for (int i = 0; i < 100; ++i, now += 20.0) {
    if (Get(now) == JitterBuffer::Sound::kSilence) ++silent;
  }
  EXPECT_GE(silent, 70);
  EXPECT_EQ(buffer_.stats().pauses, 1u);
  EXPECT_LE(buffer_.stats().samples_concealed, 27 * kFrameSamples);
  // The sender's clock went on meanwhile.
  const auto timestamp = static_cast<uint32_t>((now - 1'000.0) * 48.0);
  for (uint32_t i = 0; i < 5; ++i)
    buffer_.Insert(Ms(now + 20 * i), timestamp + i * 960, Packet(77));
  EXPECT_EQ(Get(now + 100), JitterBuffer::Sound::kVoice);
  EXPECT_EQ(frame_[500], 77);
}

TEST_F(Buffer, AFullBufferStartsAfresh) {
  for (int i = 0; i < 120; ++i) Insert(100, i);
  const JitterBufferStats stats = buffer_.stats();
  EXPECT_LE(stats.packets_waiting, kMaxBufferedPackets);
  EXPECT_EQ(stats.packets_flushed, 100u);
  EXPECT_EQ(Get(400), JitterBuffer::Sound::kVoice);
  EXPECT_EQ(frame_[0], 101);
}

TEST_F(Buffer, DuplicatesLateOnesAndNonsenseAreCounted) {
  Insert(100, 0);
  Insert(101, 0);
  EXPECT_EQ(buffer_.stats().packets_duplicate, 1u);
  Get(160);
  Get(180);
  Insert(190, 0);
  EXPECT_EQ(buffer_.stats().packets_late, 1u);
  buffer_.Insert(Ms(200), 5'000 + 960, {});
  buffer_.Insert(Ms(200), 5'000 + 960, Bytes(kMaxOpusPayload + 1, 0x78));
  EXPECT_EQ(buffer_.stats().packets_undecodable, 2u);
}

TEST_F(Buffer, AnUndecodablePacketIsConcealed) {
  Insert(100, 0);
  buffer_.Insert(Ms(120), 5'000 + 960, Bytes{0x78, 0});  // an Opus packet that our decoder refuses
  Insert(140, 2);
  Insert(160, 3);
  std::map<int16_t, int> heard;
  for (int i = 0; i < 4; ++i) {
    Get(160 + 20 * i);
    for (const int16_t sample : frame_) ++heard[sample];
  }
  EXPECT_GT(heard[900], 0);
  EXPECT_GT(heard[3], 0);
  EXPECT_EQ(buffer_.stats().packets_undecodable, 1u);
}

TEST_F(Buffer, TimestampsMayWrap) {
  JitterBuffer buffer(decoder_);
  Frame frame;
  const uint32_t base = 0xffff'ffff - 10 * 960;
  for (int i = 0; i < 60; ++i) {
    buffer.Insert(Ms(1'000 + 20 * i), base + static_cast<uint32_t>(i) * 960,
                  Packet(static_cast<uint8_t>(i + 1)));
    buffer.Get(Ms(1'001 + 20 * i), frame);
  }
  EXPECT_EQ(buffer.stats().samples_concealed, 0u);
  EXPECT_EQ(buffer.stats().packets_late, 0u);
}

TEST_F(Buffer, AJumpOfTheTimestampIsANewStream) {
  for (const uint32_t jump : {0x4000'0000u, 0xc000'0000u, 48'000u * 6}) {
    JitterBuffer buffer(decoder_);
    Frame frame;
    for (int i = 0; i < 200; ++i) {
      const uint32_t base = i < 50 ? 7'000 : 7'000 + jump;
      buffer.Insert(Ms(1'000 + 20 * i), base + static_cast<uint32_t>(i) * 960,
                    Packet(static_cast<uint8_t>(i + 1)));
      buffer.Get(Ms(1'001 + 20 * i), frame);
    }
    EXPECT_EQ(buffer.stats().restarts, 1u);
    EXPECT_LE(buffer.delay(), absl::Milliseconds(60));
    EXPECT_GE(frame[500], 196);  // one of the latest packets
  }
}

TEST_F(Buffer, OneWrongTimestampDoesNotSilenceTheRest) {
  for (const uint32_t wrong : {0x4000'0000u, 0xc000'0000u}) {
    JitterBuffer buffer(decoder_);
    Frame frame;
    for (int i = 0; i < 150; ++i) {
      const uint32_t timestamp = static_cast<uint32_t>(i) * 960 + (i == 50 ? wrong : 0);
      buffer.Insert(Ms(1'000 + 20 * i), timestamp, Packet(static_cast<uint8_t>(i + 1)));
      buffer.Get(Ms(1'001 + 20 * i), frame);
    }
    EXPECT_GE(frame[500], 146);
    EXPECT_LE(buffer.stats().packets_late, 2u);
  }
}

TEST_F(Buffer, RandomTimestampsAreSurvived) {
  SeededRng rng(4);
  for (int i = 0; i < 3'000; ++i) {
    const double now = 1'000.0 + 20.0 * i;
    buffer_.Insert(Ms(now), static_cast<uint32_t>(rng.Next()), Packet(9, rng.Below(2) == 0));
    Get(now + 1);
  }
  EXPECT_LE(buffer_.stats().packets_waiting, kMaxBufferedPackets);
}

TEST_F(Buffer, PauseForgetsPacketsNotTheNetwork) {
  Play(buffer_, 200, [](int i) { return i % 3 == 0 ? 70.0 : 0.0; });
  const absl::Duration learnt = buffer_.target();
  EXPECT_GE(learnt, absl::Milliseconds(80));
  buffer_.Pause();
  EXPECT_EQ(buffer_.stats().packets_waiting, 0u);
  EXPECT_EQ(buffer_.target(), learnt);
  EXPECT_EQ(Get(6'000), JitterBuffer::Sound::kSilence);
}

}  // namespace
}  // namespace p2pd::media
