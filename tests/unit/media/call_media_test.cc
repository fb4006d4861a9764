#include "libcore/media/call_media.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>

#include "libcore/media/rtp_packet.h"
#include "tests/tools/speech_comparison.h"
#include "tests/unit/media/call_pair.h"
#include "tests/unit/media/speech.h"

namespace p2pd::media {
namespace {

using Kind = MediaEvent::Kind;

int Count(const std::vector<MediaEvent>& events, Kind kind) {
  return static_cast<int>(std::count_if(events.begin(), events.end(),
                                        [kind](const auto& e) { return e.kind == kind; }));
}

int64_t Loudness(absl::Span<const int16_t> samples) {
  int64_t peak = 0;
  for (const int16_t sample : samples) peak = std::max(peak, std::abs(int64_t{sample}));
  return peak;
}

CallPair::Options Talk(int seconds) {
  CallPair::Options options;
  options.a_says = Speech(Speaker::kReader, seconds);
  options.b_says = Speech(Speaker::kPlayer, seconds);
  return options;
}

TEST(CallMedia, BothAreUnderstoodAndNobodyElse) {
  CallPair::Options options = Talk(12);
  const auto a_says = options.a_says;
  const auto b_says = options.b_says;
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(13));
  const auto there = tools::CompareSpeech(a_says, pair.b_heard());
  const auto back = tools::CompareSpeech(b_says, pair.a_heard());
  EXPECT_GE(there.estoi, 0.95);
  EXPECT_GE(back.estoi, 0.95);
  EXPECT_GE(there.coverage, 0.99);
  // 20 ms of network, at most 40 of buffer, 6.5 of Opus, and the phase between the clocks.
  EXPECT_LE(there.delay_ms, 80.0);
  EXPECT_LE(there.delay_max_ms - there.delay_min_ms, 15.0);
  EXPECT_LT(tools::CompareSpeech(b_says, pair.b_heard()).estoi, 0.3);
  EXPECT_LT(tools::CompareSpeech(a_says, pair.a_heard()).estoi, 0.3);

  const CallStats stats = pair.b().stats(pair.Now(true));
  EXPECT_EQ(stats.packets_lost, 0u);
  EXPECT_EQ(stats.frames_concealed, 0u);
  EXPECT_EQ(stats.packets_late, 0u);
  EXPECT_EQ(stats.late_ticks, 0u);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(stats.rtt.value()), 40.0, 2.0);
  EXPECT_NEAR(static_cast<double>(stats.packets_received), 650, 3);
  EXPECT_NEAR(stats.send_bitrate, 45'000, 15'000);
  EXPECT_NEAR(stats.receive_bitrate, 45'000, 15'000);
  EXPECT_GT(stats.r_factor, 90.0);
  EXPECT_GT(stats.mos, 4.3);
  EXPECT_STREQ(stats.codec, "opus");
  EXPECT_STREQ(stats.suite, "AEAD_AES_128_GCM");
  EXPECT_EQ(Count(pair.b_events(), Kind::kFirstAudio), 1);
  EXPECT_EQ(Count(pair.b_events(), Kind::kSourceExhausted), 1);
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 0);
  EXPECT_EQ(Count(pair.b_events(), Kind::kRemoteMoved), 0);
}

TEST(CallMedia, OnRequestWhoIsSilentSendsNextToNothing) {
  // Twelve seconds of speech, as many of silence, and speech again; and the same by default.
  std::vector<size_t> bytes;
  for (const bool dtx : {false, true}) {
    CallPair::Options options = Talk(12);
    options.media.dtx = dtx;
    const std::vector<int16_t> says = options.a_says;
    options.a_says.resize(says.size() + 12 * size_t{kSampleRate});
    options.a_says.insert(options.a_says.end(), says.begin(), says.end());
    CallPair pair(std::move(options));
    pair.Run(absl::Seconds(15));
    const size_t before = pair.bytes_from_a();
    pair.Run(absl::Seconds(6));
    bytes.push_back(pair.bytes_from_a() - before);
    pair.Run(absl::Seconds(16));
    const absl::Span<const int16_t> heard = pair.b_heard();
    EXPECT_GE(tools::CompareSpeech(says, heard.first(13 * size_t{kSampleRate})).estoi, 0.94) << dtx;
    EXPECT_GE(tools::CompareSpeech(says, heard.subspan(24 * size_t{kSampleRate})).estoi, 0.94)
        << dtx;
    const CallStats stats = pair.b().stats(pair.Now(true));
    EXPECT_EQ(stats.packets_lost, 0u);
    EXPECT_LE(stats.concealed, 0.005) << dtx;
    EXPECT_EQ(stats.packets_late, 0u);
    EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 0);
  }
  EXPECT_LT(bytes[1], bytes[0] / 5);
}

