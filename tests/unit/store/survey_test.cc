#include "libcore/store/survey.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class SurveyTest : public testing::Test {
 protected:
  // Way `way` is answered by this node, which names those.
  void AnswerBy(Survey& survey, size_t node, size_t first, size_t last) {
    StoreReply reply;
    for (size_t i = first; i < last; ++i) {
      reply.mutable_get()->add_replicas(ToText(carrier.nodes()[i].bytes()));
    }
    ASSERT_TRUE(survey.OnReply({carrier.Take().id, carrier.nodes()[node], 2, reply}));
  }
  FakeCarrier carrier{40};
  Instant now;
};

TEST_F(SurveyTest, AsksByAllWaysAndIsDoneWhenEnoughAnswered) {
  carrier.responsible = false;
  Survey survey(Key(), std::nullopt, 0);
  survey.Start(now, carrier);
  EXPECT_EQ(carrier.sent.size(), Survey::kWays);
  EXPECT_FALSE(survey.done());
  for (size_t i = 0; i < Survey::kEnough; ++i) AnswerBy(survey, 1, 2, 10);
  EXPECT_TRUE(survey.done());
  EXPECT_EQ(survey.Keepers().size(), 9u);
}

TEST_F(SurveyTest, WhatWeHaveLeavesTheRoomToTheNames) {
  carrier.responsible = false;
  ObjectFixture f;
  const Object have = f.Environment(3);
  Survey survey(Key(), std::nullopt, 1);
  survey.Have(have);
  survey.Start(now, carrier);
  ASSERT_FALSE(carrier.sent.empty());
  ASSERT_EQ(carrier.sent[0].request.get().have_size(), 1);
  EXPECT_EQ(carrier.sent[0].request.get().have(0).sequence(), 3u);
}

TEST_F(SurveyTest, NoSingleAnswerFillsTheList) {
  carrier.responsible = false;
  Survey survey(Key(), std::nullopt, 0);
  survey.Start(now, carrier);
  for (int i = 0; i < 3; ++i) AnswerBy(survey, 1, 2, 18);
  AnswerBy(survey, 20, 21, 29);
  const auto keepers = survey.Keepers();
  EXPECT_LE(keepers.size(), Survey::kMaxKeepers);
  const auto honest = std::count_if(keepers.begin(), keepers.end(), [&](const auto& record) {
    const auto& nodes = carrier.nodes();
    return std::any_of(nodes.begin() + 20, nodes.begin() + 29,
                       [&](const auto& node) { return node.id() == record.id(); });
  });
  EXPECT_GE(honest, 7);
}

TEST_F(SurveyTest, EndsWhenAllFailedOrTimeIsUp) {
  carrier.responsible = false;
  Survey failed(Key(), std::nullopt, 0);
  failed.Start(now, carrier);
  while (!carrier.sent.empty()) EXPECT_TRUE(failed.OnFailed(carrier.Take().id));
  EXPECT_TRUE(failed.done());
  EXPECT_TRUE(failed.Keepers().empty());
  EXPECT_FALSE(failed.OnFailed(overlay::RequestId(99)));
  Survey late(Key(), std::nullopt, 6);
  late.Start(now, carrier);
  late.OnTimeout(*late.PollTimeout());
  EXPECT_TRUE(late.done());
  EXPECT_FALSE(late.PollTimeout().has_value());
}

TEST_F(SurveyTest, WhoKnowsTheReplicasAsksNobody) {
  Survey survey(Key(), std::nullopt, 0);
  survey.Start(now, carrier);
  EXPECT_TRUE(survey.done());
  EXPECT_TRUE(carrier.sent.empty());
  EXPECT_FALSE(survey.Keepers().empty());
}

}  // namespace
}  // namespace p2pd::store
