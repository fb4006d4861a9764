#include "libcore/archive/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace p2pd::archive {
namespace {

std::vector<Member> Members(int count) {
  std::vector<Member> out;
  for (int i = 0; i < count; ++i) {
    Member member;
    member.id.mutable_view()[0] = static_cast<uint8_t>(i + 1);
    out.push_back(member);
  }
  return out;
}

GroupId Group(uint32_t index) { return GroupId{torrent::InfoHash(), index}; }

TEST(Placement, AGroupIsSixteenMebibytesOrSixtyFourPieces) {
  EXPECT_EQ(PiecesInGroup(256 << 10), 64u);
  EXPECT_EQ(PiecesInGroup(16 << 10), 64u);
  EXPECT_EQ(PiecesInGroup(4 << 20), 4u);
  EXPECT_EQ(PiecesInGroup(64 << 20), 1u);
  EXPECT_EQ(GroupsOf(3680, 256 << 10), 58u);
  EXPECT_EQ(GroupsOf(64, 256 << 10), 1u);
}

TEST(Placement, TheOrderOfMembersIsOfNoMatter) {
  std::vector<Member> members = Members(5);
  const auto placed = Place(Group(7), members, 2);
  ASSERT_EQ(placed.size(), 2u);
  std::reverse(members.begin(), members.end());
  EXPECT_EQ(Place(Group(7), members, 2), placed);
}

TEST(Placement, SharesFollowTheWeights) {
  std::vector<Member> members = Members(3);
  members[2].weight = 2;
  std::map<MemberId, int> share;
  for (uint32_t i = 0; i < 4000; ++i) ++share[Place(Group(i), members, 1)[0]];
  EXPECT_NEAR(share[members[0].id], 1000, 100);
  EXPECT_NEAR(share[members[1].id], 1000, 100);
  EXPECT_NEAR(share[members[2].id], 2000, 100);
}

TEST(Placement, WhoComesOrGoesMovesItsOwnShareOnly) {
  const std::vector<Member> five = Members(5);
  const std::vector<Member> four = Members(4);
  int moved = 0;
  for (uint32_t i = 0; i < 2000; ++i) {
    const auto before = Place(Group(i), five, 2);
    const auto after = Place(Group(i), four, 2);
    for (const MemberId& id : before) {
      if (id == five[4].id) {
        ++moved;
      } else {
        EXPECT_NE(std::find(after.begin(), after.end(), id), after.end());
      }
    }
  }
  // Two copies on five members.
  EXPECT_NEAR(moved, 800, 80);
}

TEST(Placement, CopiesStandInDifferentDomainsWhileThereAreEnough) {
  std::vector<Member> members = Members(4);
  for (size_t i = 0; i < 3; ++i) members[i].domain = "rack 1";
  members[3].domain = "rack 2";
  for (uint32_t i = 0; i < 200; ++i) {
    const auto placed = Place(Group(i), members, 3);
    ASSERT_EQ(placed.size(), 3u);
    EXPECT_TRUE(placed[0] == members[3].id || placed[1] == members[3].id);
    EXPECT_EQ(std::set<MemberId>(placed.begin(), placed.end()).size(), 3u);
  }
}

TEST(Placement, WhoHasNoWeightKeepsNothing) {
  std::vector<Member> members = Members(2);
  members[0].weight = 0;
  for (uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(Place(Group(i), members, 2), std::vector<MemberId>{members[1].id});
  }
  EXPECT_TRUE(Place(Group(0), {}, 2).empty());
}

}  // namespace
}  // namespace p2pd::archive
