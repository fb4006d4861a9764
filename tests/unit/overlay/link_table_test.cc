#include "libcore/overlay/link_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

class LinkTableTest : public testing::Test {
 protected:
  void Connect() {
    a_.links.Connect(now_, b_.record);
    Exchange2(now_, a_, b_);
    ASSERT_TRUE(a_.links.Linked(b_.record.id()));
    ASSERT_TRUE(b_.links.Linked(a_.record.id()));
    a_.Events();
    b_.Events();
  }
  // A look first: the first datagram is a knock.
  static constexpr absl::Duration kLook = absl::Hours(1);
  Party a_{1};
  Party b_{2};
  Instant now_ = At(absl::Seconds(100));
};

TEST_F(LinkTableTest, ConnectsAndCarriesMessages) {
  a_.links.Connect(now_, b_.record);
  const auto handle = a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{1, 2});
  ASSERT_TRUE(handle.has_value());
  Exchange2(now_, a_, b_);
  const auto at_b = b_.Events();
  ASSERT_EQ(Of<LinkUp>(at_b).size(), 1u);
  EXPECT_FALSE(Of<LinkUp>(at_b)[0].initiator);
  ASSERT_EQ(Of<MessageReceived>(at_b).size(), 1u);
  EXPECT_EQ(Of<MessageReceived>(at_b)[0].bytes, (Bytes{1, 2}));
  EXPECT_EQ(Of<MessageReceived>(at_b)[0].from, a_.record.id());
  const auto at_a = a_.Events();
  EXPECT_EQ(Of<MessageAcked>(at_a).size(), 1u);
  ASSERT_EQ(Of<AddressObserved>(at_a).size(), 1u);
  EXPECT_EQ(Of<AddressObserved>(at_a)[0].ours, a_.at);
}

TEST_F(LinkTableTest, ABareAddressTellsWhoIsThere) {
  a_.links.ConnectEndpoint(now_, b_.at, Opening::kHello);
  Exchange2(now_, a_, b_);
  const auto up = Of<LinkUp>(a_.Events());
  ASSERT_EQ(up.size(), 1u);
  EXPECT_EQ(up[0].id, b_.record.id());
}

TEST_F(LinkTableTest, OurOwnAddressIsRecognised) {
  a_.links.ConnectEndpoint(now_, a_.at, Opening::kKnock);
  for (int i = 0; i < 4; ++i) {
    for (const net::Transmit& t : a_.Send(now_)) a_.Receive(now_, a_.at, t.datagram);
  }
  EXPECT_EQ(a_.counters.Get("overlay.dropped_hello_from_self"), 1u);
  EXPECT_TRUE(a_.links.Peers().empty());
}

TEST_F(LinkTableTest, SimultaneousOpeningWorksBothWays) {
  a_.links.Connect(now_, b_.record);
  b_.links.Connect(now_, a_.record);
  a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{1});
  b_.links.Send(now_, a_.record.id(), Purpose::kRequest, Bytes{2});
  Exchange2(now_, a_, b_);
  EXPECT_EQ(Of<MessageReceived>(a_.Events()).size(), 1u);
  EXPECT_EQ(Of<MessageReceived>(b_.Events()).size(), 1u);
  for (int i = 0; i < 5; ++i) {
    now_ = now_ + absl::Seconds(10);
    a_.links.OnTimeout(now_);
    b_.links.OnTimeout(now_);
    a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{3});
    b_.links.Send(now_, a_.record.id(), Purpose::kRequest, Bytes{4});
    Exchange2(now_, a_, b_);
    EXPECT_EQ(Of<MessageReceived>(a_.Events()).size(), 1u);
    EXPECT_EQ(Of<MessageReceived>(b_.Events()).size(), 1u);
  }
}

// What both send crosses on the way, until neither has anything to say.
void Cross(Instant now, Party& a, Party& b) {
  while (true) {
    const std::vector<net::Transmit> from_a = a.Send(now);
    const std::vector<net::Transmit> from_b = b.Send(now);
    if (from_a.empty() && from_b.empty()) return;
    for (const net::Transmit& t : from_a) b.Receive(now, a.at, t.datagram);
    for (const net::Transmit& t : from_b) a.Receive(now, b.at, t.datagram);
  }
}

