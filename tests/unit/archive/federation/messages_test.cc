#include "libcore/archive/federation/messages.h"

#include <gtest/gtest.h>

namespace p2pd::archive::federation {
namespace {

TEST(FederationMessages, QuestionsReadAsTheyWereWritten) {
  const auto what = ParseQuestion(Write(Question(WhatChanged{7, 9})));
  ASSERT_TRUE(what.has_value());
  EXPECT_EQ(std::get<WhatChanged>(*what).epoch, 7u);
  EXPECT_EQ(std::get<WhatChanged>(*what).revision, 9u);
  GroupId group;
  group.torrent.mutable_view()[3] = 5;
  group.index = 11;
  ChallengeNonce nonce;
  nonce.mutable_view()[15] = 9;
  const auto will = ParseQuestion(Write(Question(WillYouKeep{group, nonce})));
  ASSERT_TRUE(will.has_value());
  EXPECT_EQ(std::get<WillYouKeep>(*will).group, group);
  EXPECT_EQ(std::get<WillYouKeep>(*will).nonce, nonce);
}

TEST(FederationMessages, RepliesReadAsTheyWereWritten) {
  for (const auto& proof : {std::optional<pki::Sha256Digest>(), std::optional(pki::Sha256({}))}) {
    const auto promise = ParseReply(Write(Reply(Promise{proof})));
    ASSERT_TRUE(promise.has_value());
    EXPECT_EQ(std::get<Promise>(*promise).proof, proof);
  }
  InventoryPage page;
  page.epoch = 3;
  page.entries = {{torrent::InfoHash(), {true, false}}};
  const auto read = ParseReply(Write(Reply(page)));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(std::get<InventoryPage>(*read).entries[0].groups, page.entries[0].groups);
}

TEST(FederationMessages, NothingElseIsOne) {
  EXPECT_FALSE(ParseQuestion({}));
  EXPECT_FALSE(ParseReply({}));
  for (const Question& question : {Question(WhatChanged{7, 9}), Question(WillYouKeep{})}) {
    Bytes bytes = Write(question);
    bytes.push_back(0);
    EXPECT_FALSE(ParseQuestion(bytes));
    bytes.resize(bytes.size() - 2);
    EXPECT_FALSE(ParseQuestion(bytes));
    EXPECT_FALSE(ParseReply(bytes));
  }
  EXPECT_FALSE(ParseQuestion(Bytes{3, 0}));
  EXPECT_FALSE(ParseReply(Bytes{130, 2}));
  EXPECT_FALSE(ParseReply(Bytes{130, 1}));
  EXPECT_FALSE(ParseReply(Bytes{130, 0, 0}));
  EXPECT_FALSE(ParseReply(Bytes{131, 1}));
}

}  // namespace
}  // namespace p2pd::archive::federation
