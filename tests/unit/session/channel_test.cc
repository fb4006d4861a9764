#include "libcore/session/channel.h"

#include <deque>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libcore/base/rng.h"
#include "libcore/session/session.h"

namespace p2pd::session {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using wire::v1::SessionPacket;

constexpr size_t kBudget = 1140;

// Two channels and a bad wire between them.
class Wire {
 public:
  explicit Wire(uint64_t seed, double loss, double duplication = 0)
      : rng_(seed), loss_(loss), duplication_(duplication) {}

  // Runs until neither side has anything to do or `rounds` of 10 ms are over.
  void Run(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      now_ = now_ + absl::Milliseconds(10);
      a.OnTimeout(now_);
      b.OnTimeout(now_);
      Carry(a, b, at_b);
      Carry(b, a, at_a);
    }
  }
  Instant now() const { return now_; }
  size_t carried() const { return carried_; }

  Channel a, b;
  std::vector<Bytes> at_a, at_b;
  bool goodbye_at_b = false;
  bool violation = false;

 private:
  void Carry(Channel& from, Channel& to, std::vector<Bytes>& at_to) {
    std::vector<SessionPacket> packets;
    while (from.WantsToSend()) {
      SessionPacket packet;
      from.Fill(now_, packet, kBudget);
      EXPECT_LE(packet.ByteSizeLong(), kBudget);
      packets.push_back(packet);
    }
    // The last may overtake the first.
    if (packets.size() > 1 && rng_.Unit() < 0.5) std::swap(packets.front(), packets.back());
    for (const SessionPacket& packet : packets) {
      ++carried_;
      if (rng_.Unit() < loss_) continue;
      const int copies = rng_.Unit() < duplication_ ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        Channel::Received received = to.OnPacket(now_, packet);
        violation = violation || received.violation;
        if (&to == &b) goodbye_at_b = goodbye_at_b || received.goodbye;
        for (Bytes& message : received.messages) at_to.push_back(std::move(message));
      }
    }
  }
  SeededRng rng_;
  double loss_;
  double duplication_;
  Instant now_;
  size_t carried_ = 0;
};

TEST(ChannelTest, DeliversInOrderOverABadWire) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Wire wire(seed, 0.2, 0.1);
    SeededRng sizes(seed);
    std::vector<Bytes> sent;
    for (size_t i = 0; i < Channel::kMaxMessages; ++i) {
      Bytes message(sizes.Below(4000), static_cast<uint8_t>(i));
      ASSERT_TRUE(wire.a.Push(message));
      sent.push_back(message);
    }
    wire.Run(6000);
    EXPECT_EQ(wire.at_b, sent) << seed;
    EXPECT_TRUE(wire.a.AllAcknowledged()) << seed;
    EXPECT_FALSE(wire.violation);
  }
}

TEST(ChannelTest, TheGoodbyeComesBehindAllMessages) {
  Wire wire(3, 0.3);
  ASSERT_TRUE(wire.a.Push(AsBytes("last words")));
  wire.a.PushGoodbye();
  EXPECT_FALSE(wire.a.Push(AsBytes("too late")));
  wire.Run(2000);
  EXPECT_THAT(wire.at_b, ElementsAre(ToBytes("last words")));
  EXPECT_TRUE(wire.goodbye_at_b);
  EXPECT_TRUE(wire.a.AllAcknowledged());
}

TEST(ChannelTest, HoldsSixtyFourMessagesAndThenRefuses) {
  Channel channel;
  for (size_t i = 0; i < Channel::kMaxMessages; ++i) EXPECT_TRUE(channel.Push(AsBytes("x")));
  EXPECT_FALSE(channel.Push(AsBytes("x")));
}

TEST(ChannelTest, EmptyAndLargestMessagesArrive) {
  Wire wire(1, 0);
  ASSERT_TRUE(wire.a.Push(ByteView()));
  ASSERT_TRUE(wire.a.Push(Bytes(kMaxMessage, 9)));
  wire.Run(100);
  EXPECT_THAT(wire.at_b, ElementsAre(Bytes(), Bytes(kMaxMessage, 9)));
}

