#include "libcore/media/jitter_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

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
    if (payload.size() == 1) return Fill(0, kFrameSamples, out);
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
  void InsertCopy(double at_ms, int number) {
    buffer_.InsertCopy(Ms(at_ms), static_cast<uint32_t>(5'000 + number * 960),
                       Packet(static_cast<uint8_t>(number % 200 + 1)));
  }
  JitterBuffer::Sound Get(double at_ms) { return buffer_.Get(Ms(at_ms), absl::MakeSpan(frame_)); }

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
    Get(150 + 20 * i);
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
    buffer.Get(Instant::FromNanos(static_cast<int64_t>(now * 1e6)), absl::MakeSpan(frame));
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
  // The next packet, a little slack, and the pull.
  EXPECT_EQ(buffer_.target(), absl::Milliseconds(45));
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
      buffer.Get(Ms(now), absl::MakeSpan(frame));
      if (i < 500) continue;
      least = std::min(least, buffer.delay());
      most = std::max(most, buffer.delay());
    }
    EXPECT_EQ(buffer.stats().samples_concealed, 0u) << ppm;
    EXPECT_EQ(buffer.stats().packets_late, 0u) << ppm;
    EXPECT_LE(most - least, absl::Milliseconds(10)) << ppm;
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
    buffer.Get(Ms(1'001 + 20 * i), absl::MakeSpan(frame));
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
      buffer.Get(Ms(1'001 + 20 * i), absl::MakeSpan(frame));
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
      buffer.Get(Ms(1'001 + 20 * i), absl::MakeSpan(frame));
    }
    EXPECT_GE(frame[500], 146);
    EXPECT_LE(buffer.stats().packets_late, 2u);
  }
}

TEST_F(Buffer, ACopyIsPlayedInItsFramesPlace) {
  std::vector<int16_t> heard;
  for (int i = 0; i < 180; ++i) {
    // Two of ten are lost in a row; each packet has a copy of the frame two before it.
    if (i % 10 != 5 && i % 10 != 6) {
      Insert(1'000 + 20 * i, i);
      InsertCopy(1'000 + 20 * i, i - 2);
    }
    if (Get(1'005 + 20 * i) == JitterBuffer::Sound::kVoice && i >= 120)
      heard.push_back(frame_[900]);
  }
  // The buffer has learnt to wait for copies; nothing is invented or repeated.
  EXPECT_EQ(std::count(heard.begin(), heard.end(), 900), 0);
  for (size_t i = 1; i < heard.size(); ++i) EXPECT_EQ(heard[i], heard[i - 1] + 1) << i;
  EXPECT_GE(buffer_.stats().samples_recovered, 20 * kFrameSamples);
  EXPECT_GE(buffer_.delay(), absl::Milliseconds(40));
  EXPECT_EQ(buffer_.stats().packets_late, 0u);
  EXPECT_EQ(buffer_.stats().packets_duplicate, 0u);
}

TEST_F(Buffer, CopiesOfWhatIsThereCostNothing) {
  for (int i = 0; i < 100; ++i) {
    Insert(1'000 + 20 * i, i);
    InsertCopy(1'000 + 20 * i, i - 1);
    InsertCopy(1'000 + 20 * i, i - 3);
    Get(1'005 + 20 * i);
  }
  EXPECT_EQ(buffer_.stats().copies_inserted, 0u);
  EXPECT_EQ(buffer_.stats().samples_recovered, 0u);
  EXPECT_EQ(buffer_.target(), absl::Milliseconds(30));
}

TEST_F(Buffer, APacketThatItsCopyOvertookIsNoDuplicate) {
  Insert(1'000, 0);
  Insert(1'040, 2);
  InsertCopy(1'040, 1);
  Insert(1'041, 1);
  Insert(1'042, 1);
  EXPECT_EQ(buffer_.stats().copies_inserted, 1u);
  EXPECT_EQ(buffer_.stats().packets_duplicate, 1u);
  EXPECT_EQ(buffer_.stats().packets_waiting, 3u);
}

TEST_F(Buffer, ACopyAloneStartsNothing) {
  InsertCopy(1'000, 3);
  EXPECT_EQ(buffer_.stats().packets_waiting, 0u);
  EXPECT_EQ(Get(1'100), JitterBuffer::Sound::kSilence);
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

// What a buffer made of a minute of a network.
struct Outcome {
  double median_delay = 0.0;  // ms behind the fastest packet
  double most_delay = 0.0;
  double concealed = 0.0;  // share
  double recovered = 0.0;
  JitterBufferStats stats;
};

struct Network {
  const char* name;
  double jitter_ms = 0.0;  // one-sided normal
  bool fifo = true;
  double loss = 0.0;
  double to_bad = 0.0;  // Gilbert-Elliott
  double to_good = 1.0;
  double spike_ms = 0.0;  // every 5 s, for 60 ms
  double ppm = 0.0;
  // What must hold.
  double most_median = 0.0;
  double most_concealed = 0.0;
  double least_recovered = 0.0;
};

Outcome Simulate(const Network& network, uint64_t seed) {
  constexpr int kPackets = 3'000;
  SeededRng rng(seed);
  Numbers decoder;
  JitterBuffer buffer(decoder, kPullSamples);
  buffer.SetOtherDelay(absl::Milliseconds(46));
  std::multimap<double, int> arrivals;
  bool bad = false;
  double last = 0.0;
  for (int i = 0; i < kPackets; ++i) {
    const double sent = 1'000.0 + 20.0 * i * (1.0 + network.ppm / 1e6);
    const double normal = std::sqrt(-2.0 * std::log(1.0 - rng.Unit())) *
                          std::cos(2.0 * std::numbers::pi * rng.Unit());
    bad = bad ? rng.Unit() >= network.to_good : rng.Unit() < network.to_bad;
    if (rng.Unit() < network.loss || bad) continue;
    double at = sent + std::abs(normal) * network.jitter_ms;
    if (i % 250 >= 100 && i % 250 < 103) at += network.spike_ms;
    if (network.fifo) at = std::max(at, last);
    last = at;
    arrivals.emplace(at, i);
  }
  std::vector<double> delays;
  std::array<int16_t, kPullSamples> out;
  auto next = arrivals.begin();
  for (int tick = 0; tick < 2 * kPackets; ++tick) {
    const double now = 1'003.0 + 10.0 * tick;
    for (; next != arrivals.end() && next->first <= now; ++next) {
      buffer.Insert(Instant::FromNanos(static_cast<int64_t>(next->first * 1e6)),
                    static_cast<uint32_t>(next->second) * 960,
                    Packet(static_cast<uint8_t>(next->second % 200 + 1), true));
    }
    buffer.Get(Instant::FromNanos(static_cast<int64_t>(now * 1e6)), absl::MakeSpan(out));
    delays.push_back(absl::ToDoubleMilliseconds(buffer.delay()));
  }
  std::sort(delays.begin(), delays.end());
  Outcome outcome;
  outcome.stats = buffer.stats();
  outcome.median_delay = delays[delays.size() / 2];
  outcome.most_delay = delays.back();
  const double all = 960.0 * kPackets;
  outcome.concealed = static_cast<double>(outcome.stats.samples_concealed) / all;
  outcome.recovered = static_cast<double>(outcome.stats.samples_recovered) / all;
  return outcome;
}

// Delay counts from the fastest packet; a frame, the codec and the network come on top of it.
const Network kNetworks[] = {
    {.name = "Clean", .most_median = 22},
    {.name = "Jitter15", .jitter_ms = 15, .most_median = 60, .most_concealed = 0.005},
    {.name = "Jitter40", .jitter_ms = 40, .most_median = 130, .most_concealed = 0.012},
    {.name = "Reorder15",
     .jitter_ms = 15,
     .fifo = false,
     .most_median = 65,
     .most_concealed = 0.01},
    {.name = "Loss10",
     .loss = 0.1,
     .most_median = 45,
     .most_concealed = 0.02,
     .least_recovered = 0.08},
    {.name = "Loss20",
     .loss = 0.2,
     .most_median = 45,
     .most_concealed = 0.06,
     .least_recovered = 0.14},
    {.name = "Bursts",
     .to_bad = 0.03,
     .to_good = 0.4,
     .most_median = 45,
     .most_concealed = 0.06,
     .least_recovered = 0.02},
    {.name = "Spikes", .spike_ms = 200, .most_median = 115, .most_concealed = 0.045},
    {.name = "DriftAndJitter",
     .jitter_ms = 15,
     .ppm = 500,
     .most_median = 60,
     .most_concealed = 0.005},
};

class BufferOver : public ::testing::TestWithParam<Network> {};

TEST_P(BufferOver, DelayAndConcealmentAreBounded) {
  const Network& network = GetParam();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Outcome outcome = Simulate(network, seed);
    EXPECT_LE(outcome.median_delay, network.most_median) << seed;
    EXPECT_LE(outcome.concealed, network.most_concealed) << seed;
    EXPECT_GE(outcome.recovered, network.least_recovered) << seed;
    EXPECT_LE(outcome.most_delay, 320.0) << seed;
    EXPECT_EQ(outcome.stats.packets_flushed, 0u) << seed;
    // A fifo's packets are all played, however late.
    if (network.fifo) {
      EXPECT_EQ(outcome.stats.packets_late, 0u) << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, BufferOver, ::testing::ValuesIn(kNetworks),
                         [](const ::testing::TestParamInfo<Network>& each) {
                           return std::string(each.param.name);
                         });

// What Opus sends in DTX: one byte, no frame.
Bytes SilentPacket() { return Bytes{0x78}; }

TEST_F(Buffer, ASilentSenderIsNeitherLostNorStalled) {
  JitterBuffer buffer(decoder_, kPullSamples);
  std::array<int16_t, kPullSamples> out;
  // A second of speech, two of silence with a sign of life every 400 ms, speech again; the network
  // is 30 ms slower from there on.
  std::multimap<double, std::pair<uint32_t, Bytes>> arrivals;
  for (int i = 0; i < 200; ++i) {
    const bool silent = i >= 50 && i < 150;
    if (silent && i % 20 != 10) continue;
    arrivals.emplace(
        1'000.0 + 20.0 * i + (i >= 150 ? 30.0 : 0.0),
        std::pair(static_cast<uint32_t>(i) * 960, silent ? SilentPacket() : Packet(7)));
  }
  int silence = 0;
  for (int tick = 0; tick < 400; ++tick) {
    const double now = 1'003.0 + 10.0 * tick;
    while (!arrivals.empty() && arrivals.begin()->first <= now) {
      const auto& [timestamp, payload] = arrivals.begin()->second;
      buffer.Insert(Ms(now), timestamp, payload);
      arrivals.erase(arrivals.begin());
    }
    const JitterBuffer::Sound sound = buffer.Get(Ms(now), absl::MakeSpan(out));
    if (tick > 10 && sound == JitterBuffer::Sound::kSilence) ++silence;
  }
  const JitterBufferStats stats = buffer.stats();
  EXPECT_EQ(silence, 0);
  EXPECT_EQ(stats.pauses, 0u);
  EXPECT_LE(stats.samples_concealed, 2 * kFrameSamples);
  EXPECT_NEAR(static_cast<double>(stats.samples_comfort), 95.0 * kFrameSamples,
              10.0 * kFrameSamples);
  EXPECT_EQ(stats.packets_late, 0u);
}

TEST_F(Buffer, ASilentSenderThatVanishesPauses) {
  for (int i = 0; i < 20; ++i) Insert(1'000 + 20 * i, i);
  buffer_.Insert(Ms(1'400), 5'000 + 20 * 960, SilentPacket());
  int silent = 0;
  for (int i = 0; i < 150; ++i) {
    if (Get(1'003 + 20 * i) == JitterBuffer::Sound::kSilence) ++silent;
  }
  EXPECT_GE(silent, 70);
  EXPECT_EQ(buffer_.stats().pauses, 1u);
}

TEST_F(Buffer, HalfAFrameIsRecoveredWhereTheOtherHalfWasInvented) {
  // Packet 20 is lost, and 21, which has its redundancy, comes sooner or later.
  uint64_t halves = 0;
  for (int late = 0; late < 20; ++late) {
    JitterBuffer buffer(decoder_, kPullSamples);
    std::array<int16_t, kPullSamples> out;
    int number = 0;
    for (int ms = 0; ms < 800; ++ms) {
      if (ms == 20 * number + (number == 21 ? late : 0)) {
        if (number != 20) {
          buffer.Insert(Ms(1'000 + ms), static_cast<uint32_t>(number) * 960,
                        Packet(static_cast<uint8_t>(number + 1), true));
        }
        ++number;
      }
      if (ms % 10 == 3) buffer.Get(Ms(1'000 + ms), absl::MakeSpan(out));
    }
    const JitterBufferStats stats = buffer.stats();
    const uint64_t stood_in = stats.samples_recovered + stats.samples_concealed;
    EXPECT_GE(stood_in, kFrameSamples) << late;
    EXPECT_LE(stood_in, kFrameSamples + kPullSamples) << late;  // and 10 ms of waiting for 21
    EXPECT_EQ(stats.packets_late, 0u) << late;
    if (stats.samples_recovered == kPullSamples) ++halves;
  }
  EXPECT_GT(halves, 0u);
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