struct Network {
  const char* name;
  Link link;
  double drift_ppm;
  double least_estoi;
  double most_delay_ms;   // network, buffer and codec, median
  double most_concealed;  // share
};

Link Make(const std::function<void(Link&)>& change) {
  Link link;
  change(link);
  return link;
}

const Network kNetworks[] = {
    {"Jitter15", Make([](Link& l) { l.jitter = absl::Milliseconds(15); }), 0, 0.95, 115, 0.01},
    {"Jitter40", Make([](Link& l) { l.jitter = absl::Milliseconds(40); }), 0, 0.90, 190, 0.02},
    {"Reorder40", Make([](Link& l) {
       l.jitter = absl::Milliseconds(40);
       l.reorder = true;
     }),
     0, 0.90, 190, 0.02},
    {"Loss5", Make([](Link& l) { l.loss = 0.05; }), 0, 0.92, 95, 0.04},
    {"Loss10", Make([](Link& l) { l.loss = 0.10; }), 0, 0.87, 100, 0.06},
    {"Loss20", Make([](Link& l) { l.loss = 0.20; }), 0, 0.80, 100, 0.14},
    {"Bursts", Make([](Link& l) {
       l.to_bad = 0.03;
       l.to_good = 0.4;
     }),
     // A copy that stands beyond the burst is waited for: up to 40 ms more than FEC.
     0, 0.84, 120, 0.08},
    {"Duplicates", Make([](Link& l) { l.duplicate = 0.3; }), 0, 0.95, 80, 0.0},
    {"DriftFast", Make([](Link&) {}), 500, 0.95, 85, 0.0},
    {"DriftSlow", Make([](Link&) {}), -500, 0.95, 85, 0.0},
    {"Everything", Make([](Link& l) {
       l.jitter = absl::Milliseconds(20);
       l.reorder = true;
       l.loss = 0.05;
       l.duplicate = 0.02;
     }),
     300, 0.85, 150, 0.05},
};

class OverNetwork : public ::testing::TestWithParam<Network> {};

TEST_P(OverNetwork, SpeechIsUnderstood) {
  const Network& network = GetParam();
  CallPair::Options options = Talk(12);
  const auto a_says = options.a_says;
  options.there = network.link;
  options.back = network.link;
  options.drift_ppm = network.drift_ppm;
  options.late_ticks = absl::Milliseconds(4);
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(13));
  const auto heard = tools::CompareSpeech(a_says, pair.b_heard());
  EXPECT_GE(heard.estoi, network.least_estoi);
  EXPECT_LE(heard.delay_ms, network.most_delay_ms);
  const CallStats stats = pair.b().stats(pair.Now(true));
  EXPECT_LE(stats.concealed, network.most_concealed);
  EXPECT_EQ(stats.dropped_forged, 0u);
}

INSTANTIATE_TEST_SUITE_P(Networks, OverNetwork, ::testing::ValuesIn(kNetworks),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(CallMedia, FirstAudioComesRightAfterTheFirstPacket) {
  CallPair pair(Talk(2));
  const Instant start = pair.Now(true);
  pair.Run(absl::Seconds(1));
  ASSERT_FALSE(pair.b_events().empty());
  ASSERT_EQ(pair.b_events()[0].kind, Kind::kFirstAudio);
  // One way 20 ms and at most 60 more.
  EXPECT_LE(pair.b_events()[0].at - start, absl::Milliseconds(80));
}

TEST(CallMedia, DelayComesBackAfterTheNetworkCalmsDown) {
  CallPair pair(Talk(20));
  pair.Run(absl::Seconds(3));
  const absl::Duration calm = pair.b_delays().back();
  pair.there().jitter = absl::Milliseconds(60);
  pair.Run(absl::Seconds(6));
  EXPECT_GT(pair.b_delays().back(), calm + absl::Milliseconds(60));
  pair.there().jitter = absl::ZeroDuration();
  pair.Run(absl::Seconds(5));
  EXPECT_LE(pair.b_delays().back(), calm + absl::Milliseconds(20));
}

TEST(CallMedia, LossShowsInBothEndsStatistics) {
  CallPair::Options options = Talk(20);
  options.there.loss = 0.2;
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(15));
  const CallStats a = pair.a().stats(pair.Now());
  const CallStats b = pair.b().stats(pair.Now(true));
  EXPECT_NEAR(b.loss, 0.2, 0.1);
  EXPECT_NEAR(a.remote_loss, 0.2, 0.1);
  EXPECT_NEAR(static_cast<double>(b.packets_lost), 150, 50);
  EXPECT_GE(a.encoder_loss_percent, 10);
  EXPECT_EQ(b.encoder_loss_percent, 5);
  EXPECT_GT(b.frames_recovered, 20u);
  EXPECT_LT(b.r_factor, a.r_factor);
}

