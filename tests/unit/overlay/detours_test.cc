#include "libcore/overlay/detours.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

// One node with links, and what it says to others for a third.
class VoucherTest : public testing::Test {
 protected:
  VoucherTest()
      : ring_(self_.record.id(), RingOptions{}, self_.links),
        detours_(self_.links, ring_, self_.rng, self_.counters) {
    ring_.SetSelf(self_.record);
    ring_.SetActive(true);
    detours_.SetSelf(self_.record);
    for (Party* party : {&x_, &y_, &stranger_}) {
      self_.links.Connect(now_, party->record);
      Exchange2(now_, self_, *party);
      party->Events();
    }
    ring_.Consider(now_, x_.record.id());
    ring_.Consider(now_, y_.record.id());
  }
  static wire::v1::Detour To(const Party& party, size_t size = 48) {
    Bytes datagram = MakeKnock(Knock{1, 2});
    datagram.resize(std::max(size, datagram.size()));
    wire::v1::Detour out;
    out.set_peer(Head(party.record.id()));
    out.set_datagram(ToText(datagram));
    return out;
  }
  // What came to `party` by way of us.
  std::vector<wire::v1::Detour> Passed(Party& party) {
    Exchange2(now_, self_, party);
    std::vector<wire::v1::Detour> out;
    for (const MessageReceived& received : Of<MessageReceived>(party.Events())) {
      wire::v1::OverlayMessage message;
      EXPECT_TRUE(ParseProto(received.bytes, message));
      if (message.has_detour()) out.push_back(message.detour());
    }
    return out;
  }
  uint64_t Count(absl::string_view name) { return self_.counters.Get(name); }

  Party self_{1};
  Party x_{2};
  Party y_{3};
  Party stranger_{4};
  Ring ring_;
  Detours detours_;
  Instant now_ = At(absl::Seconds(100));
};

TEST_F(VoucherTest, PassesOnBetweenLeaves) {
  EXPECT_FALSE(detours_.OnDetour(now_, x_.record.id(), To(y_)).has_value());
  const std::vector<wire::v1::Detour> passed = Passed(y_);
  ASSERT_EQ(passed.size(), 1u);
  EXPECT_TRUE(passed[0].passed_on());
  EXPECT_EQ(passed[0].peer(), Head(x_.record.id()));
  EXPECT_EQ(passed[0].datagram(), To(y_).datagram());
}

TEST_F(VoucherTest, ServesNeitherStrangersNorTheSilent) {
  detours_.OnDetour(now_, stranger_.record.id(), To(y_));
  detours_.OnDetour(now_, x_.record.id(), To(stranger_));
  detours_.OnDetour(now_, x_.record.id(), To(x_));
  detours_.OnDetour(now_, x_.record.id(), To(self_));
  EXPECT_EQ(Count("overlay.refused_detours"), 4u);
  ring_.SetSuspect(y_.record.id(), true);
  detours_.OnDetour(now_, x_.record.id(), To(y_));
  EXPECT_EQ(Count("overlay.refused_detours"), 5u);
  EXPECT_TRUE(Passed(y_).empty());
  EXPECT_TRUE(Passed(stranger_).empty());
}

TEST_F(VoucherTest, PassesOnWhatLinksAreMadeOf) {
  for (const int first : {197, 198, 199, 7}) {
    wire::v1::Detour letter = To(y_);
    letter.mutable_datagram()->front() = static_cast<char>(first);
    detours_.OnDetour(now_, x_.record.id(), letter);
  }
  detours_.OnDetour(now_, x_.record.id(), To(y_, net::kMaxDatagram + 1));
  EXPECT_EQ(Count("overlay.dropped_bad_detours"), 5u);
  EXPECT_TRUE(Passed(y_).empty());
}

