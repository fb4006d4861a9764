#include "libcore/session/link.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const net::Endpoint kA = *net::Endpoint::Parse("192.0.2.1:1");
const net::Endpoint kB = *net::Endpoint::Parse("192.0.2.2:2");
const net::Endpoint kMoved = *net::Endpoint::Parse("198.51.100.9:9");

TrafficKey Key(uint8_t fill) {
  TrafficKey out;
  out.key = SecretBytes(Bytes(32, fill));
  return out;
}

class LinkTest : public testing::Test {
 protected:
  static Link::Options Options(uint64_t receive, uint64_t send, const net::Endpoint& remote) {
    Link::Options options;
    options.receive_id = receive;
    options.send_id = send;
    options.remote = remote;
    options.remote_proved = true;
    options.idle_timeout = absl::Seconds(30);
    return options;
  }
  std::vector<net::Transmit> Flush(Link& link) {
    std::vector<net::Transmit> out;
    link.Flush(now_, out);
    return out;
  }
  Link::Incoming Give(Link& link, const net::Endpoint& from, const Bytes& datagram) {
    const auto envelope = ParseEnvelope(datagram);
    return link.OnPacket(now_, from, std::get<PacketFrame>(*envelope));
  }
  // Everything that one has for the other, as from `from`; nothing is lost.
  void Carry(Link& sender, Link& receiver, const net::Endpoint& from) {
    for (const net::Transmit& transmit : Flush(sender)) Give(receiver, from, transmit.datagram);
  }

  SeededRng rng_{5};
  Counters counters_;
  Instant now_;
  Link a_{now_, Options(1, 2, kB), Key(1), Key(2), rng_, counters_};
  Link b_{now_, Options(2, 1, kA), Key(2), Key(1), rng_, counters_};
};

TEST_F(LinkTest, CarriesMessages) {
  ASSERT_TRUE(a_.channel().Push(AsBytes("hi")));
  const std::vector<net::Transmit> sent = Flush(a_);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].to, kB);
  const Link::Incoming incoming = Give(b_, kA, sent[0].datagram);
  ASSERT_TRUE(incoming.opened);
  EXPECT_THAT(incoming.received.messages, testing::ElementsAre(ToBytes("hi")));
  Carry(b_, a_, kB);
  EXPECT_TRUE(a_.channel().AllAcknowledged());
}

TEST_F(LinkTest, EveryDatagramFitsHoweverMuchIsInIt) {
  a_.Ping(now_);
  b_.Ping(now_);
  Carry(b_, a_, kB);  // a owes a pong
  for (int i = 0; i < 60; ++i) a_.channel().Push(Bytes(1000, 1));
  for (int round = 0; round < 50; ++round) {
    for (const net::Transmit& transmit : Flush(a_)) {
      EXPECT_LE(transmit.datagram.size(), net::kMaxDatagram);
      Give(b_, kA, transmit.datagram);
    }
    Carry(b_, a_, kB);
  }
  EXPECT_TRUE(a_.channel().AllAcknowledged());
}

TEST_F(LinkTest, KeepsAliveAtHalfOfTheIdleTimeoutAndDiesAfterAWhole) {
  EXPECT_EQ(a_.Timeout() - now_, absl::Seconds(15));
  now_ = a_.Timeout();
  a_.OnTimeout(now_);
  ASSERT_THAT(Flush(a_), SizeIs(1));
  int pings = 1;
  while (!a_.Dead(now_)) {
    now_ = a_.Timeout();
    a_.OnTimeout(now_);
    pings += static_cast<int>(Flush(a_).size());
    ASSERT_LT(pings, 100);
  }
  EXPECT_EQ(now_ - Instant(), absl::Seconds(30));
  EXPECT_GE(pings, 8);
}

TEST_F(LinkTest, APongEndsThePinging) {
  now_ = a_.Timeout();
  a_.OnTimeout(now_);
  Carry(a_, b_, kA);
  Carry(b_, a_, kB);
  EXPECT_EQ(a_.Timeout() - now_, absl::Seconds(15));
  EXPECT_THAT(Flush(a_), IsEmpty());
}

TEST_F(LinkTest, ANewAddressIsBelievedAfterItsChallenge) {
  a_.Ping(now_);
  Link::Incoming incoming = Give(b_, kMoved, Flush(a_).front().datagram);
  EXPECT_TRUE(incoming.opened);
  EXPECT_FALSE(incoming.moved);
  EXPECT_EQ(b_.remote(), kA);
  const std::vector<net::Transmit> out = Flush(b_);
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_EQ(out[0].to, kMoved);  // the challenge
  EXPECT_EQ(out[1].to, kA);      // the pong still goes where we know it
  Give(a_, kB, out[0].datagram);
  const std::vector<net::Transmit> response = Flush(a_);
  ASSERT_THAT(response, SizeIs(1));
  incoming = Give(b_, kMoved, response[0].datagram);
  EXPECT_TRUE(incoming.moved);
  EXPECT_EQ(b_.remote(), kMoved);
}

TEST_F(LinkTest, AResponseFromElsewhereProvesNothing) {
  a_.Ping(now_);
  Give(b_, kMoved, Flush(a_).front().datagram);
  Give(a_, kB, Flush(b_).front().datagram);
  const Link::Incoming incoming = Give(b_, kA, Flush(a_).front().datagram);
  EXPECT_FALSE(incoming.moved);
  EXPECT_EQ(b_.remote(), kA);
}

// Somebody copies packets to us from its own address: the replay window drops them.
TEST_F(LinkTest, ACopiedPacketDoesNotMoveTheSession) {
  a_.Ping(now_);
  const Bytes packet = Flush(a_).front().datagram;
  Give(b_, kA, packet);
  Flush(b_);
  EXPECT_FALSE(Give(b_, kMoved, packet).opened);
  EXPECT_EQ(counters_.Get("session.dropped_packet_replayed"), 1u);
  EXPECT_THAT(Flush(b_), IsEmpty());
}

TEST_F(LinkTest, AnUnansweredChallengeIsForgottenAfterThreeTries) {
  a_.Ping(now_);
  Give(b_, kMoved, Flush(a_).front().datagram);
  int challenges = 0;
  for (int i = 0; i < 20; ++i) {
    for (const net::Transmit& transmit : Flush(b_)) challenges += transmit.to == kMoved ? 1 : 0;
    now_ = now_ + absl::Milliseconds(400);
    b_.OnTimeout(now_);
  }
  EXPECT_EQ(challenges, Link::kChallengeTries);
}

TEST_F(LinkTest, ForgedAndReflectedPacketsAreDroppedAndCounted) {
  a_.Ping(now_);
  Bytes forged = Flush(a_).front().datagram;
  EXPECT_FALSE(Give(a_, kB, forged).opened);  // our own, sent back to us
  forged.back() ^= 1;
  EXPECT_FALSE(Give(b_, kA, forged).opened);
  EXPECT_EQ(counters_.Get("session.dropped_packet_forged"), 2u);
  EXPECT_FALSE(b_.Dead(now_ + absl::Seconds(29)));
  EXPECT_TRUE(b_.Dead(now_ + absl::Seconds(30)));
}

TEST_F(LinkTest, AfterTheirGoodbyeItOnlyAnswers) {
  a_.Silence();
  now_ = now_ + absl::Seconds(15);
  a_.OnTimeout(now_);
  EXPECT_THAT(Flush(a_), IsEmpty());
  b_.channel().PushGoodbye();
  Carry(b_, a_, kB);
  EXPECT_THAT(Flush(a_), SizeIs(1));
}

}  // namespace
}  // namespace p2pd::session