TEST_F(LinkTableTest, OfTwoLinksBothSidesKeepTheSameOne) {
  a_.links.Connect(now_, b_.record);
  b_.links.Connect(now_, a_.record);
  // Each speaks on the link on which it heard the other last: while all crosses, not the same one.
  for (int i = 0; i < 2; ++i) {
    a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{1});
    b_.links.Send(now_, a_.record.id(), Purpose::kRequest, Bytes{2});
    Cross(now_, a_, b_);
  }
  // Long enough for spare links to go on either side, without a word between the two.
  for (int i = 0; i < 32; ++i) {
    now_ = now_ + absl::Seconds(5);
    a_.links.OnTimeout(now_);
    b_.links.OnTimeout(now_);
    Cross(now_, a_, b_);
  }
  a_.Events();
  b_.Events();
  a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{3});
  b_.links.Send(now_, a_.record.id(), Purpose::kRequest, Bytes{4});
  Cross(now_, a_, b_);
  EXPECT_EQ(Of<MessageReceived>(a_.Events()).size(), 1u);
  EXPECT_EQ(Of<MessageReceived>(b_.Events()).size(), 1u);
}

TEST_F(LinkTableTest, ASpoofedSourceCostsNoStateAndGetsLessThanItSent) {
  const net::Endpoint victim = EndpointAt(99);
  size_t in = 0;
  size_t out = 0;
  for (uint32_t i = 0; i < 500; ++i) {
    const Bytes knock = MakeKnock(Knock{i, i});
    in += knock.size();
    b_.Receive(now_, victim, knock);
    for (const net::Transmit& t : b_.Send(now_)) out += t.datagram.size();
  }
  EXPECT_LT(out, in);
  EXPECT_EQ(b_.links.half_open(), 0u);
  EXPECT_TRUE(b_.links.Peers().empty());
}

TEST_F(LinkTableTest, AHelloFromAnotherAddressThanItsCookieIsDropped) {
  a_.links.Connect(now_, Contact::Of(b_.record), kLook);
  for (const net::Transmit& t : a_.Send(now_)) b_.Receive(now_, a_.at, t.datagram);
  for (const net::Transmit& t : b_.Send(now_)) a_.Receive(now_, b_.at, t.datagram);
  const std::vector<net::Transmit> hello = a_.Send(now_);
  ASSERT_EQ(hello.size(), 1u);
  b_.Receive(now_, EndpointAt(99), hello[0].datagram);
  EXPECT_EQ(b_.counters.Get("overlay.dropped_bad_cookie"), 1u);
  EXPECT_EQ(b_.links.half_open(), 0u);
  EXPECT_TRUE(b_.Send(now_).empty());
}

TEST_F(LinkTableTest, AReplayedHelloReplacesNothing) {
  a_.links.Connect(now_, b_.record);
  std::vector<Bytes> sent;
  for (int round = 0; round < 4; ++round) {
    for (const net::Transmit& t : a_.Send(now_)) {
      sent.push_back(t.datagram);
      b_.Receive(now_, a_.at, t.datagram);
    }
    for (const net::Transmit& t : b_.Send(now_)) a_.Receive(now_, b_.at, t.datagram);
  }
  b_.Events();
  // The attacker, at a's address, replays all that it heard; it has no key for the first packet.
  for (const Bytes& datagram : sent) b_.Receive(now_, a_.at, datagram);
  b_.Send(now_);
  EXPECT_TRUE(b_.Events().empty());
  EXPECT_LE(b_.links.half_open(), 1u);
  a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{5});
  Exchange2(now_, a_, b_);
  EXPECT_EQ(Of<MessageReceived>(b_.Events()).size(), 1u) << "the real link still works";
  b_.links.OnTimeout(now_ + absl::Seconds(20));
  EXPECT_EQ(b_.links.half_open(), 0u);
}

