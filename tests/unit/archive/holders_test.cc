#include "libcore/archive/holders.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::archive {
namespace {

constexpr uint32_t kPieces = 10;

net::Endpoint Peer(int network, int host = 1, int port = 6881) {
  return *net::Endpoint::Parse(absl::StrCat("20.0.", network, ".", host, ":", port));
}

class HoldersTest : public testing::Test {
 protected:
  void Show(const std::vector<net::Endpoint>& seeds) {
    std::vector<Holder> holders;
    for (const net::Endpoint& seed : seeds) holders.push_back({seed, false, 0, kPieces});
    holders_.OnLook(holders, kPieces);
  }
  // Everybody who is to be asked now.
  std::vector<net::Endpoint> Ask() {
    std::vector<net::Endpoint> out;
    while (const auto peer = holders_.Poll(now_)) out.push_back(*peer);
    return out;
  }
  void Answer(const net::Endpoint& peer, Shown shown) {
    ASSERT_EQ(Ask(), std::vector{peer});
    holders_.OnShown(now_, peer, shown);
  }

  Holders holders_;
  Instant now_;
};

TEST_F(HoldersTest, WhoShowsABlockIsVerifiedForADay) {
  Show({Peer(1)});
  EXPECT_EQ(holders_.Verified(now_), 0);
  EXPECT_EQ(holders_.Doubted(now_), 0);
  Answer(Peer(1), Shown::kRight);
  EXPECT_EQ(holders_.Verified(now_), 1);
  EXPECT_TRUE(Ask().empty());
  // It has to be there, and is asked again before it is forgotten.
  Show({});
  EXPECT_EQ(holders_.Verified(now_), 0);
  Show({Peer(1, 1, 7000)});
  EXPECT_EQ(holders_.Verified(now_), 1);
  now_ = now_ + Holders::kAgain;
  EXPECT_EQ(Ask().size(), 1u);
  EXPECT_EQ(holders_.Verified(now_), 1);
  now_ = now_ + Holders::kAgain;
  EXPECT_EQ(holders_.Verified(now_), 0);
}

TEST_F(HoldersTest, WhoClaimsAllAndGivesNothingNeverCounts) {
  Show({Peer(1)});
  for (int i = 0; i < 5; ++i) {
    Answer(Peer(1), Shown::kSilent);
    EXPECT_EQ(holders_.Verified(now_), 0);
    EXPECT_EQ(holders_.Doubted(now_), 1);
    now_ = now_ + Holders::kRetry;
  }
  // It was busy only.
  Answer(Peer(1), Shown::kRight);
  EXPECT_EQ(holders_.Verified(now_), 1);
  EXPECT_EQ(holders_.Doubted(now_), 0);
  // Busy once more: what it showed holds.
  now_ = now_ + Holders::kAgain;
  Answer(Peer(1), Shown::kSilent);
  EXPECT_EQ(holders_.Verified(now_), 1);
}

TEST_F(HoldersTest, WhoGivesRubbishLosesWhatItHad) {
  Show({Peer(1)});
  Answer(Peer(1), Shown::kRight);
  now_ = now_ + Holders::kAgain;
  Answer(Peer(1), Shown::kWrong);
  EXPECT_EQ(holders_.Verified(now_), 0);
  EXPECT_EQ(holders_.Doubted(now_), 1);
  EXPECT_EQ(holders_.TrustIn(now_, Peer(1)), Holder::Trust::kLied);
  now_ = now_ + Holders::kRetry;
  EXPECT_TRUE(Ask().empty());
  // A neighbour of a liar does not count either.
  Show({Peer(1, 2)});
  Answer(Peer(1, 2), Shown::kRight);
  EXPECT_EQ(holders_.Verified(now_), 0);
}

TEST_F(HoldersTest, ANetworkCountsOnce) {
  Show({Peer(1, 1), Peer(1, 2), Peer(2, 1)});
  for (const net::Endpoint& peer : Ask()) holders_.OnShown(now_, peer, Shown::kRight);
  EXPECT_EQ(holders_.Verified(now_), 2);
}

TEST_F(HoldersTest, PartsAndMembersAreNotAsked) {
  holders_.OnLook({{Peer(1), false, 0, kPieces - 1}, {Peer(2), true, 0, kPieces}}, kPieces);
  EXPECT_TRUE(Ask().empty());
}

TEST_F(HoldersTest, FewAreAskedAtATimeAndAnAnswerThatIsLostBlocksNobody) {
  std::vector<net::Endpoint> seeds;
  for (int i = 0; i < 20; ++i) seeds.push_back(Peer(i));
  Show(seeds);
  EXPECT_EQ(Ask().size(), Holders::kMaxAsked);
  EXPECT_TRUE(Ask().empty());
  now_ = now_ + Holders::kPatience;
  EXPECT_EQ(Ask().size(), Holders::kMaxAsked);
}

TEST_F(HoldersTest, AnAnswerThatNobodyAskedForSaysNothing) {
  Show({Peer(1)});
  holders_.OnShown(now_, Peer(1), Shown::kRight);
  EXPECT_EQ(holders_.Verified(now_), 0);
}

TEST_F(HoldersTest, WhatIsRememberedIsBounded) {
  for (int i = 0; i < 1000; ++i) {
    Show({Peer(i / 200, 1 + i % 200)});
    for (const net::Endpoint& peer : Ask()) holders_.OnShown(now_, peer, Shown::kRight);
    EXPECT_EQ(holders_.Verified(now_), 1) << i;
  }
  // Liars are not forgotten for others.
  std::vector<net::Endpoint> liars;
  for (int i = 0; i < static_cast<int>(Holders::kMaxKnown); ++i) {
    liars.push_back(Peer(100 + i / 200, 1 + i % 200));
    Show({liars.back()});
    for (const net::Endpoint& peer : Ask()) holders_.OnShown(now_, peer, Shown::kWrong);
  }
  Show({Peer(50)});
  EXPECT_TRUE(Ask().empty());
  EXPECT_EQ(holders_.TrustIn(now_, liars.front()), Holder::Trust::kLied);
}

}  // namespace
}  // namespace p2pd::archive
