#include "libcore/overlay/link_local.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <vector>

#include "libcore/overlay/wire.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

const net::Endpoint kGroup{net::IpAddress::V4({239, 255, 70, 64}), 7464};
constexpr uint64_t kOwn = 1000;

class LinkLocalTest : public testing::Test {
 protected:
  void SetUp() override { local_.Start(now_); }
  // Lets the time pass; what was sent and who is to be knocked at is kept.
  void Run(absl::Duration span) {
    const Instant end = now_ + span;
    while (now_ < end) {
      const std::optional<Instant> next = local_.PollTimeout();
      now_ = next && *next < end ? std::max(*next, now_) : end;
      local_.OnTimeout(now_);
      Take();
    }
  }
  void Hear(const net::Endpoint& from, const Beacon& beacon) {
    local_.OnDatagram(now_, from, MakeBeacon(beacon));
    Take();
  }
  void Take() {
    while (const auto transmit = local_.PollTransmit()) {
      EXPECT_EQ(transmit->to, kGroup);
      sent_.push_back(*ParseBeacon(transmit->datagram));
    }
    while (const auto contact = local_.PollContact()) contacts_.push_back(*contact);
  }
  void BecomeMember(const std::set<uint64_t>& ring) {
    ring_ = ring;
    local_.SetLooking(now_, false);
  }

  Counters counters_;
  SeededRng rng_{3};
  Instant now_ = At(absl::Seconds(1));
  std::set<uint64_t> ring_;
  LinkLocal local_{{kGroup, kOwn, Role::kPeer},
                   [this](uint64_t head) { return ring_.count(head) != 0; },
                   rng_,
                   counters_};
  std::vector<Beacon> sent_;
  std::vector<net::Endpoint> contacts_;
};

TEST(Beacon, RoundTrip) {
  const Bytes bytes = MakeBeacon({0x0102030405060708, true});
  ASSERT_EQ(bytes.size(), kBeaconSize);
  EXPECT_EQ((Bytes(bytes.begin(), bytes.begin() + 11)), (Bytes{199, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8}));
  const auto parsed = ParseBeacon(bytes);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->head, 0x0102030405060708u);
  EXPECT_TRUE(parsed->member);
}

TEST(Beacon, AnythingElseIsRefused) {
  const Bytes good = MakeBeacon({7, false});
  EXPECT_TRUE(ParseBeacon(good).has_value());
  Bytes bad = good;
  bad.push_back(0);
  EXPECT_FALSE(ParseBeacon(bad).has_value());
  bad.resize(kBeaconSize - 1);
  EXPECT_FALSE(ParseBeacon(bad).has_value());
  bad = good;
  bad[2] = 2;
  EXPECT_FALSE(ParseBeacon(bad).has_value());
  bad = good;
  bad[0] = 192;
  EXPECT_FALSE(ParseBeacon(bad).has_value());
  EXPECT_FALSE(ParseBeacon({}).has_value());
}

TEST_F(LinkLocalTest, SpeaksAtOnceThenLessAndLess) {
  Run(absl::Seconds(1));
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].head, kOwn);
  EXPECT_FALSE(sent_[0].member);
  Run(absl::Seconds(62));
  EXPECT_EQ(sent_.size(), 6u);  // 1, 2, 4, 8, 16, 32 s
  Run(absl::Seconds(640));
  EXPECT_EQ(sent_.size(), 16u);
}

TEST_F(LinkLocalTest, SomethingNewIsAnsweredByABeaconNotByADatagramToIt) {
  BecomeMember({5});
  Run(absl::Minutes(5));
  sent_.clear();
  Hear(EndpointAt(9), {2000, false});
  Run(absl::Seconds(1));
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_TRUE(sent_[0].member);
  EXPECT_TRUE(contacts_.empty());
}

TEST_F(LinkLocalTest, WhoHearsItSaidIsSilentButNotForEver) {
  BecomeMember({5, 6});
  Run(absl::Seconds(127));  // the next interval has 64 s
  sent_.clear();
  int spoken = 0;
  for (int interval = 0; interval < 10; ++interval) {
    Hear(EndpointAt(5), {5, true});
    Hear(EndpointAt(6), {6, true});
    Run(absl::Seconds(64));
    spoken += static_cast<int>(std::exchange(sent_, {}).size());
  }
  EXPECT_GE(spoken, 1);
  EXPECT_LE(spoken, 10 / LinkLocal::kMaxSilence);
  EXPECT_GT(counters_.Get("overlay.beacons_suppressed"), 0u);
}

TEST_F(LinkLocalTest, WhoLooksForARingKnocksAtAMember) {
  Hear(EndpointAt(9), {2000, true});
  Run(LinkLocal::kSoon);
  EXPECT_EQ(contacts_, std::vector{EndpointAt(9)});
}

TEST_F(LinkLocalTest, OfTwoThatLookTheGreaterHeadGoesToTheSmaller) {
  Hear(EndpointAt(9), {2000, false});
  Run(absl::Seconds(2));
  EXPECT_TRUE(contacts_.empty());
  Hear(EndpointAt(8), {10, false});
  Run(LinkLocal::kSoon);
  EXPECT_EQ(contacts_, std::vector{EndpointAt(8)});
  // It did not come: it may not hear us.
  Run(LinkLocal::kPatience);
  EXPECT_EQ(contacts_, (std::vector{EndpointAt(8), EndpointAt(9)}));
}