TEST_F(LinkTableTest, HalfOpenLinksAreBounded) {
  for (uint64_t i = 0; i < LinkTable::kMaxHalfOpen + 60; ++i) {
    Party flooder(1000 + i, 50);
    flooder.links.Connect(now_, Contact::Of(b_.record), kLook);
    for (int round = 0; round < 2; ++round) {
      for (const net::Transmit& t : flooder.Send(now_)) b_.Receive(now_, flooder.at, t.datagram);
      for (const net::Transmit& t : b_.Send(now_)) {
        // The welcome is thrown away.
        if (round == 0) flooder.Receive(now_, b_.at, t.datagram);
      }
    }
  }
  EXPECT_EQ(b_.links.half_open(), LinkTable::kMaxHalfOpen);
  EXPECT_EQ(b_.counters.Get("overlay.evicted_half_open"), 60u);
}

// sim churn test, seed 13: what was under way to the old life made us use the old link again, on
// which nobody answers, until the neighbour counted as dead.
TEST_F(LinkTableTest, ALateTimeoutOfAnOldLinkDoesNotLeaveTheNewOne) {
  Connect();
  a_.links.Ping(now_, b_.record.id());
  a_.Send(now_);  // lost: b has restarted
  Party again(2);
  again.links.Connect(now_, a_.record);
  Exchange2(now_, again, a_);
  now_ = now_ + absl::Seconds(2);
  a_.links.OnTimeout(now_);
  ASSERT_FALSE(Of<MessageSlow>(a_.Events()).empty());
  a_.links.Ping(now_, b_.record.id());
  Exchange2(now_, a_, again);
  EXPECT_EQ(a_.links.LastHeard(b_.record.id()), now_);
}

TEST_F(LinkTableTest, HellosWithoutACookieGetNoMoreThanTheyHaveAndAreFew) {
  size_t in = 0;
  size_t out = 0;
  for (uint64_t i = 0; i < 3 * LinkTable::kMaxUnproved; ++i) {
    Party spoofer(1000 + i, 50);
    spoofer.links.Connect(now_, b_.record);
    for (const net::Transmit& t : spoofer.Send(now_)) {
      in += t.datagram.size();
      b_.Receive(now_, spoofer.at, t.datagram);
    }
    for (const net::Transmit& t : b_.Send(now_)) out += t.datagram.size();
  }
  EXPECT_LE(out, in);
  EXPECT_EQ(b_.links.half_open(), LinkTable::kMaxUnproved);
  EXPECT_EQ(b_.counters.Get("overlay.cookies_asked"), 2 * LinkTable::kMaxUnproved);
  // Whoever is there shows its address and comes in.
  Connect();
}

TEST_F(LinkTableTest, ALongRecordIsShownToAProvedAddressOnly) {
  std::vector<net::Endpoint> many;
  for (uint8_t i = 0; i < NodeRecord::kMaxAddresses; ++i) {
    many.push_back({net::IpAddress::V6({0x20, 1, 0xd, 0xb8, i}), 7464});
  }
  b_.record = NodeRecord::Make(b_.keys, b_.record.epoch() + 1, many, Role::kPeer);
  b_.links.SetSelf(b_.record);
  a_.links.Connect(now_, Contact{b_.record.id(), {b_.at}});
  const std::vector<net::Transmit> hello = a_.Send(now_);
  ASSERT_EQ(hello.size(), 1u);
  b_.Receive(now_, a_.at, hello[0].datagram);
  const std::vector<net::Transmit> answer = b_.Send(now_);
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_LT(answer[0].datagram.size(), hello[0].datagram.size());
  EXPECT_EQ(b_.links.half_open(), 0u);
  a_.Receive(now_, b_.at, answer[0].datagram);
  Exchange2(now_, a_, b_);
  EXPECT_TRUE(a_.links.Linked(b_.record.id()));
}

TEST_F(LinkTableTest, WhereNothingComesAKnockIsSentAndALateWelcomeCounts) {
  a_.links.Connect(now_, b_.record);
  for (const net::Transmit& t : a_.Send(now_)) b_.Receive(now_, a_.at, t.datagram);
  const std::vector<net::Transmit> late = b_.Send(now_);
  now_ = now_ + LinkTable::kHandshakeTimeout;
  a_.links.OnTimeout(now_);
  const std::vector<net::Transmit> again = a_.Send(now_);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].datagram.size(), kKnockSize);
  for (const net::Transmit& t : late) a_.Receive(now_, b_.at, t.datagram);
  Exchange2(now_, a_, b_);
  EXPECT_TRUE(a_.links.Linked(b_.record.id()));
  EXPECT_TRUE(b_.links.Linked(a_.record.id()));
}