// Two calls over a link, with copies or without: what b understood of a and made up, on average,
// and a's last choice.
struct Guarded {
  double estoi = 0.0;
  double concealed = 0.0;
  int distance = 0;
};

Guarded Guard(const Link& there, bool copies) {
  Guarded guarded;
  for (const uint64_t seed : {2, 3}) {
    CallPair::Options options;
    options.seed = seed;
    options.a_says = Speech(Speaker::kReader, 20);
    options.there = there;
    options.offer.redundancy = copies;
    options.late_ticks = absl::Milliseconds(4);
    const auto a_says = options.a_says;
    CallPair pair(std::move(options));
    pair.Run(absl::Seconds(21));
    guarded.estoi += tools::CompareSpeech(a_says, pair.b_heard()).estoi / 2.0;
    guarded.concealed += pair.b().stats(pair.Now(true)).concealed / 2.0;
    guarded.distance = pair.a().stats(pair.Now()).copy_distance;
  }
  return guarded;
}

TEST(CallMedia, CopiesSaveWhatFecCannotWhenAFifthIsLost) {
  const Link link = Make([](Link& l) { l.loss = 0.2; });
  const Guarded with = Guard(link, true);
  const Guarded without = Guard(link, false);
  EXPECT_EQ(with.distance, 1);
  EXPECT_EQ(without.distance, 0);
  EXPECT_LT(with.concealed, 0.8 * without.concealed);
  EXPECT_GT(with.estoi, without.estoi + 0.01);
}

TEST(CallMedia, CopiesOfBurstsStandBeyondThem) {
  const Link link = Make([](Link& l) {
    l.to_bad = 0.03;
    l.to_good = 0.4;
  });
  const Guarded with = Guard(link, true);
  const Guarded without = Guard(link, false);
  EXPECT_GE(with.distance, 2);
  EXPECT_LT(with.concealed, 0.8 * without.concealed);
  EXPECT_GT(with.estoi, without.estoi);
}

TEST(CallMedia, CopiesDoNotFillANarrowWay) {
  CallPair::Options options = Talk(24);
  // Room for frames with FEC, not for copies.
  options.there.kbps = 50.0;
  options.there.loss = 0.2;
  CallPair pair(std::move(options));
  int with_copies = 0;
  int queued = 0;
  for (int i = 0; i < 240; ++i) {
    pair.Run(absl::Milliseconds(100));
    const CallStats stats = pair.a().stats(pair.Now());
    with_copies += stats.copy_distance > 0 ? 1 : 0;
    queued += stats.send_queue > absl::Milliseconds(60) ? 1 : 0;
  }
  // They are tried, since 20 % are lost, and end within a report or two each time.
  EXPECT_GT(with_copies, 0);
  EXPECT_LT(with_copies, 90);
  EXPECT_LT(queued, 90);
}

TEST(CallMedia, ANarrowWayIsGivenWhatItHasRoomFor) {
  CallPair::Options options = Talk(30);
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(5));
  EXPECT_EQ(pair.a().stats(pair.Now()).encoder_bitrate, kDefaultBitrate);
  // 32 kbit/s of voice need 56 with all headers.
  pair.there().kbps = 46.0;
  pair.Run(absl::Seconds(14));
  const CallStats stats = pair.a().stats(pair.Now());
  EXPECT_LT(stats.encoder_bitrate, kDefaultBitrate);
  EXPECT_LT(stats.send_queue, absl::Milliseconds(60));
  EXPECT_LT(pair.b_delays().back(), absl::Milliseconds(100));
  // Some went before the first report of the queue.
  EXPECT_LT(pair.b().stats(pair.Now(true)).packets_lost, 20u);
  // The other way has room.
  EXPECT_EQ(pair.b().stats(pair.Now(true)).encoder_bitrate, kDefaultBitrate);
}

