#include "libcore/archive/shares.h"

#include <gtest/gtest.h>

#include "tests/unit/archive/fake_fellows.h"

namespace p2pd::archive {
namespace {

class SharesTest : public testing::Test {
 protected:
  SharesTest() : shares_(2) { shares_.SetFellows(&fellows_); }

  // What is ours of `count` groups of which we hold none.
  std::vector<GroupState> Fill(size_t count, bool held = false) {
    std::vector<GroupState> out(count);
    for (uint32_t i = 0; i < count; ++i) {
      out[i].id = {hash_, i};
      out[i].bytes = 10;
      out[i].held = held ? 10 : 0;
    }
    shares_.Fill(hash_, out);
    return out;
  }
  static int Assigned(const std::vector<GroupState>& groups) {
    int out = 0;
    for (const GroupState& group : groups) out += group.assigned ? 1 : 0;
    return out;
  }

  const torrent::InfoHash hash_;
  FakeFellows fellows_{4};
  Shares shares_;
  Instant now_;
  const GroupId group_{hash_, 0};
};

TEST_F(SharesTest, AloneEverythingIsOurs) {
  shares_.SetFellows(nullptr);
  EXPECT_EQ(Assigned(Fill(10)), 10);
  EXPECT_FALSE(shares_.together());
  EXPECT_TRUE(shares_.HoldersOf(group_).empty());
}

TEST_F(SharesTest, TogetherTwoOfFourHaveEachGroup) {
  EXPECT_NEAR(Assigned(Fill(1000)), 500, 60);
  fellows_.Resize(2);
  EXPECT_EQ(Assigned(Fill(1000)), 1000);
}

TEST_F(SharesTest, WhoIsFullIsPassedByForWhatItDoesNotHold) {
  for (int other : {1, 2, 3}) fellows_.SetFull(other, true);
  EXPECT_EQ(Assigned(Fill(100)), 100);
  fellows_.SetHeld(1, hash_, std::vector<bool>(100, true));
  fellows_.SetHeld(2, hash_, std::vector<bool>(100, true));
  EXPECT_LT(Assigned(Fill(100)), 100);
  // We are full as well: nothing new is ours, and what is here stays.
  fellows_.SetFull(0, true);
  fellows_.Clear();
  EXPECT_EQ(Assigned(Fill(100)), 0);
  EXPECT_GT(Assigned(Fill(100, true)), 40);
}

TEST_F(SharesTest, OthersAreCountedByWhatTheySay) {
  fellows_.SetHeld(1, hash_, {true, false});
  fellows_.SetHeld(2, hash_, {true, true});
  fellows_.SetHeld(3, hash_, {true});  // of another torrent, it seems
  const auto groups = Fill(2);
  EXPECT_EQ(groups[0].members, 2);
  EXPECT_EQ(groups[1].members, 1);
  EXPECT_EQ(shares_.Held(hash_, 2), (std::vector<int>{2, 1}));
  EXPECT_EQ(shares_.HoldersOf({hash_, 1}), std::vector<MemberId>{FakeFellows::Id(2)});
}

TEST_F(SharesTest, WhoMeansToDropPromisesNothing) {
  EXPECT_TRUE(shares_.Promise(now_, group_));
  EXPECT_TRUE(shares_.Promised(now_ + absl::Minutes(9), group_));
  EXPECT_FALSE(shares_.Promised(now_ + Shares::kPromise, group_));
  now_ = now_ + Shares::kPromise;
  shares_.Leave(now_, group_);
  EXPECT_FALSE(shares_.Promise(now_, group_));
  EXPECT_FALSE(shares_.Promise(now_ + Shares::kLeaving - absl::Seconds(1), group_));
  EXPECT_TRUE(shares_.Promise(now_ + Shares::kLeaving, group_));
}

TEST_F(SharesTest, EnoughPromisesHoldForAMoment) {
  EXPECT_FALSE(shares_.Relied(now_, group_));
  shares_.Leave(now_, group_);
  shares_.NotePromises(now_, group_, 1);
  EXPECT_FALSE(shares_.Relied(now_, group_));
  shares_.NotePromises(now_, group_, 2);
  EXPECT_TRUE(shares_.Relied(now_, group_));
  EXPECT_FALSE(shares_.Relied(now_ + Shares::kFresh, group_));
  // They came too late.
  shares_.Leave(now_, group_);
  shares_.NotePromises(now_ + Shares::kFresh, group_, 2);
  EXPECT_FALSE(shares_.Relied(now_, group_));
  // And what nobody asked for is nothing.
  shares_.NotePromises(now_, {hash_, 7}, 2);
  EXPECT_FALSE(shares_.Relied(now_, {hash_, 7}));
}

TEST_F(SharesTest, WhatIsOverGoes) {
  shares_.Leave(now_, group_);
  shares_.Promise(now_, {hash_, 1});
  now_ = now_ + Shares::kPromise;
  shares_.OnTimeout(now_);
  EXPECT_FALSE(shares_.Promised(now_, {hash_, 1}));
  EXPECT_TRUE(shares_.Promise(now_, group_));
}

}  // namespace
}  // namespace p2pd::archive