TEST_F(LinkTableTest, ASlowHandshakeSaysHowLongToWait) {
  a_.links.Connect(now_, b_.record);
  for (const net::Transmit& t : a_.Send(now_)) b_.Receive(now_, a_.at, t.datagram);
  const std::vector<net::Transmit> late = b_.Send(now_);
  for (const int sends : {1, 2}) {
    now_ = now_ + LinkTable::kHandshakeTimeout * sends;
    a_.links.OnTimeout(now_);
    a_.Send(now_);
  }
  for (const net::Transmit& t : late) a_.Receive(now_, b_.at, t.datagram);
  ASSERT_TRUE(a_.links.Linked(b_.record.id()));
  EXPECT_EQ(a_.links.TimeoutTo(b_.record.id()), 3 * LinkTable::kHandshakeTimeout);
  EXPECT_FALSE(a_.links.RoundTripTo(b_.record.id()).has_value());
}

TEST_F(LinkTableTest, AFloodOfKnocksIsRateLimited) {
  size_t answers = 0;
  for (uint32_t i = 0; i < 10000; ++i) {
    b_.Receive(now_, EndpointAt(50), MakeKnock(Knock{i, i}));
    answers += b_.Send(now_).size();
  }
  EXPECT_EQ(answers, static_cast<size_t>(LinkTable::kKnockBurst));
  EXPECT_GT(b_.counters.Get("overlay.refused_knock_rate"), 0u);
}

TEST_F(LinkTableTest, FollowsANeighbourOnlyAfterAChallenge) {
  Connect();
  // A packet of a's turns up from elsewhere: somebody on the path sent it on.
  const net::Endpoint elsewhere = EndpointAt(77);
  a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{1});
  for (const net::Transmit& t : a_.Send(now_)) b_.Receive(now_, elsewhere, t.datagram);
  EXPECT_EQ(b_.links.EndpointOf(a_.record.id()), a_.at);
  // a has really moved: the challenge is answered from there.
  now_ = now_ + absl::Seconds(2);
  a_.at = elsewhere;
  a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{2});
  Exchange2(now_, a_, b_);
  EXPECT_EQ(b_.links.EndpointOf(a_.record.id()), elsewhere);
  EXPECT_EQ(b_.counters.Get("overlay.neighbours_moved"), 1u);
}

TEST_F(LinkTableTest, AnAnswerToAChallengeCountsHoweverLongItTakes) {
  Connect();
  a_.at = EndpointAt(77);
  // Two seconds and a half there and back, and a packet of a's each second and a fifth.
  std::deque<std::pair<Instant, net::Transmit>> to_a;
  std::deque<std::pair<Instant, net::Transmit>> to_b;
  const absl::Duration way = absl::Milliseconds(1250);
  for (int i = 0; i < 100; ++i) {
    if (i % 12 == 0) a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{1});
    for (net::Transmit& t : a_.Send(now_)) to_b.emplace_back(now_ + way, std::move(t));
    for (net::Transmit& t : b_.Send(now_)) {
      if (t.to == a_.at) to_a.emplace_back(now_ + way, std::move(t));
    }
    now_ = now_ + absl::Milliseconds(100);
    for (; !to_b.empty() && to_b.front().first <= now_; to_b.pop_front()) {
      b_.Receive(now_, a_.at, to_b.front().second.datagram);
    }
    for (; !to_a.empty() && to_a.front().first <= now_; to_a.pop_front()) {
      a_.Receive(now_, b_.at, to_a.front().second.datagram);
    }
  }
  EXPECT_EQ(b_.links.EndpointOf(a_.record.id()), a_.at);
}

