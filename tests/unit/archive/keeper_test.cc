#include "libcore/archive/keeper.h"

#include <gtest/gtest.h>

namespace p2pd::archive {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() : keeper_(Options()) {}

  static KeeperOptions Options() {
    KeeperOptions options;
    options.quota = 100 * kMiB;
    return options;
  }
  // 10 MiB that somebody has.
  static GroupState Group(uint32_t index, int organic, bool held) {
    GroupState group;
    group.id.index = index;
    group.bytes = 10 * kMiB;
    group.held = held ? group.bytes : 0;
    group.organic = organic;
    group.verified = organic;
    group.obtainable = organic > 0;
    return group;
  }
  Plan Decide() {
    uint64_t used = 0;
    for (const GroupState& group : groups_) used += group.held;
    keeper_.Note(now_, groups_);
    return keeper_.Decide(now_, groups_, used);
  }
  void Wait(absl::Duration span) {
    keeper_.Note(now_, groups_);
    now_ = now_ + span;
  }
  int CountOf(const Plan& plan, Decision decision) {
    int count = 0;
    for (const Verdict& verdict : plan.verdicts) count += verdict.decision == decision ? 1 : 0;
    return count;
  }

  Keeper keeper_;
  Instant now_;
  std::vector<GroupState> groups_;
};

TEST_F(KeeperTest, FetchesTheRarestFirstAndAsMuchAsThereIsRoomFor) {
  for (uint32_t i = 0; i < 12; ++i) groups_.push_back(Group(i, static_cast<int>(12 - i), false));
  const Plan plan = Decide();
  EXPECT_EQ(plan.fetch_bytes, 90 * kMiB);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(plan.verdicts[i].why, Why::kNoRoom);
  for (uint32_t i = 3; i < 12; ++i) EXPECT_EQ(plan.verdicts[i].decision, Decision::kFetch);
}

TEST_F(KeeperTest, WhatNobodyHasIsNotFetched) {
  groups_ = {Group(0, 0, false)};
  EXPECT_EQ(Decide().verdicts[0].why, Why::kNobodyHasIt);
}

TEST_F(KeeperTest, TheLastCopyNeverGoesHoweverFullItIs) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, 0, true));
  groups_.push_back(Group(10, 1, false));
  Wait(absl::Hours(10));
  const Plan plan = Decide();
  EXPECT_EQ(plan.drop_bytes, 0u);
  EXPECT_EQ(plan.verdicts[0].why, Why::kLastCopy);
  EXPECT_EQ(plan.verdicts[10].why, Why::kNoRoom);
}

TEST_F(KeeperTest, UnlessItsPolicySaysSo) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, 0, true));
  groups_[4].may_lose = true;
  Wait(absl::Hours(1));
  const Plan plan = Decide();
  EXPECT_EQ(plan.verdicts[4].decision, Decision::kDrop);
  EXPECT_EQ(plan.verdicts[4].why, Why::kMayBeLost);
  EXPECT_EQ(plan.drop_bytes, 10 * kMiB);
}

TEST_F(KeeperTest, GoesOnlyAfterTheHoldingTimeWithoutABreak) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, 0, true));
  groups_[0] = Group(0, 8, true);
  Wait(absl::Minutes(29));
  EXPECT_EQ(Decide().drop_bytes, 0u);
  groups_[0].verified = 2;
  Wait(absl::Minutes(1));
  groups_[0].verified = 8;
  Wait(absl::Minutes(20));
  EXPECT_EQ(Decide().drop_bytes, 0u);
  Wait(absl::Minutes(10));
  const Plan plan = Decide();
  EXPECT_EQ(plan.verdicts[0].decision, Decision::kDrop);
  EXPECT_EQ(plan.verdicts[0].why, Why::kOthersKeepIt);
}

TEST_F(KeeperTest, HoldersThatSayThatTheyHaveItAreNotEnough) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, 0, true));
  groups_[0] = Group(0, 50, true);
  groups_[0].verified = 2;
  Wait(absl::Hours(5));
  EXPECT_EQ(Decide().drop_bytes, 0u);
}

TEST_F(KeeperTest, NothingGoesWhileThereIsRoom) {
  for (uint32_t i = 0; i < 9; ++i) groups_.push_back(Group(i, 20, true));
  Wait(absl::Hours(5));
  const Plan plan = Decide();
  EXPECT_EQ(plan.drop_bytes, 0u);
  EXPECT_EQ(plan.verdicts[0].why, Why::kRoomEnough);
}

TEST_F(KeeperTest, AboveTheHighWaterWhatIsWorthLeastGoesDownToTheLow) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, static_cast<int>(i) + 4, true));
  Wait(absl::Hours(1));
  const Plan plan = Decide();
  EXPECT_EQ(CountOf(plan, Decision::kDrop), 1);
  EXPECT_EQ(plan.verdicts[9].decision, Decision::kDrop);
}

