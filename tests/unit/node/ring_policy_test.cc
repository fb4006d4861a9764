#include "libcore/node/ring_policy.h"

#include "gtest/gtest.h"

namespace p2pd::node {
namespace {

using Verdict = RingPolicy::Verdict;
using presence::Caller;

class RingPolicyTest : public ::testing::Test {
 protected:
  Verdict Judge(const RingRules& rules, Caller caller, bool referred = false,
                bool talking = false) {
    return RingPolicy(rules, counters_).Judge(now_, wall_, {user_, caller, referred, talking});
  }
  Counters counters_;
  Instant now_;
  absl::Time wall_ =
      absl::FromCivil(absl::CivilSecond(2026, 11, 23, 12, 0, 0), absl::UTCTimeZone());
  pki::KeyHash user_;
};

TEST_F(RingPolicyTest, WhoMayRing) {
  using From = RingRules::From;
  EXPECT_EQ(Judge({.from = From::kEverybody}, Caller::kStranger), Verdict::kRings);
  EXPECT_EQ(Judge({.from = From::kContacts}, Caller::kStranger), Verdict::kRefused);
  EXPECT_EQ(Judge({.from = From::kContacts}, Caller::kStranger, true), Verdict::kRings)
      << "a contact sends him";
  EXPECT_EQ(Judge({.from = From::kContacts}, Caller::kContact), Verdict::kRings);
  EXPECT_EQ(Judge({.from = From::kNobody}, Caller::kContact), Verdict::kQuietly);
  for (const From from : {From::kEverybody, From::kContacts, From::kNobody}) {
    EXPECT_EQ(Judge({.from = from}, Caller::kOtherKey, true), Verdict::kRefused);
  }
}

TEST_F(RingPolicyTest, WhoTalksMayLetOthersWaitOrNot) {
  EXPECT_EQ(Judge({}, Caller::kContact, false, true), Verdict::kRings);
  EXPECT_EQ(Judge({.waiting = false}, Caller::kContact, false, true), Verdict::kQuietly);
  EXPECT_EQ(Judge({.waiting = false}, Caller::kContact, false, false), Verdict::kRings);
}

TEST_F(RingPolicyTest, QuietHoursAreThoseOfTheClockOnTheWall) {
  const auto at = [&](const RingRules& rules, int hour, int minute) {
    wall_ = absl::FromCivil(absl::CivilSecond(2026, 11, 23, hour, minute, 30), absl::UTCTimeZone());
    return Judge(rules, Caller::kContact);
  };
  RingRules night{.quiet = QuietHours{22 * 60, 7 * 60}};
  EXPECT_EQ(at(night, 21, 59), Verdict::kRings);
  EXPECT_EQ(at(night, 22, 0), Verdict::kQuietly);
  EXPECT_EQ(at(night, 0, 0), Verdict::kQuietly);
  EXPECT_EQ(at(night, 6, 59), Verdict::kQuietly);
  EXPECT_EQ(at(night, 7, 0), Verdict::kRings);
  // It is an hour later there.
  night.zone = absl::FixedTimeZone(3600);
  EXPECT_EQ(at(night, 21, 0), Verdict::kQuietly);
  EXPECT_EQ(at(night, 6, 0), Verdict::kRings);
  EXPECT_EQ(at({.quiet = QuietHours{0, 0}}, 3, 0), Verdict::kQuietly);
  const RingRules noon{.quiet = QuietHours{12 * 60, 13 * 60}};
  EXPECT_EQ(at(noon, 11, 59), Verdict::kRings);
  EXPECT_EQ(at(noon, 12, 0), Verdict::kQuietly);
  EXPECT_EQ(at(noon, 13, 0), Verdict::kRings);
}

TEST_F(RingPolicyTest, AStrangerRingsThreeTimesAMinuteAndMakesNobodyForgetHim) {
  RingPolicy policy({}, counters_);
  const RingPolicy::Knock knock{user_, Caller::kStranger, false, false};
  SeededRng rng(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(policy.Judge(now_, wall_, knock), Verdict::kRings);
  for (size_t i = 0; i + 1 < RingPolicy::kCallersRemembered; ++i) {
    policy.Judge(now_, wall_, {rng.Make<pki::KeyHash>(), Caller::kStranger, false, false});
  }
  EXPECT_EQ(policy.Judge(now_, wall_, knock), Verdict::kRefused);
  EXPECT_EQ(counters_.Get("node.refused_rings_too_often"), 1u);
  now_ = now_ + absl::Seconds(20);
  EXPECT_EQ(policy.Judge(now_, wall_, knock), Verdict::kRings);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(policy.Judge(now_, wall_, {user_, Caller::kContact, false, false}), Verdict::kRings);
  }
}

}  // namespace
}  // namespace p2pd::node