TEST_F(VoucherTest, OneAskerHasHisShare) {
  const wire::v1::Detour large = To(y_, 1000);
  for (size_t i = 0; i < 400; ++i) detours_.OnDetour(now_, x_.record.id(), large);
  EXPECT_EQ(Count("overlay.detours_passed_on"), static_cast<uint64_t>(Detours::kAskerBurst / 1000));
  EXPECT_EQ(Count("overlay.refused_detours_rate") + Count("overlay.detours_passed_on"), 400u);
  detours_.OnDetour(now_, y_.record.id(), To(x_));
  EXPECT_EQ(Passed(x_).size(), 1u);
}

TEST_F(VoucherTest, WhatArrivesIsTakenAsIfFromThere) {
  wire::v1::Detour passed = To(x_);
  passed.set_passed_on(true);
  const auto arrived = detours_.OnDetour(now_, y_.record.id(), passed);
  ASSERT_TRUE(arrived.has_value());
  EXPECT_EQ(arrived->from, (DetourPath{Head(x_.record.id()), Head(y_.record.id())}.ToEndpoint()));
  // Nobody is his own voucher.
  EXPECT_FALSE(detours_.OnDetour(now_, x_.record.id(), passed).has_value());
}

TEST_F(VoucherTest, WhoIsSeenThroughAnotherCountsForHisNetwork) {
  Party far(9);
  const DetourPath path{Head(far.record.id()), Head(x_.record.id())};
  const DetourPath back{Head(self_.record.id()), Head(x_.record.id())};
  far.links.Connect(now_, self_.record);
  for (int i = 0; i < 6; ++i) {
    for (const net::Transmit& t : far.Send(now_))
      self_.Receive(now_, path.ToEndpoint(), t.datagram);
    for (const net::Transmit& t : self_.Send(now_)) {
      if (t.to == path.ToEndpoint()) far.Receive(now_, back.ToEndpoint(), t.datagram);
    }
  }
  const NodeId& id = far.record.id();
  ASSERT_TRUE(self_.links.Linked(id));
  EXPECT_FALSE(self_.links.EndpointOf(id).has_value());
  EXPECT_EQ(self_.links.DetourTo(id), path);
  EXPECT_EQ(self_.links.SeenAt(id), x_.at);
  ring_.Consider(now_, id);
  EXPECT_TRUE(ring_.leaves().Contains(id));
  EXPECT_FALSE(ring_.table().Contains(id));
  // Only who is seen straight vouches.
  for (size_t nth = 0; nth < 4; ++nth) {
    const auto way = detours_.WayTo(y_.record.id(), nth);
    ASSERT_TRUE(way.has_value());
    EXPECT_EQ(DetourPath::From(*way)->via, Head(x_.record.id()));
  }
}

