#include "libcore/store/get_operation.h"

#include <gtest/gtest.h>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class GetOperationTest : public testing::Test {
 protected:
  static void Name(const Object& object, wire::v1::GetReply& reply) {
    wire::v1::RowName& name = *reply.add_rows();
    name.set_kind(object.kind());
    name.set_slot(ToText(object.slot()));
    name.set_sequence(object.sequence().value());
  }
  // What a replica says that holds these; the others are named by the first.
  StoreReply Reply(const std::vector<Object>& objects, bool list = true) {
    StoreReply reply;
    wire::v1::GetReply& get = *reply.mutable_get();
    get.set_status(objects.empty() ? wire::v1::STORE_STATUS_NOT_FOUND : wire::v1::STORE_STATUS_OK);
    for (const Object& object : objects) {
      get.add_objects(ToText(object.bytes()));
      Name(object, get);
    }
    get.set_replica_count(8);
    if (list) {
      for (size_t i = 1; i < 9; ++i) get.add_replicas(ToText(carrier.nodes()[i].bytes()));
    }
    return reply;
  }
  // The routed request is answered by node 1.
  void AnswerRouted(GetOperation& get, const StoreReply& reply) {
    get.OnReply(now, f.now, carrier, {carrier.Take().id, carrier.nodes()[1], 3, reply});
  }
  void AnswerNext(GetOperation& get, const StoreReply& reply) {
    const auto sent = carrier.Take();
    get.OnReply(now, f.now, carrier, {sent.id, *sent.to, 1, reply});
  }
  void FailNext(GetOperation& get) {
    get.OnFailed(now, carrier, carrier.Take().id, absl::DeadlineExceededError("silent"));
  }
  GetOperation Started(const Key& key, std::optional<ObjectKind> kind,
                       std::map<Bytes, Sequence> at_least = {}) {
    GetPlan plan;
    plan.key = key;
    plan.kind = kind;
    plan.at_least = std::move(at_least);
    GetOperation get(plan, counters);
    get.Start(now, carrier);
    return get;
  }
  GetOperation Environment(std::map<Bytes, Sequence> at_least = {}) {
    return Started(f.Environment().key(), wire::v1::OBJECT_KIND_USER_ENVIRONMENT,
                   std::move(at_least));
  }
  ObjectFixture f;
  FakeCarrier carrier{9};
  Counters counters;
  Instant now;
};

TEST_F(GetOperationTest, FirstCopyOfAnImmutableKindIsTheAnswer) {
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  AnswerRouted(get, Reply({raw}));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
  EXPECT_EQ(get.result()->hops, 3);
  EXPECT_EQ(get.result()->from->id(), carrier.nodes()[1].id());
  EXPECT_TRUE(carrier.sent.empty());
}

TEST_F(GetOperationTest, TheNearestReplicasAreAskedPastTheRouting) {
  carrier.near = {3, 5, 2};
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  ASSERT_EQ(carrier.sent.size(), 2u);
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[3].id());
  EXPECT_EQ(carrier.sent[1].to->id(), carrier.nodes()[5].id());
  AnswerNext(get, Reply({raw}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
  EXPECT_EQ(get.result()->hops, 1);
  EXPECT_EQ(carrier.sent.size(), 1u) << "nobody else is asked";
}

TEST_F(GetOperationTest, ItsNothingIsNotFinal) {
  carrier.near = {3, 5, 2, 6, 7};
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  AnswerNext(get, Reply({}, false));
  ASSERT_EQ(carrier.sent.size(), 2u);
  EXPECT_EQ(carrier.sent[1].to->id(), carrier.nodes()[2].id()) << "in its place";
  AnswerNext(get, Reply({}, false));
  ASSERT_EQ(carrier.sent.size(), 1u);
  AnswerNext(get, Reply({}, false));
  EXPECT_FALSE(get.result().has_value());
  ASSERT_EQ(carrier.sent.size(), 3u);
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[6].id()) << "two more near ones";
  EXPECT_EQ(carrier.sent[1].to->id(), carrier.nodes()[7].id());
  EXPECT_FALSE(carrier.sent[2].to.has_value()) << "routed";
  AnswerNext(get, Reply({}, false));
  AnswerNext(get, Reply({}, false));
  AnswerRouted(get, Reply({raw}));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
}