TEST(CallMedia, TheReportsOfThePeerTellWhetherItHears) {
  CallPair::Options options = Talk(5);
  options.there.loss = 1.0;
  CallPair pair(std::move(options));
  pair.Run(absl::Milliseconds(900));
  EXPECT_EQ(pair.a().stats(pair.Now()).peer_hears, PeerHears::kUnknown);
  pair.Run(absl::Seconds(2));
  EXPECT_EQ(pair.a().stats(pair.Now()).peer_hears, PeerHears::kNothing);
  EXPECT_EQ(pair.b().stats(pair.Now(true)).peer_hears, PeerHears::kUnknown);
  pair.there().loss = 0.0;
  pair.Run(absl::Seconds(2));
  EXPECT_EQ(pair.a().stats(pair.Now()).peer_hears, PeerHears::kVoice);
  EXPECT_EQ(pair.b().stats(pair.Now(true)).peer_hears, PeerHears::kVoice);
}

TEST(CallMedia, ForgedReplayedAndForeignPacketsDoNothing) {
  CallPair pair(Talk(5));
  std::vector<Bytes> seen;
  pair.tap = [&seen](net::Transmit& t) {
    seen.push_back(t.datagram);
    return true;
  };
  pair.Run(absl::Seconds(1));
  seen.resize(seen.size() - 5);  // those may still be under way
  const CallStats before = pair.b().stats(pair.Now(true));
  const net::Endpoint thief = *net::Endpoint::Parse("198.51.100.9:9");
  ASSERT_GT(seen.size(), 20u);
  SeededRng rng(8);
  for (const Bytes& packet : seen) {
    EXPECT_FALSE(pair.b().OnDatagram(pair.Now(true), thief, packet));  // replayed from elsewhere
    Bytes changed = packet;
    const size_t at = 12 + rng.Below(changed.size() - 12);
    changed[at] = static_cast<uint8_t>(changed[at] ^ 1);
    changed[2] = 0x70;  // a sequence number that is still free
    EXPECT_FALSE(pair.b().OnDatagram(pair.Now(true), thief, changed));
    changed[8] = static_cast<uint8_t>(changed[8] ^ 1);
    EXPECT_FALSE(pair.b().OnDatagram(pair.Now(true), thief, changed));
    // Reflected to its sender.
    EXPECT_FALSE(pair.a().OnDatagram(pair.Now(), pair.b_address(), packet));
  }
  for (int i = 0; i < 500; ++i) {
    Bytes noise(rng.Below(1'600));
    rng.Fill(absl::MakeSpan(noise));
    EXPECT_FALSE(pair.b().OnDatagram(pair.Now(true), thief, noise));
  }
  const CallStats after = pair.b().stats(pair.Now(true));
  EXPECT_EQ(after.packets_received, before.packets_received);
  EXPECT_EQ(after.bytes_received, before.bytes_received);
  EXPECT_GE(after.dropped_replayed, 40u);
  EXPECT_GE(after.dropped_forged, 40u);
  EXPECT_GE(after.dropped_wrong_ssrc, 40u);
  EXPECT_GE(after.dropped_malformed, 100u);
  EXPECT_FALSE(pair.b().PollEvent().has_value());
  EXPECT_EQ(pair.b().remote(), pair.a_address());
}

TEST(CallMedia, AnAuthenticMoveIsHeardAndReportedButNotFollowed) {
  CallPair pair(Talk(8));
  pair.Run(absl::Seconds(1));
  const net::Endpoint old_address = pair.a_address();
  const net::Endpoint new_address = *net::Endpoint::Parse("203.0.113.5:5000");
  pair.MoveA(new_address);
  pair.Run(absl::Seconds(1));
  ASSERT_EQ(Count(pair.b_events(), Kind::kRemoteMoved), 1);
  const auto moved = std::find_if(pair.b_events().begin(), pair.b_events().end(),
                                  [](const auto& e) { return e.kind == Kind::kRemoteMoved; });
  EXPECT_EQ(moved->from, new_address);
  EXPECT_EQ(pair.b().remote(), old_address);
  // What b sends goes to the old place: nothing reaches a until the session layer decides.
  const uint64_t reached = pair.a().stats(pair.Now()).packets_received;
  pair.Run(absl::Milliseconds(200));
  EXPECT_EQ(pair.a().stats(pair.Now()).packets_received, reached);
  pair.b().SetRemote(new_address);
  pair.Run(absl::Milliseconds(200));
  EXPECT_GT(pair.a().stats(pair.Now()).packets_received, reached);
  EXPECT_EQ(Count(pair.b_events(), Kind::kRemoteMoved), 1);
}

TEST(CallMedia, WithoutAWayNothingIsSentAndTheVoiceGoesOnWhenThereIsOne) {
  CallPair pair(Talk(8));
  pair.Run(absl::Seconds(1));
  pair.a().SetRemote(std::nullopt);
  pair.Run(absl::Milliseconds(200));
  const CallStats before = pair.b().stats(pair.Now());
  pair.Run(absl::Seconds(3));
  EXPECT_EQ(pair.b().stats(pair.Now()).packets_received, before.packets_received);
  const size_t back_at = pair.b_heard().size();
  pair.a().SetRemote(pair.b_address());
  pair.Run(absl::Seconds(2));
  EXPECT_GT(Loudness(pair.b_heard().subspan(back_at)), 1'000);
  // What was not sent is not missed.
  EXPECT_EQ(pair.b().stats(pair.Now()).packets_lost, before.packets_lost);
}

TEST(CallMedia, FlappingAddressesDoNotFloodEvents) {
  CallPair pair(Talk(5));
  pair.Run(absl::Seconds(1));
  for (int i = 0; i < 100; ++i) {
    pair.MoveA(*net::Endpoint::Parse("203.0.113." + std::to_string(i + 1) + ":5000"));
    pair.Run(absl::Milliseconds(20));
  }
  EXPECT_LE(Count(pair.b_events(), Kind::kRemoteMoved), 8);
}

TEST(CallMedia, LevelsAreThoseOfWhatIsSaidAndHeard) {
  CallPair pair(Talk(12));
  EXPECT_FALSE(pair.a().stats(pair.Now()).send_level.has_value());
  EXPECT_FALSE(pair.a().stats(pair.Now()).receive_level.has_value());
  pair.Run(absl::Seconds(4));
  const AudioLevel said = *pair.a().stats(pair.Now()).send_level;
  const AudioLevel heard = *pair.b().stats(pair.Now(true)).receive_level;
  EXPECT_GT(said.rms_dbov, -45.0);
  EXPECT_LT(said.rms_dbov, said.peak_dbov);
  // The two seconds are not the same ones to the sample.
  EXPECT_NEAR(heard.rms_dbov, said.rms_dbov, 4.0);
  pair.a().SetMuted(true);
  pair.Run(absl::Seconds(3));
  EXPECT_EQ(pair.a().stats(pair.Now()).send_level->peak_dbov, kSilenceDbov);
  EXPECT_LT(pair.b().stats(pair.Now(true)).receive_level->rms_dbov, -60.0);
}

TEST(CallMedia, MuteSendsSilenceAndKeepsThePace) {
  CallPair pair(Talk(6));
  pair.Run(absl::Seconds(1));
  pair.a().SetMuted(true);
  pair.Run(absl::Milliseconds(300));
  const size_t from = pair.b_heard().size();
  const uint64_t sent = pair.a().stats(pair.Now()).packets_sent;
  pair.Run(absl::Seconds(1));
  EXPECT_LE(Loudness(pair.b_heard().subspan(from)), 50);
  EXPECT_NEAR(static_cast<double>(pair.a().stats(pair.Now()).packets_sent - sent), 50, 1);
  pair.a().SetMuted(false);
  pair.Run(absl::Seconds(2));
  EXPECT_GT(Loudness(pair.b_heard().subspan(from)), 1'000);
}

TEST(CallMedia, HoldKeepsThePathOpenAndResumes) {
  CallPair pair(Talk(12));
  pair.Run(absl::Seconds(2));
  pair.a().SetHold(true);
  pair.b().SetRemoteHold(true);
  pair.Run(absl::Milliseconds(200));
  const size_t from_a = pair.a_heard().size();
  const size_t from_b = pair.b_heard().size();
  const CallStats before = pair.a().stats(pair.Now());
  pair.Run(absl::Seconds(5));
  const CallStats held = pair.a().stats(pair.Now());
  // A packet a second each way, silence at both ends, no stall reported.
  EXPECT_NEAR(static_cast<double>(held.packets_sent - before.packets_sent), 5, 1);
  EXPECT_NEAR(static_cast<double>(held.packets_received - before.packets_received), 5, 1);
  EXPECT_EQ(Loudness(pair.a_heard().subspan(from_a)), 0);
  EXPECT_EQ(Loudness(pair.b_heard().subspan(from_b)), 0);
  EXPECT_EQ(pair.a_heard().size() - from_a, 5u * kSampleRate);
  const size_t resumed_at = pair.b_heard().size();
  pair.a().SetHold(false);
  pair.b().SetRemoteHold(false);
  pair.Run(absl::Seconds(4));
  EXPECT_GT(Loudness(pair.b_heard().subspan(resumed_at)), 1'000);
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 0);
  const CallStats after = pair.b().stats(pair.Now(true));
  EXPECT_EQ(after.dropped_forged + after.dropped_replayed, 0u);
  EXPECT_LE(after.buffer_delay, absl::Milliseconds(60));
}

CallMediaKeys KeysOf(uint8_t epoch, bool a) {
  const Bytes ab(16, static_cast<uint8_t>(2 * epoch)), ba(16, static_cast<uint8_t>(2 * epoch + 1));
  CallMediaKeys keys;
  keys.send_key = SecretBytes(ByteView(a ? ab : ba));
  keys.receive_key = SecretBytes(ByteView(a ? ba : ab));
  keys.send_salt = SecretBytes(Bytes(kSrtpSaltSize, static_cast<uint8_t>(a ? 8 : 9)));
  keys.receive_salt = SecretBytes(Bytes(kSrtpSaltSize, static_cast<uint8_t>(a ? 9 : 8)));
  return keys;
}

// Every two seconds, through jitter and over a hold: nothing is lost, nothing is refused.
TEST(CallMedia, FreshKeysAreNotHeard) {
  CallPair::Options options = Talk(20);
  options.there.jitter = options.back.jitter = absl::Milliseconds(15);
  options.there.reorder = options.back.reorder = true;
  CallPair pair(std::move(options));
  for (uint8_t epoch = 1; epoch <= 8; ++epoch) {
    pair.Run(absl::Seconds(2));
    pair.a().SetHold(epoch == 4);
    pair.b().SetRemoteHold(epoch == 4);
    ASSERT_TRUE(pair.b().Rekey(KeysOf(epoch, false), epoch, false).ok());
    EXPECT_EQ(pair.b().stats(pair.Now(true)).key_epoch, epoch - 1u);
    pair.Run(absl::Milliseconds(30));  // the answer is on its way
    ASSERT_TRUE(pair.a().Rekey(KeysOf(epoch, true), epoch, true).ok());
  }
  pair.Run(absl::Seconds(2));
  for (const bool a : {true, false}) {
    const CallStats stats = a ? pair.a().stats(pair.Now()) : pair.b().stats(pair.Now(true));
    EXPECT_EQ(stats.key_epoch, 8u);
    EXPECT_EQ(stats.packets_lost, 0u);
    EXPECT_EQ(stats.dropped_forged + stats.dropped_replayed + stats.dropped_unknown_key, 0u);
    EXPECT_EQ(Count(a ? pair.a_events() : pair.b_events(), Kind::kStalled), 0);
  }
  const auto heard = pair.b_heard();
  EXPECT_GT(Loudness(heard.subspan(heard.size() - kSampleRate)), 1'000);
}

// A call whose first packet from a has a high number, and the number of its latest: a wrap is
// eleven minutes away at most.
struct LongCall {
  LongCall() {
    for (uint64_t seed = 1; latest < 32'000; ++seed) {
      CallPair::Options options;
      options.seed = seed;
      pair = std::make_unique<CallPair>(std::move(options));
      pair->tap = [this](net::Transmit& transmit) {
        const std::optional<RtpHeader> header = ParseRtpHeader(transmit.datagram);
        if (header) latest = header->sequence;
        return true;
      };
      pair->Run(absl::Milliseconds(200));
    }
  }
  void RunTo(uint16_t sequence) {
    while (latest != sequence) pair->Run(absl::Milliseconds(20));
  }
  void Hold(bool on) {
    pair->a().SetHold(on);
    pair->b().SetRemoteHold(on);
  }
  std::unique_ptr<CallPair> pair;
  uint16_t latest = 0;
};

TEST(CallMedia, AWrapOfTheSequenceIsNotHeardWhereverAHoldStands) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "eleven minutes of voice; the other trees hear them";
#endif
  LongCall call;
  ToneSource tone(500.0, 0.5);
  call.pair->a().ReplaceSource(&tone);
  call.RunTo(65'500);
  const CallStats before = call.pair->b().stats(call.pair->Now(true));
  // Held before the wrap; resumed and held again, so that a packet of the hold is the first after
  // it; with new keys meanwhile; and past it.
  call.Hold(true);
  call.pair->Run(absl::Seconds(3));
  call.Hold(false);
  call.RunTo(65'534);
  call.Hold(true);
  call.pair->Run(absl::Seconds(4));
  EXPECT_LT(call.latest, 100);
  ASSERT_TRUE(call.pair->b().Rekey(KeysOf(1, false), 1, false).ok());
  call.pair->Run(absl::Milliseconds(30));
  ASSERT_TRUE(call.pair->a().Rekey(KeysOf(1, true), 1, true).ok());
  call.Hold(false);
  call.pair->Run(absl::Seconds(4));
  const CallStats after = call.pair->b().stats(call.pair->Now(true));
  EXPECT_EQ(after.key_epoch, 1u);
  EXPECT_EQ(after.packets_lost, before.packets_lost);
  EXPECT_EQ(after.dropped_forged + after.dropped_replayed + after.dropped_unknown_key, 0u);
  EXPECT_NEAR(static_cast<double>(after.packets_received - before.packets_received), 34 + 7 + 200,
              8);
  EXPECT_GT(Loudness(call.pair->b_heard().last(3 * kSampleRate)), 10'000);
}

TEST(CallMedia, KeysThatThePeerNeverHadAreNotSentUnder) {
  CallPair pair(Talk(20));
  pair.Run(absl::Seconds(1));
  ASSERT_TRUE(pair.b().Rekey(KeysOf(1, false), 1, false).ok());
  pair.Run(absl::Seconds(10));
  EXPECT_EQ(pair.b().stats(pair.Now(true)).key_epoch, 0u);
  EXPECT_EQ(pair.a().stats(pair.Now()).dropped_unknown_key, 0u);
  EXPECT_EQ(pair.b().stats(pair.Now(true)).dropped_unknown_key, 0u);
}

TEST(CallMedia, APeerThatCannotChangeKeysIsNotAskedTo) {
  CallPair::Options options = Talk(4);
  options.offer.rekeying = false;
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(2));
  EXPECT_EQ(pair.a().Rekey(KeysOf(1, true), 1, true).code(), absl::StatusCode::kFailedPrecondition);
  CallMediaKeys shorter = KeysOf(1, true);
  shorter.send_salt = SecretBytes(Bytes(3));
  EXPECT_EQ(pair.a().Rekey(std::move(shorter), 1, true).code(), absl::StatusCode::kInvalidArgument);
  pair.Run(absl::Seconds(1));
  EXPECT_EQ(pair.b().stats(pair.Now(true)).packets_lost, 0u);
}

TEST(CallMedia, AStallIsReportedOnceAndItsEndToo) {
  CallPair pair(Talk(12));
  pair.Run(absl::Seconds(2));
  pair.there().loss = 1.0;
  pair.Run(absl::Milliseconds(1'900));
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 0);
  pair.Run(absl::Seconds(3));
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 1);
  const size_t from = pair.b_heard().size();
  pair.Run(absl::Seconds(1));
  EXPECT_EQ(Loudness(pair.b_heard().subspan(from)), 0);  // no endless invention
  pair.there().loss = 0.0;
  pair.Run(absl::Seconds(2));
  EXPECT_EQ(Count(pair.b_events(), Kind::kResumed), 1);
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 1);
  EXPECT_LE(pair.b().stats(pair.Now(true)).buffer_delay, absl::Milliseconds(60));
}

TEST(CallMedia, ACallThatNeverGetsAPacketStalls) {
  CallPair::Options options = Talk(3);
  options.there.loss = 1.0;
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(3));
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 1);
  EXPECT_EQ(Count(pair.b_events(), Kind::kFirstAudio), 0);
}

TEST(CallMedia, StopSaysByeAndIsSilentAfterwards) {
  CallPair pair(Talk(5));
  pair.Run(absl::Seconds(1));
  pair.a().Stop(pair.Now());
  const auto bye = pair.a().PollTransmit(pair.Now());
  ASSERT_TRUE(bye.has_value());
  EXPECT_TRUE(pair.b().OnDatagram(pair.Now(true), pair.a_address(), bye->datagram));
  pair.Run(absl::Seconds(4));
  EXPECT_EQ(Count(pair.b_events(), Kind::kRemoteBye), 1);
  EXPECT_EQ(Count(pair.b_events(), Kind::kStalled), 0);  // the end was announced
  EXPECT_FALSE(pair.a().PollTransmit(pair.Now()).has_value());
  EXPECT_FALSE(pair.a().PollTimeout().has_value());
  pair.a().Stop(pair.Now());
}

TEST(CallMedia, ALateClockCatchesUpAndAJumpIsLeftOut) {
  CallPair pair(Talk(5));
  pair.Run(absl::Seconds(1));
  CallMedia& a = pair.a();
  const Instant now = pair.Now();
  const uint64_t sent = a.stats(now).packets_sent;
  a.OnTick(now + absl::Milliseconds(150));
  EXPECT_NEAR(static_cast<double>(a.stats(now).packets_sent - sent), 8, 1);
  EXPECT_EQ(a.stats(now).skipped, absl::ZeroDuration());
  a.OnTick(now + absl::Seconds(10));
  const CallStats after = a.stats(now);
  EXPECT_LE(after.packets_sent - sent, 12u);
  EXPECT_GE(after.skipped, absl::Seconds(9));
  EXPECT_EQ(after.late_ticks, 2u);
  // The same tick again changes nothing.
  a.OnTick(now + absl::Seconds(10));
  EXPECT_EQ(a.stats(now).packets_sent, after.packets_sent);
}

TEST(CallMedia, TheOutboxIsBounded) {
  CallPair pair(Talk(5));
  CallMedia& a = pair.a();
  for (int i = 0; i < 200; ++i) a.OnTick(pair.Now() + i * kTickInterval);  // nobody polls
  int waiting = 0;
  while (a.PollTransmit(pair.Now())) ++waiting;
  EXPECT_EQ(waiting, static_cast<int>(kMaxPendingDatagrams));
  EXPECT_GT(a.counters().Get("media.dropped_outbox_full"), 0u);
}

TEST(CallMedia, SourcesAndSinksMayBeReplacedOrMissing) {
  CallPair pair(Talk(3));
  pair.Run(absl::Seconds(1));
  ToneSource tone(500.0, 0.5);
  NullSink nowhere;
  pair.a().ReplaceSource(&tone);
  pair.a().ReplaceSink(&nowhere);
  const size_t from = pair.b_heard().size();
  pair.Run(absl::Seconds(1));
  EXPECT_GT(nowhere.samples(), 45 * kFrameSamples);
  EXPECT_GT(Loudness(pair.b_heard().subspan(from + kSampleRate / 2)), 10'000);
  pair.a().ReplaceSource(nullptr);
  pair.a().ReplaceSink(nullptr);
  pair.Run(absl::Seconds(1));
  EXPECT_LE(Loudness(pair.b_heard().last(kSampleRate / 4)), 50);
}

TEST(CallMedia, TheBitrateStaysWithinWhatThePeerWants) {
  CallPair::Options options = Talk(3);
  options.offer.max_bitrate = 16'000;
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(1));
  EXPECT_EQ(pair.b().stats(pair.Now(true)).encoder_bitrate, 16'000);
  EXPECT_EQ(pair.a().stats(pair.Now()).encoder_bitrate, kDefaultBitrate);
  pair.b().SetBitrate(64'000);
  EXPECT_EQ(pair.b().stats(pair.Now(true)).encoder_bitrate, 16'000);
  pair.b().SetBitrate(1);
  EXPECT_EQ(pair.b().stats(pair.Now(true)).encoder_bitrate, kMinBitrate);
}

TEST(CallMedia, SizesDoNotFollowTheSpeech) {
  CallPair pair(Talk(4));
  std::map<size_t, int> sizes;
  pair.tap = [&sizes](net::Transmit& t) {
    ++sizes[t.datagram.size()];
    return true;
  };
  pair.Run(absl::Seconds(3));
  // RTP has one size, whatever is said; the rest are reports.
  EXPECT_GE(sizes[80 + 12 + 16 + 1], 149);
  EXPECT_LE(sizes.size(), 5u);
}

TEST(CallMedia, AesWith256BitsToo) {
  CallPair::Options options = Talk(2);
  options.offer.suites = {SrtpSuite::kAeadAes256Gcm};
  CallPair pair(std::move(options));
  pair.Run(absl::Seconds(1));
  EXPECT_STREQ(pair.b().stats(pair.Now(true)).suite, "AEAD_AES_256_GCM");
  EXPECT_EQ(Count(pair.b_events(), Kind::kFirstAudio), 1);
}

TEST(CallMedia, KeysOfTheWrongLengthAreRefused) {
  SeededRng rng(1);
  CallMediaConfig config;
  config.keys.send_key = SecretBytes(Bytes(16));
  config.keys.receive_key = SecretBytes(Bytes(15));
  config.keys.send_salt = SecretBytes(Bytes(12));
  config.keys.receive_salt = SecretBytes(Bytes(12));
  const auto media = CallMedia::Create(std::move(config), nullptr, nullptr, rng);
  EXPECT_EQ(media.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CallMedia, OneSeedOneTrace) {
  const auto trace = [] {
    CallPair::Options options = Talk(2);
    options.there.jitter = absl::Milliseconds(10);
    options.there.loss = 0.1;
    CallPair pair(std::move(options));
    Bytes all;
    pair.tap = [&all](net::Transmit& t) {
      Append(all, t.datagram);
      return true;
    };
    pair.Run(absl::Seconds(2));
    return all;
  };
  EXPECT_EQ(trace(), trace());
}

}  // namespace
}  // namespace p2pd::media