TEST_F(KeeperTest, WhatIsRareTakesThePlaceOfWhatManyHave) {
  for (uint32_t i = 0; i < 9; ++i) groups_.push_back(Group(i, 10, true));
  Wait(absl::Hours(1));
  groups_.push_back(Group(9, 1, false));
  const Plan plan = Decide();
  EXPECT_EQ(plan.verdicts[9].decision, Decision::kFetch);
  EXPECT_EQ(plan.verdicts[9].why, Why::kRare);
  EXPECT_EQ(plan.drop_bytes, 10 * kMiB);
}

TEST_F(KeeperTest, ButNotOfWhatIsAboutAsRare) {
  for (uint32_t i = 0; i < 9; ++i) groups_.push_back(Group(i, 5, true));
  Wait(absl::Hours(1));
  groups_.push_back(Group(9, 5, false));
  EXPECT_EQ(Decide().verdicts[9].why, Why::kNoRoom);
}

TEST_F(KeeperTest, ACrowdOfAnHourDoesNotCount) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, i == 0 ? 5 : 8, true));
  for (int hour = 0; hour < 24; ++hour) Wait(absl::Hours(1));
  groups_[0].organic = 40;
  Wait(absl::Minutes(40));
  const Plan plan = Decide();
  EXPECT_EQ(plan.verdicts[0].decision, Decision::kKeep);
  EXPECT_EQ(CountOf(plan, Decision::kDrop), 1);
}

TEST_F(KeeperTest, WhatWentComesBackAtTheLowMarkOnly) {
  groups_ = {Group(0, 4, false)};
  keeper_.NoteDropped(groups_[0].id);
  EXPECT_EQ(Decide().verdicts[0].decision, Decision::kWait);
  groups_[0].organic = 3;
  EXPECT_EQ(Decide().verdicts[0].why, Why::kOthersKeepIt);
  groups_[0].organic = 2;
  EXPECT_EQ(Decide().verdicts[0].decision, Decision::kFetch);
  // Once it is there again it is as any other.
  groups_[0].held = groups_[0].bytes;
  Decide();
  groups_[0] = Group(0, 4, false);
  EXPECT_EQ(Decide().verdicts[0].decision, Decision::kFetch);
}

TEST_F(KeeperTest, AnothersShareIsHis) {
  groups_ = {Group(0, 1, false)};
  groups_[0].assigned = false;
  EXPECT_EQ(Decide().verdicts[0].why, Why::kOthersShare);
  groups_[0].pinned = true;
  EXPECT_EQ(Decide().verdicts[0].decision, Decision::kFetch);
}

TEST_F(KeeperTest, WhatIsNotOursGoesWhereEnoughMembersHaveIt) {
  for (uint32_t i = 0; i < 10; ++i) {
    groups_.push_back(Group(i, 1, true));
    groups_.back().members = 1;
    groups_.back().assigned = i != 3;
  }
  Wait(absl::Hours(1));
  const Plan plan = Decide();
  EXPECT_EQ(plan.drop_bytes, 10 * kMiB);
  EXPECT_EQ(plan.verdicts[3].why, Why::kMembersKeepIt);
  groups_[3].members = 0;
  Wait(absl::Hours(1));
  EXPECT_EQ(Decide().drop_bytes, 0u);
}

TEST_F(KeeperTest, WhatIsPinnedStaysAndComesFirst) {
  for (uint32_t i = 0; i < 10; ++i) groups_.push_back(Group(i, 10, true));
  groups_[0].pinned = true;
  Wait(absl::Hours(1));
  GroupState wanted = Group(10, 10, false);
  wanted.pinned = true;
  groups_.push_back(wanted);
  const Plan plan = Decide();
  EXPECT_EQ(plan.verdicts[0].why, Why::kPinned);
  EXPECT_EQ(plan.verdicts[0].decision, Decision::kKeep);
  EXPECT_EQ(plan.verdicts[10].decision, Decision::kFetch);
}

TEST_F(KeeperTest, WhatIsAskedForIsWorthMore) {
  GroupState often = Group(0, 3, false);
  often.demand = 10;
  EXPECT_GT(Keeper::ValueOf(often, 3), Keeper::ValueOf(Group(1, 3, false), 3));
  EXPECT_GT(Keeper::ValueOf(Group(1, 2, false), 2), Keeper::ValueOf(often, 3));
}

TEST_F(KeeperTest, WithoutAQuotaNothingIsFetched) {
  KeeperOptions none = Options();
  none.quota = 0;
  keeper_.SetOptions(none);
  groups_ = {Group(0, 3, false)};
  EXPECT_EQ(Decide().verdicts[0].why, Why::kNoRoom);
}

TEST_F(KeeperTest, ForgetsATorrent) {
  groups_ = {Group(0, 4, false)};
  keeper_.NoteDropped(groups_[0].id);
  keeper_.Forget(groups_[0].id.torrent);
  EXPECT_EQ(Decide().verdicts[0].decision, Decision::kFetch);
}

}  // namespace
}  // namespace p2pd::archive