TEST_F(GetOperationTest, WhereHintsDoNotReachANeighbourIsAskedWhoTheNearOnesAre) {
  carrier.near = {3, 5};
  const std::vector<NearReplica> known = carrier.NearReplicas(Key());
  carrier.near.clear();
  carrier.finds = true;
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  EXPECT_TRUE(carrier.sent.empty());
  get.OnFound(now, carrier, overlay::RequestId(999), {});
  EXPECT_TRUE(carrier.sent.empty()) << "not what we asked";
  get.OnFound(now, carrier, *carrier.found, known);
  ASSERT_EQ(carrier.sent.size(), 2u);
  EXPECT_EQ(carrier.sent[1].to->id(), carrier.nodes()[5].id());
  AnswerNext(get, Reply({raw}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());

  // It knows nobody.
  carrier.sent.clear();
  GetOperation other = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  other.OnFound(now, carrier, *carrier.found, {});
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_FALSE(carrier.sent[0].to.has_value()) << "routed";
}

class GuidedGetTest : public GetOperationTest {
 protected:
  // A get of what changes, for which a neighbour named nodes 3 and 5 as the near ones.
  GetOperation Guided() {
    carrier.near = {3, 5};
    const std::vector<NearReplica> known = carrier.NearReplicas(Key());
    carrier.near.clear();
    carrier.finds = true;
    GetOperation get = Environment();
    EXPECT_TRUE(carrier.sent.empty());
    get.OnFound(now, carrier, *carrier.found, known);
    EXPECT_EQ(carrier.sent.size(), 2u);
    return get;
  }
  // As node `place` of the eight says it, who leaves itself out of the list.
  StoreReply ReplyOf(size_t place, const std::vector<Object>& objects) {
    StoreReply reply = Reply(objects, false);
    for (size_t i = 1; i < 9; ++i) {
      if (i != place) reply.mutable_get()->add_replicas(ToText(carrier.nodes()[i].bytes()));
    }
    return reply;
  }
};

TEST_F(GuidedGetTest, OneOfTheReplicasSaysWhoTheyAreAndFourHaveToAgree) {
  GetOperation get = Guided();
  EXPECT_TRUE(carrier.sent[0].request.get().want_replicas());
  AnswerNext(get, ReplyOf(3, {f.Environment(3)}));
  EXPECT_FALSE(get.result().has_value()) << "one voice";
  // The other guide and the six who were named.
  ASSERT_EQ(carrier.sent.size(), 7u);
  StoreReply same = Reply({f.Environment(3)}, false);
  same.mutable_get()->clear_objects();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(get.result().has_value());
    AnswerNext(get, same);
  }
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(3));
  EXPECT_EQ(get.result()->hops, 1);
}