// A ring of six on a network that is broken in places.
class DetourRing : public testing::Test {
 protected:
  void Grow(int count) {
    for (int i = 0; i < count; ++i) {
      hosts_.push_back(std::make_unique<sim::OverlayHost>(world_, seed_++));
      hosts_.back()->Start(i == 0 ? std::vector<net::Endpoint>() : std::vector{hosts_[0]->at()});
      world_.RunFor(absl::Seconds(1));
    }
    world_.RunFor(absl::Seconds(20));
  }
  bool Knows(size_t a, size_t b) {
    const std::vector<NodeRecord> leaves = hosts_[a]->node().LeafSet();
    return std::any_of(leaves.begin(), leaves.end(),
                       [&](const NodeRecord& record) { return record.id() == hosts_[b]->id(); });
  }
  void Break(size_t a, size_t b) { world_.BreakPair(hosts_[a]->at(), hosts_[b]->at()); }
  uint64_t Sum(absl::string_view counter) {
    uint64_t out = 0;
    for (const auto& host : hosts_) out += host->counters().Get(counter);
    return out;
  }
  // Both hear each other's answers.
  void ExpectTalking(size_t a, size_t b) {
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      const RequestId id = hosts_[from]->Ask(hosts_[to]->node().self(), Service::kApplication,
                                             Bytes(20'000, 7), absl::Seconds(8));
      world_.RunFor(absl::Seconds(8));
      ASSERT_NE(hosts_[from]->ResponseTo(id), nullptr) << from << " to " << to;
      EXPECT_EQ(hosts_[from]->ResponseTo(id)->payload.size(), 20'000u);
    }
  }

  sim::World world_{1};
  uint64_t seed_ = 1;
  std::vector<std::unique_ptr<sim::OverlayHost>> hosts_;
};

TEST_F(DetourRing, ALeafWhoseWayBreaksIsNotDead) {
  Grow(6);
  Break(1, 2);
  world_.RunFor(absl::Minutes(3));
  EXPECT_EQ(Sum("overlay.neighbours_dead"), 0u);
  EXPECT_TRUE(Knows(1, 2));
  EXPECT_TRUE(Knows(2, 1));
  ExpectTalking(1, 2);
}

TEST_F(DetourRing, WhoNeverCouldTalkBecomesALeafAllTheSame) {
  const net::Endpoint last = *net::Endpoint::Parse("10.9.9.9:7464");
  Grow(5);
  for (const size_t other : {1u, 2u, 4u}) world_.BreakPair(hosts_[other]->at(), last);
  hosts_.push_back(std::make_unique<sim::OverlayHost>(world_, seed_++, NodeOptions(), last));
  hosts_.back()->Start({hosts_[0]->at()});
  EXPECT_TRUE(world_.RunUntil(absl::Seconds(5), [&] { return hosts_.back()->active(); }));
  world_.RunFor(absl::Seconds(5));
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(Knows(i, 5)) << i;
    EXPECT_TRUE(Knows(5, i)) << i;
  }
  ExpectTalking(2, 5);
  // What others say of how we look is theirs; what comes round says nothing.
  EXPECT_EQ(hosts_[5]->node().ObservedAddress().value_or(last), last);
}

TEST_F(DetourRing, AnotherVouchesWhenTheVoucherDies) {
  Grow(6);
  Break(1, 2);
  world_.RunFor(absl::Minutes(1));
  // One after the other, until one is left.
  for (const size_t voucher : {0u, 3u, 4u}) {
    hosts_[voucher]->Crash();
    world_.RunFor(absl::Seconds(20));
    EXPECT_TRUE(Knows(1, 2)) << voucher;
    EXPECT_TRUE(Knows(2, 1)) << voucher;
  }
  ExpectTalking(1, 2);
}

TEST_F(DetourRing, TheStraightWayIsTakenAgain) {
  Grow(6);
  Break(1, 2);
  world_.RunFor(absl::Minutes(1));
  EXPECT_GT(Sum("overlay.detours_passed_on"), 0u);
  world_.HealPair(hosts_[1]->at(), hosts_[2]->at());
  world_.RunFor(2 * Detours::kTryStraight);
  const uint64_t before = Sum("overlay.detours_passed_on");
  world_.RunFor(absl::Minutes(5));
  EXPECT_EQ(Sum("overlay.detours_passed_on"), before);
  EXPECT_TRUE(Knows(1, 2));
  EXPECT_EQ(Sum("overlay.neighbours_dead"), 0u);
}

TEST_F(DetourRing, TheDeadAreDeadAsSoonAsEver) {
  Grow(6);
  Break(1, 2);
  world_.RunFor(absl::Minutes(1));
  hosts_[2]->Crash();
  const Instant crash = world_.now();
  hosts_[1]->Route(hosts_[2]->id(), Service::kApplication, {1});
  EXPECT_TRUE(world_.RunUntil(absl::Seconds(10), [&] { return !Knows(1, 2); }));
  EXPECT_LT(world_.now() - crash, absl::Seconds(5));
  world_.RunFor(absl::Seconds(30));
  for (size_t i = 0; i < 6; ++i) EXPECT_TRUE(i == 2 || !Knows(i, 2)) << i;
}

}  // namespace
}  // namespace p2pd::overlay