TEST_F(LinkLocalTest, TheSpokesmanOfARingKnocksAtAnotherRing) {
  Hear(EndpointAt(5), {5000, true});
  contacts_.clear();
  BecomeMember({5000});
  Hear(EndpointAt(9), {2000, true});
  Run(LinkLocal::kSpokesman);
  EXPECT_EQ(contacts_, std::vector{EndpointAt(9)});
  // Not again until the gap is over, and then at a longer one.
  Hear(EndpointAt(9), {2000, true});
  Run(LinkLocal::kFirstGap - LinkLocal::kSpokesman);
  EXPECT_EQ(contacts_.size(), 1u);
}

TEST_F(LinkLocalTest, TheOthersLeaveItToHimForAWhile) {
  Hear(EndpointAt(5), {5, true});
  BecomeMember({5});
  contacts_.clear();
  int soon = 0;
  int later = 0;
  for (uint8_t i = 10; i < 60; ++i) {
    Hear(EndpointAt(i), {2000u + i, true});
  }
  Run(LinkLocal::kSpokesman);
  soon = static_cast<int>(contacts_.size());
  Run(2 * LinkLocal::kCheck);
  later = static_cast<int>(contacts_.size());
  EXPECT_LE(soon, 3);
  EXPECT_GE(later, 45);
}

TEST_F(LinkLocalTest, NobodyIsKnockedAtWhoBecameKnownMeanwhile) {
  BecomeMember({5});
  Hear(EndpointAt(9), {2000, true});
  ring_.insert(2000);
  Run(absl::Minutes(5));
  EXPECT_TRUE(contacts_.empty());
}

TEST_F(LinkLocalTest, WhoLosesItsRingAsksThoseItHeard) {
  Hear(EndpointAt(5), {5, true});
  BecomeMember({5});
  Run(absl::Seconds(20));
  contacts_.clear();
  ring_.clear();
  local_.SetLooking(now_, true);
  Run(LinkLocal::kSoon);
  EXPECT_EQ(contacts_, std::vector{EndpointAt(5)});
}

TEST_F(LinkLocalTest, AFloodIsBounded) {
  for (uint32_t i = 0; i < 10'000; ++i) {
    const net::Endpoint from{net::IpAddress::V4({192, 0, 2, static_cast<uint8_t>(i)}),
                             static_cast<uint16_t>(1 + i / 200)};
    Hear(from, {i, true});
    Run(absl::Milliseconds(2));
  }
  EXPECT_EQ(local_.heard(), LinkLocal::kMaxHeard);
  EXPECT_GT(counters_.Get("overlay.evicted_heard"), 0u);
  EXPECT_LE(contacts_.size(), 22u);  // 20 s
  EXPECT_LE(sent_.size(), 21u);
}

TEST_F(LinkLocalTest, WhatCannotBeASenderIsDropped) {
  Hear({net::IpAddress::V4({10, 0, 0, 1}), 0}, {1, true});
  Hear(kGroup, {1, true});
  Hear({net::IpAddress(), 7464}, {1, true});
  local_.OnDatagram(now_, EndpointAt(1), Bytes{199, 1, 0});
  EXPECT_EQ(local_.heard(), 0u);
  EXPECT_EQ(counters_.Get("overlay.dropped_malformed"), 4u);
}

TEST_F(LinkLocalTest, OurOwnBeaconComesBackAndIsNothing) {
  Hear(EndpointAt(1), {kOwn, false});
  EXPECT_EQ(local_.heard(), 0u);
}

TEST(LinkLocalOff, WithoutAGroupNothingIsSentOrKept) {
  Counters counters;
  SeededRng rng(1);
  LinkLocal local({std::nullopt, kOwn, Role::kPeer}, [](uint64_t) { return false; }, rng, counters);
  local.Start(Instant());
  local.OnDatagram(Instant(), EndpointAt(1), MakeBeacon({1, true}));
  EXPECT_FALSE(local.PollTimeout().has_value());
  EXPECT_EQ(local.heard(), 0u);
  EXPECT_EQ(counters.Get("overlay.dropped_beacon"), 1u);
}

TEST(LinkLocalClient, LooksForARingAndIsNoDoorToOne) {
  Counters counters;
  SeededRng rng(1);
  LinkLocal local({kGroup, kOwn, Role::kClient}, [](uint64_t) { return true; }, rng, counters);
  local.Start(Instant());
  local.OnTimeout(At(absl::Seconds(1)));
  EXPECT_TRUE(local.PollTransmit().has_value());
  local.SetLooking(At(absl::Seconds(1)), false);
  for (int i = 2; i < 600; ++i) {
    local.OnTimeout(At(absl::Seconds(i)));
    EXPECT_FALSE(local.PollTransmit().has_value());
  }
}

}  // namespace
}  // namespace p2pd::overlay