TEST_F(GuidedGetTest, WhoIsNoReplicaIsNoGuide) {
  GetOperation get = Guided();
  // It lists all eight others, so it is none of them; an old version of his is not heard.
  AnswerNext(get, Reply({f.Environment(1)}));
  EXPECT_EQ(carrier.sent.size(), 1u);
  AnswerNext(get, Reply({}, false));
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_FALSE(carrier.sent[0].to.has_value()) << "routed";
  AnswerRouted(get, Reply({f.Environment(3)}));
  for (int i = 0; i < 3; ++i) AnswerNext(get, Reply({f.Environment(3)}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(3));
}

TEST_F(GuidedGetTest, ASilentGuideWhomTheOtherNamedIsAskedAsAllAre) {
  GetOperation get = Guided();
  AnswerNext(get, ReplyOf(3, {f.Environment(3)}));
  const auto other = carrier.Take();
  EXPECT_EQ(other.to->id(), carrier.nodes()[5].id());
  const size_t before = carrier.sent.size();
  get.OnFailed(now, carrier, other.id, absl::DeadlineExceededError("silent"));
  ASSERT_EQ(carrier.sent.size(), before + 1);
  EXPECT_EQ(carrier.sent.back().to->id(), carrier.nodes()[5].id());
}

TEST_F(GuidedGetTest, SilentGuidesAreNotWaitedFor) {
  GetOperation get = Guided();
  FailNext(get);
  EXPECT_EQ(carrier.sent.size(), 1u);
  FailNext(get);
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_FALSE(carrier.sent[0].to.has_value()) << "routed";

  carrier.sent.clear();
  GetOperation patient = Guided();
  now = *patient.PollTimeout();
  EXPECT_LT(now, Instant() + absl::Seconds(1));
  patient.OnTimeout(now, carrier);
  ASSERT_EQ(carrier.sent.size(), 3u);
  EXPECT_FALSE(carrier.sent[2].to.has_value());
}

TEST_F(GuidedGetTest, WhoDoesNotAnswerALetterIsAskedOverALink) {
  GetOperation get = Guided();
  AnswerNext(get, ReplyOf(3, {f.Environment(3)}));
  carrier.Take();  // the other guide's
  const size_t before = carrier.sent.size();
  const overlay::NodeId silent = carrier.sent[0].to->id();
  FailNext(get);
  ASSERT_EQ(carrier.sent.size(), before);
  EXPECT_EQ(carrier.sent.back().to->id(), silent);
  for (int i = 0; i < 3; ++i) AnswerNext(get, Reply({f.Environment(3)}, false));
  EXPECT_TRUE(get.result().has_value());
}

TEST_F(GetOperationTest, WhenANearOneIsSilentAnotherAndTheRootAreAsked) {
  carrier.near = {3, 5, 2};
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  FailNext(get);
  ASSERT_EQ(carrier.sent.size(), 3u);
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[5].id());
  EXPECT_FALSE(carrier.sent[2].to.has_value());
  AnswerNext(get, Reply({raw}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
}

TEST_F(GetOperationTest, ASilentLinkIsNotWaitedForEither) {
  carrier.near = {3, 5, 2};
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  now = *get.PollTimeout();
  EXPECT_LT(now, Instant() + absl::Seconds(1));
  get.OnTimeout(now, carrier);
  ASSERT_EQ(carrier.sent.size(), 4u);
  EXPECT_FALSE(carrier.sent[3].to.has_value());
  for (int i = 0; i < 3; ++i) carrier.Take();
  AnswerRouted(get, Reply({raw}));
  ASSERT_TRUE(get.result().has_value());
}

TEST_F(GetOperationTest, ALargeImmutableObjectIsFetchedFromTheNearest) {
  carrier.near = {3, 5};
  const Object raw = f.Raw("x");
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  StoreReply named = Reply({raw}, false);
  named.mutable_get()->clear_objects();
  AnswerNext(get, named);
  ASSERT_EQ(carrier.sent.size(), 2u) << "over a link, and the other is not waited for";
  EXPECT_EQ(carrier.sent[1].to->id(), carrier.nodes()[3].id());
  AnswerNext(get, named);
  ASSERT_EQ(carrier.sent.size(), 1u) << "one copy is enough";
  AnswerNext(get, Reply({raw}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
}

TEST_F(GetOperationTest, OfWhatChangesTheNearestFiveAreAskedAndFourHaveToAnswer) {
  carrier.near = {1, 2, 3, 4, 5, 6};
  GetOperation get = Environment();
  ASSERT_EQ(carrier.sent.size(), 5u);
  EXPECT_GT(carrier.sent[0].request.get().max_bytes(), 0u);
  EXPECT_EQ(carrier.sent[1].request.get().max_bytes(), 0u) << "its version alone";
  StoreReply version = Reply({f.Environment(3)}, false);
  version.mutable_get()->clear_objects();
  const auto first = carrier.Take();
  AnswerNext(get, version);
  AnswerNext(get, version);
  AnswerNext(get, version);
  EXPECT_FALSE(get.result().has_value()) << "nobody brought it yet";
  get.OnReply(now, f.now, carrier, {first.id, *first.to, 1, Reply({f.Environment(3)}, false)});
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(3));
  EXPECT_EQ(get.result()->answers, 4);
}

TEST_F(GetOperationTest, WhereANearOneNamesANewerVersionItIsAskedForIt) {
  carrier.near = {1, 2, 3, 4, 5, 6};
  GetOperation get = Environment();
  AnswerNext(get, Reply({f.Environment(3)}, false));
  StoreReply newer = Reply({f.Environment(4)}, false);
  newer.mutable_get()->clear_objects();
  StoreReply same = Reply({f.Environment(3)}, false);
  same.mutable_get()->clear_objects();
  AnswerNext(get, newer);
  AnswerNext(get, newer);
  AnswerNext(get, same);
  AnswerNext(get, same);
  EXPECT_FALSE(get.result().has_value()) << "a newer one was named";
  ASSERT_EQ(carrier.sent.size(), 2u);
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[2].id());
  EXPECT_GT(carrier.sent[0].request.get().max_bytes(), 0u);
  AnswerNext(get, Reply({f.Environment(4)}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(4));
}

TEST_F(GetOperationTest, WhoBringsAForgeryIsNotHeardAnyMore) {
  carrier.near = {1, 2, 3, 4, 5, 6};
  GetOperation get = Environment();
  AnswerNext(get, Reply({f.Environment(3)}, false));
  StoreReply same = Reply({f.Environment(3)}, false);
  same.mutable_get()->clear_objects();
  StoreReply forged = Reply({f.Environment(9)}, false);
  std::string& bytes = *forged.mutable_get()->mutable_objects(0);
  bytes[bytes.size() / 2] ^= 1;
  StoreReply named = forged;
  named.mutable_get()->clear_objects();
  AnswerNext(get, named);
  for (int i = 0; i < 3; ++i) AnswerNext(get, same);
  EXPECT_FALSE(get.result().has_value());
  ASSERT_EQ(carrier.sent.size(), 1u) << "the one that named the ninth version";
  AnswerNext(get, forged);
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(3));
  EXPECT_EQ(counters.Get("store.replicas_disbelieved"), 1u);
}

TEST_F(GetOperationTest, AThoroughOneHearsEverybody) {
  carrier.near = {1, 2, 3};
  GetPlan plan;
  plan.key = f.Environment(1).key();
  plan.kind = wire::v1::OBJECT_KIND_USER_ENVIRONMENT;
  plan.thorough = true;
  GetOperation get(plan, counters);
  get.Start(now, carrier);
  EXPECT_EQ(carrier.sent.size(), 3u) << "whom hints name; nothing is routed";
  for (int i = 0; i < 3; ++i) AnswerNext(get, Reply({}, false));
  EXPECT_FALSE(get.result().has_value()) << "more may come";
  get.Widen(now, carrier, {carrier.nodes()[3], carrier.nodes()[4]}, true);
  ASSERT_EQ(carrier.sent.size(), 1u) << "one has answered";
  AnswerNext(get, Reply({f.Environment(3)}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
  EXPECT_EQ(get.result()->answers, 4);
}

TEST_F(GetOperationTest, NewestOfFourAnswersCountsAndTheOthersAreRepaired) {
  GetOperation get = Environment();
  AnswerRouted(get, Reply({f.Environment(3)}));
  ASSERT_EQ(carrier.sent.size(), 7u);  // all others at once
  EXPECT_EQ(carrier.sent[0].request.get().have_size(), 1);
  AnswerNext(get, Reply({f.Environment(3)}, false));
  AnswerNext(get, Reply({f.Environment(5)}, false));
  EXPECT_FALSE(get.result().has_value());
  AnswerNext(get, Reply({f.Environment(4)}, false));
  ASSERT_TRUE(get.result().has_value());
  ASSERT_EQ(get.result()->objects.size(), 1u);
  EXPECT_EQ(get.result()->objects[0].sequence(), Sequence(5));
  EXPECT_EQ(get.result()->answers, 4);
  // Three answered with less than the newest.
  int repairs = 0;
  for (const auto& sent : carrier.sent) repairs += sent.request.has_replicate() ? 1 : 0;
  EXPECT_EQ(repairs, 3);
  EXPECT_EQ(counters.Get("store.read_repairs"), 3u);
}

TEST_F(GetOperationTest, OlderThanSeenIsNotAccepted) {
  GetOperation get = Environment({{Bytes(), Sequence(6)}});
  AnswerRouted(get, Reply({f.Environment(5)}));
  for (int i = 0; i < 6; ++i) AnswerNext(get, Reply({f.Environment(5)}, false));
  EXPECT_FALSE(get.result().has_value());
  AnswerNext(get, Reply({f.Environment(6)}, false));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(6));
}

TEST_F(GetOperationTest, OnlyOldOnesIsAFailureNotAnAnswer) {
  GetOperation get = Environment({{Bytes(), Sequence(9)}});
  AnswerRouted(get, Reply({f.Environment(5)}));
  for (int i = 0; i < 7; ++i) AnswerNext(get, Reply({f.Environment(5)}, false));
  now = now + absl::Seconds(4);
  get.OnTimeout(now, carrier);
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(get.result()->objects.empty());
}

TEST_F(GetOperationTest, DeadReplicasAreNotWaitedFor) {
  GetOperation get = Environment();
  AnswerRouted(get, Reply({f.Environment(3)}));
  for (int i = 0; i < 6; ++i) FailNext(get);
  const auto living = carrier.Take();
  ASSERT_EQ(carrier.sent.size(), 6u) << "each silent letter is followed by a link";
  for (int i = 0; i < 6; ++i) FailNext(get);
  EXPECT_TRUE(carrier.sent.empty());
  EXPECT_FALSE(get.result().has_value());
  get.OnReply(now, f.now, carrier, {living.id, *living.to, 1, Reply({f.Environment(4)}, false)});
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(4));
}

TEST_F(GetOperationTest, NotFoundNeedsAllThatLiveAndFourOfThem) {
  GetOperation get = Started(Key(), wire::v1::OBJECT_KIND_RAW);
  AnswerRouted(get, Reply({}));
  for (int i = 0; i < 4; ++i) AnswerNext(get, Reply({}, false));
  EXPECT_FALSE(get.result().has_value());
  FailNext(get);
  FailNext(get);
  FailNext(get);
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->status.code(), absl::StatusCode::kNotFound);
}

TEST_F(GetOperationTest, TooFewNotFoundsAreNoAnswer) {
  GetOperation get = Started(Key(), wire::v1::OBJECT_KIND_RAW);
  AnswerRouted(get, Reply({}));
  AnswerNext(get, Reply({}, false));
  for (int i = 0; i < 6; ++i) FailNext(get);
  EXPECT_FALSE(get.result().has_value());  // routed again
  now = *get.PollTimeout();
  get.OnTimeout(now, carrier);
  EXPECT_EQ(carrier.sent.size(), 1u);
  now = now + absl::Seconds(4);
  get.OnTimeout(now, carrier);
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(GetOperationTest, SecondPlaceIsAskedAndTheFirstHealed) {
  const Object authentication = f.Authentication();
  GetOperation get = Started(authentication.key(), wire::v1::OBJECT_KIND_AUTHENTICATION);
  AnswerRouted(get, Reply({}));
  for (int i = 0; i < 7; ++i) AnswerNext(get, Reply({}, false));
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_EQ(carrier.sent[0].place, SecondPlace(authentication.key()));
  AnswerRouted(get, Reply({authentication}));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
  EXPECT_TRUE(get.result()->heal_first_place);
}

TEST_F(GetOperationTest, ForgedAndForeignObjectsAreDropped) {
  const Object state = f.State(2);
  Bytes forged = state.bytes();
  forged[forged.size() - 3] ^= 1;
  StoreReply reply = Reply({});
  reply.mutable_get()->add_objects(ToText(forged));
  reply.mutable_get()->add_objects(ToText(f.Raw("another key").bytes()));
  GetOperation get = Started(state.key(), wire::v1::OBJECT_KIND_USER_STATE);
  AnswerRouted(get, reply);
  EXPECT_FALSE(get.result().has_value());
  EXPECT_EQ(counters.Get("store.invalid_bad_signature"), 1u);
  EXPECT_EQ(counters.Get("store.dropped_unasked_object"), 1u);
}

TEST_F(GetOperationTest, StatesOfRevokedDevicesAreNotReturned) {
  const pki::DeviceKeys second = pki::DeviceKeys::Generate(f.ca.rng);
  const Object stolen = f.State(1);
  const Object good = f.State(second, 1);
  const Object list = *MakeDeviceList(f.person.key, f.ListBody(1, {f.device.id}), f.now);
  GetOperation get = Started(good.key(), wire::v1::OBJECT_KIND_USER_STATE);
  AnswerRouted(get, Reply({stolen, good}));
  AnswerNext(get, Reply({stolen, good}, false));
  AnswerNext(get, Reply({good, list}, false));
  AnswerNext(get, Reply({stolen, good}, false));
  ASSERT_TRUE(get.result().has_value());
  ASSERT_EQ(get.result()->objects.size(), 1u);
  EXPECT_EQ(get.result()->objects[0].slot(), good.slot());
  EXPECT_EQ(counters.Get("store.dropped_revoked_state"), 1u);
}

TEST_F(GetOperationTest, WhatDidNotFitIsFetched) {
  const Object raw = f.Raw(std::string(20000, 'x'));
  GetOperation get = Started(raw.key(), wire::v1::OBJECT_KIND_RAW);
  StoreReply named = Reply({});
  named.mutable_get()->set_status(wire::v1::STORE_STATUS_OK);
  Name(raw, *named.mutable_get());
  AnswerRouted(get, named);
  ASSERT_FALSE(carrier.sent.empty());
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[1].id());
  AnswerNext(get, Reply({raw}));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
}

// Who names rows that he never delivers does not stop the others from being heard.
TEST_F(GetOperationTest, ALiarDelaysButDoesNotBlock) {
  GetOperation get = Environment();
  StoreReply lie = Reply({});
  Name(f.Environment(99), *lie.mutable_get());
  AnswerRouted(get, lie);
  for (int i = 0; i < 40 && !carrier.sent.empty() && !get.result(); ++i) {
    const bool liar = carrier.sent[0].to->id() == carrier.nodes()[1].id();
    AnswerNext(get, liar ? lie : Reply({f.Environment(5)}, false));
  }
  ASSERT_TRUE(get.result().has_value());
  EXPECT_EQ(get.result()->objects.at(0).sequence(), Sequence(5));
}

}  // namespace
}  // namespace p2pd::store