TEST_F(LinkTableTest, ADeadAddressFailsAndItsMessagesAreLost) {
  a_.links.Connect(now_, b_.record);
  const auto handle = a_.links.Send(now_, b_.record.id(), Purpose::kRequest, Bytes{1});
  ASSERT_TRUE(handle.has_value());
  for (int i = 0; i < 100; ++i) {
    now_ = now_ + absl::Milliseconds(100);
    a_.links.OnTimeout(now_);
    a_.Send(now_);
  }
  const auto events = a_.Events();
  ASSERT_EQ(Of<ConnectFailed>(events).size(), 1u);
  EXPECT_EQ(Of<ConnectFailed>(events)[0].id, b_.record.id());
  ASSERT_EQ(Of<MessageLost>(events).size(), 1u);
  EXPECT_EQ(Of<MessageLost>(events)[0].message, *handle);
  EXPECT_TRUE(a_.links.Peers().empty());
}

TEST_F(LinkTableTest, IdleLinksGoUnlessPinned) {
  Connect();
  a_.links.SetPinned(b_.record.id(), true);
  now_ = now_ + LinkTable::kIdleLifetime + absl::Seconds(6);
  a_.links.OnTimeout(now_);
  EXPECT_TRUE(a_.links.Linked(b_.record.id()));
  a_.links.SetPinned(b_.record.id(), false);
  now_ = now_ + absl::Seconds(6);
  a_.links.OnTimeout(now_);
  EXPECT_FALSE(a_.links.Linked(b_.record.id()));
  Exchange2(now_, a_, b_);
  EXPECT_EQ(Of<LinkDown>(b_.Events()).size(), 1u) << "the close frame tells";
}

TEST_F(LinkTableTest, GarbageIsCountedAndAnsweredByNothing) {
  SeededRng rng(9);
  Connect();
  for (int i = 0; i < 2000; ++i) {
    Bytes garbage(2 + rng.Below(200));
    rng.Fill(MutableByteView(garbage.data(), garbage.size()));
    garbage[0] = static_cast<uint8_t>(192 + 1 + rng.Below(4));
    garbage[1] = kWireVersion;
    b_.Receive(now_, EndpointAt(60), garbage);
  }
  EXPECT_TRUE(b_.Send(now_).empty());
  EXPECT_TRUE(b_.Events().empty());
}

TEST_F(LinkTableTest, APingElsewhereMovesTheLink) {
  Connect();
  const DetourPath there{Head(b_.record.id()), 7};
  const DetourPath back{Head(a_.record.id()), 7};
  a_.links.PingAt(b_.record.id(), there.ToEndpoint());
  for (int i = 0; i < 4; ++i) {
    for (const net::Transmit& t : a_.Send(now_)) {
      if (t.to == there.ToEndpoint()) b_.Receive(now_, back.ToEndpoint(), t.datagram);
    }
    for (const net::Transmit& t : b_.Send(now_)) {
      if (t.to == back.ToEndpoint()) a_.Receive(now_, there.ToEndpoint(), t.datagram);
    }
  }
  EXPECT_EQ(a_.links.DetourTo(b_.record.id()), there);
  EXPECT_EQ(b_.links.DetourTo(a_.record.id()), back);
  EXPECT_FALSE(a_.links.EndpointOf(b_.record.id()).has_value());
  // And straight again.
  now_ = now_ + absl::Seconds(2);
  a_.links.PingAt(b_.record.id(), b_.at);
  Exchange2(now_, a_, b_);
  EXPECT_EQ(a_.links.EndpointOf(b_.record.id()), b_.at);
  EXPECT_EQ(b_.links.EndpointOf(a_.record.id()), a_.at);
}

TEST_F(LinkTableTest, WhoIsSilentIsKnockedAtElsewhere) {
  const net::Endpoint round = DetourPath{Head(b_.record.id()), 7}.ToEndpoint();
  a_.links.SetDetour([&](const NodeId& id, size_t nth) {
    return id == b_.record.id() && nth == 1 ? std::optional(round) : std::nullopt;
  });
  a_.links.Connect(now_, b_.record);
  std::vector<net::Endpoint> to;
  while (a_.links.Connecting(b_.record.id())) {
    for (const net::Transmit& t : a_.Send(now_)) to.push_back(t.to);
    now_ = *a_.links.PollTimeout();
    a_.links.OnTimeout(now_);
  }
  EXPECT_EQ(to, (std::vector{b_.at, b_.at, b_.at, round}));
  // In the traffic it is what carries it.
  EXPECT_EQ(a_.links.traffic().handshakes.count, 3u);
}

}  // namespace
}  // namespace p2pd::overlay