TEST(ChannelTest, AQuietWireCarriesNothing) {
  Wire wire(1, 0);
  wire.a.Push(AsBytes("x"));
  wire.Run(10);
  const size_t after = wire.carried();
  wire.Run(1000);
  EXPECT_EQ(wire.carried(), after);
}

TEST(ChannelTest, SendsAtMostTenChunksAtFirst) {
  Channel channel;
  channel.Push(Bytes(kMaxMessage));
  size_t chunks = 0;
  while (channel.WantsToSend()) {
    SessionPacket packet;
    channel.Fill(Instant(), packet, kBudget);
    chunks += static_cast<size_t>(packet.chunks_size());
  }
  EXPECT_EQ(chunks, 10u);
}

TEST(ChannelTest, ALostChunkIsRepeatedAfterThreeLaterOnes) {
  Channel channel;
  channel.Push(Bytes(5 * Channel::kChunk));
  std::vector<SessionPacket> packets;
  while (channel.WantsToSend()) {
    packets.emplace_back();
    channel.Fill(Instant(), packets.back(), kBudget);
  }
  ASSERT_THAT(packets, SizeIs(5));
  SessionPacket ack;
  ack.mutable_ack()->set_next(0);
  ack.mutable_ack()->set_later(0b011);  // 1 and 2 are there: it may still be on its way
  channel.OnPacket(Instant(), ack);
  EXPECT_FALSE(channel.WantsToSend());
  ack.mutable_ack()->set_later(0b111);
  channel.OnPacket(Instant(), ack);
  SessionPacket repeat;
  channel.Fill(Instant(), repeat, kBudget);
  ASSERT_EQ(repeat.chunks_size(), 1);
  EXPECT_EQ(repeat.chunks(0).number(), 0u);
}

TEST(ChannelTest, TimeoutFollowsTheRoundTripAndBacksOff) {
  Channel channel;
  channel.OnRoundTrip(absl::Milliseconds(80));
  EXPECT_EQ(channel.RetransmissionTimeout(), absl::Milliseconds(80 + 4 * 40));
  channel.Push(AsBytes("x"));
  SessionPacket packet;
  channel.Fill(Instant(), packet, kBudget);
  const Instant first = *channel.Timeout();
  EXPECT_EQ(first - Instant(), absl::Milliseconds(240));
  channel.OnTimeout(first);
  EXPECT_TRUE(channel.WantsToSend());
  channel.Fill(first, packet, kBudget);
  EXPECT_EQ(*channel.Timeout() - first, absl::Milliseconds(480));
}

SessionPacket OneChunk(uint64_t number, size_t size, bool end) {
  SessionPacket packet;
  auto* chunk = packet.add_chunks();
  chunk->set_number(number);
  chunk->set_data(std::string(size, 'x'));
  chunk->set_end(end);
  return packet;
}

TEST(ChannelTest, WhoSendsMoreThanMayBeKeptBreaksTheProtocol) {
  EXPECT_TRUE(Channel().OnPacket(Instant(), OneChunk(0, Channel::kChunk + 1, true)).violation);
  EXPECT_TRUE(Channel().OnPacket(Instant(), OneChunk(Channel::kAhead + 1, 1, true)).violation);
  EXPECT_FALSE(Channel().OnPacket(Instant(), OneChunk(Channel::kAhead, 1, true)).violation);
  EXPECT_TRUE(Channel().OnPacket(Instant(), OneChunk(~uint64_t{0}, 1, true)).violation);
  Channel endless;
  bool violation = false;
  for (uint64_t i = 0; i <= kMaxMessage / Channel::kChunk; ++i) {
    violation = endless.OnPacket(Instant(), OneChunk(i, Channel::kChunk, false)).violation;
  }
  EXPECT_TRUE(violation);
}

TEST(ChannelTest, AnAcknowledgementOfWhatWasNeverSentIsHarmless) {
  Channel channel;
  channel.Push(AsBytes("x"));
  SessionPacket ack;
  ack.mutable_ack()->set_next(1000);
  ack.mutable_ack()->set_later(~uint64_t{0});
  channel.OnPacket(Instant(), ack);
  EXPECT_FALSE(channel.AllAcknowledged());
  EXPECT_TRUE(channel.WantsToSend());
}

}  // namespace
}  // namespace p2pd::session
