#include "libcore/store/replica_server.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/store/memory_table.h"
#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class ReplicaServerTest : public testing::Test {
 protected:
  ReplicaServerTest() : stranger(carrier.NewNode("198.51.100.9:7464")) {}

  void Ask(const StoreRequest& request, const overlay::NodeRecord& from,
           const std::string& address = "198.51.100.9:7464", bool proved = true) {
    server.OnRequest(now, f.now, carrier,
                     Asked{ReplyTo{overlay::AnswerToken(1), {}}, from,
                           *net::Endpoint::Parse(address), proved, request});
  }
  void Ask(const StoreRequest& request) { Ask(request, stranger); }
  StoreRequest Put(const Object& object, uint32_t wanted = 5) {
    StoreRequest request;
    request.mutable_put()->set_place(object.key().ToString());
    request.mutable_put()->set_object(ToText(object.bytes()));
    request.mutable_put()->set_wanted(wanted);
    return request;
  }
  StoreRequest Replicate(const Object& object, const std::string& account = "") {
    StoreRequest request;
    wire::v1::Replica& replica = *request.mutable_replicate()->add_replicas();
    replica.set_place(object.key().ToString());
    replica.set_object(ToText(object.bytes()));
    replica.set_account(account);
    return request;
  }
  void Ack(StoreStatus status) {
    const auto sent = carrier.Take();
    StoreReply reply;
    reply.mutable_replicate()->add_statuses(status);
    server.OnReply(now, f.now, carrier, {sent.id, *sent.to, 1, reply});
  }
  wire::v1::PutReply TakePut() {
    P2PD_CHECK(carrier.answered.size() == 1);
    const auto out = carrier.answered[0].reply.put();
    carrier.answered.clear();
    return out;
  }
  StoreStatus ReplicateStatus() {
    P2PD_CHECK(carrier.answered.size() == 1);
    const auto out = carrier.answered[0].reply.replicate().statuses(0);
    carrier.answered.clear();
    return out;
  }
  ObjectFixture f;
  FakeCarrier carrier{8};
  overlay::NodeRecord stranger;
  MemoryTable table;
  Counters counters;
  LocalStore local{{}, table, counters};
  ReplicaServer server{local, counters};
  Instant now;
};

TEST_F(ReplicaServerTest, PutIsAnsweredWhenFiveCopiesStand) {
  const Object raw = f.Raw("x");
  Ask(Put(raw));
  ASSERT_EQ(carrier.sent.size(), 7u);
  EXPECT_TRUE(carrier.sent[0].request.replicate().fresh());
  for (int i = 0; i < 3; ++i) Ack(wire::v1::STORE_STATUS_OK);
  Ack(wire::v1::STORE_STATUS_QUOTA);
  EXPECT_TRUE(carrier.answered.empty());
  Ack(wire::v1::STORE_STATUS_OK);
  const auto put = TakePut();
  EXPECT_EQ(put.status(), wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(put.holders_size(), 5);
  EXPECT_EQ(put.replicas(), 8u);
  EXPECT_TRUE(local.Holds(raw.key(), raw.digest()));
  EXPECT_FALSE(server.PollTimeout().has_value());
}

TEST_F(ReplicaServerTest, TheOthersKeepWhatOurFullDiskDoesNot) {
  table.FailInserts(absl::ResourceExhaustedError("disk full"));
  Ask(Put(f.Raw("x")));
  ASSERT_EQ(carrier.sent.size(), 7u);
  for (int i = 0; i < 5; ++i) Ack(wire::v1::STORE_STATUS_OK);
  auto put = TakePut();
  EXPECT_EQ(put.status(), wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(put.holders_size(), 5);
  carrier.sent.clear();
  Ask(Put(f.Raw("y")));
  for (int i = 0; i < 4; ++i) Ack(wire::v1::STORE_STATUS_OK);
  for (int i = 0; i < 3; ++i) Ack(wire::v1::STORE_STATUS_FAILED);
  put = TakePut();
  EXPECT_EQ(put.status(), wire::v1::STORE_STATUS_FAILED);
  EXPECT_EQ(put.holders_size(), 4);
  EXPECT_EQ(local.write_error().message(), "disk full");
  table.FailInserts(absl::OkStatus());
  carrier.sent.clear();
  Ask(Put(f.Raw("z")));
  EXPECT_TRUE(local.write_error().ok());
  for (int i = 0; i < 4; ++i) Ack(wire::v1::STORE_STATUS_FAILED);
  for (int i = 0; i < 3; ++i) Ack(wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(TakePut().status(), wire::v1::STORE_STATUS_FAILED) << "theirs are full";
}

TEST_F(ReplicaServerTest, SilentReplicasAreNotWaitedForLong) {
  Ask(Put(f.Raw("x")));
  Ack(wire::v1::STORE_STATUS_OK);
  server.OnFailed(now, carrier, carrier.Take().id);
  ASSERT_TRUE(server.PollTimeout().has_value());
  now = *server.PollTimeout();
  server.OnTimeout(now, carrier);
  EXPECT_EQ(TakePut().holders_size(), 2);
}

TEST_F(ReplicaServerTest, WhatDoesNotProveItselfIsNeitherKeptNorPassedOn) {
  Object state = f.State();
  StoreRequest put = Put(state);
  put.mutable_put()->mutable_object()->back() ^= 1;
  Ask(put);
  EXPECT_EQ(TakePut().status(), wire::v1::STORE_STATUS_INVALID);
  EXPECT_TRUE(carrier.sent.empty());
  EXPECT_EQ(table.total_objects(), 0u);
  EXPECT_EQ(counters.Get("store.invalid_bad_signature"), 1u);
}

TEST_F(ReplicaServerTest, StaleIsSaid) {
  Ask(Put(f.State(2), 1));
  carrier.sent.clear();
  TakePut();
  Ask(Put(f.State(1)));
  EXPECT_EQ(TakePut().status(), wire::v1::STORE_STATUS_STALE);
  EXPECT_TRUE(carrier.sent.empty());
}

TEST_F(ReplicaServerTest, PlacesOfOthersAreNotServed) {
  carrier.responsible = false;
  const Object raw = f.Raw("x");
  Ask(Put(raw));
  EXPECT_EQ(TakePut().status(), wire::v1::STORE_STATUS_NOT_HERE);
  Ask(Replicate(raw));
  EXPECT_EQ(ReplicateStatus(), wire::v1::STORE_STATUS_NOT_HERE);
  StoreRequest get;
  get.mutable_get()->set_place(raw.key().ToString());
  Ask(get);
  EXPECT_EQ(carrier.answered.at(0).reply.get().status(), wire::v1::STORE_STATUS_NOT_HERE);
}

TEST_F(ReplicaServerTest, StrangersAreChargedThemselvesNeighboursSayWhom) {
  Ask(Replicate(f.Raw("by a stranger"), "Nsomebody"));
  EXPECT_EQ(ReplicateStatus(), wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(table.BytesOf("Nsomebody"), 0u);
  EXPECT_GT(table.BytesOf(NetworkAccount(*net::IpAddress::Parse("198.51.100.9"))), 0u);
  Ask(Replicate(f.Raw("by a neighbour"), "Nsomebody"), carrier.nodes()[1], "203.0.113.1:1");
  EXPECT_EQ(ReplicateStatus(), wire::v1::STORE_STATUS_OK);
  EXPECT_GT(table.BytesOf("Nsomebody"), 0u);
  // No neighbour gives out a licence without limits.
  Ask(Replicate(f.Raw("exempt"), "Pfree"), carrier.nodes()[1], "203.0.113.1:1");
  EXPECT_EQ(ReplicateStatus(), wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(table.BytesOf("Pfree"), 0u);
}

TEST_F(ReplicaServerTest, ARefreshIsToldWhetherTheObjectStands) {
  const Object raw = f.Raw("x");
  const auto holds = [&](ByteView digest) {
    StoreRequest request;
    request.mutable_locate()->set_place(raw.key().ToString());
    request.mutable_locate()->set_digest(ToText(digest));
    Ask(request);
    P2PD_CHECK(carrier.answered.size() == 1);
    const bool out = carrier.answered[0].reply.locate().holds();
    carrier.answered.clear();
    return out;
  };
  EXPECT_FALSE(holds(raw.digest().view()));
  Ask(Replicate(raw), carrier.nodes()[1]);
  carrier.answered.clear();
  EXPECT_TRUE(holds(raw.digest().view()));
  EXPECT_FALSE(holds(f.Raw("y").digest().view()));
  EXPECT_FALSE(holds({}));
}

TEST_F(ReplicaServerTest, ComparingIsForNeighbours) {
  StoreRequest compare;
  compare.mutable_compare()->set_from(std::string(20, '\0'));
  compare.mutable_compare()->add_chunks()->set_to(std::string(20, '\xff'));
  Ask(compare);
  EXPECT_TRUE(carrier.answered.empty());
  StoreRequest pull;
  pull.mutable_pull()->add_rows()->set_place(std::string(20, '\0'));
  Ask(pull);
  EXPECT_TRUE(carrier.answered.empty());
  EXPECT_EQ(counters.Get("store.refused_stranger"), 2u);
  Ask(compare, carrier.nodes()[1]);
  EXPECT_EQ(carrier.answered.size(), 1u);
}

TEST_F(ReplicaServerTest, RemovalNeedsItsValueSomewhere) {
  const Object removal =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_REMOVAL, f.RemovalBody()), f.now)
           .object;
  // Nobody has it.
  Ask(Put(removal));
  for (int i = 0; i < 7; ++i) Ack(wire::v1::STORE_STATUS_NOT_FOUND);
  EXPECT_EQ(TakePut().status(), wire::v1::STORE_STATUS_NOT_FOUND);
  EXPECT_EQ(table.total_objects(), 0u);
  // A replica had it: then the root keeps the removal too.
  Ask(Put(removal, 2));
  Ack(wire::v1::STORE_STATUS_OK);
  const auto put = TakePut();
  EXPECT_EQ(put.status(), wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(put.holders_size(), 2);
  EXPECT_EQ(table.total_objects(), 1u);
}

TEST_F(ReplicaServerTest, GetGivesWhatFitsAndNamesTheRest) {
  ASSERT_EQ(local.Keep(f.Raw(std::string(3000, 'a')), {Key(), "N1", false}, f.now),
            KeepResult::kKept);
  ASSERT_EQ(local.Keep(f.Raw("b"), {Key(), "N1", false}, f.now), KeepResult::kKept);
  StoreRequest get;
  get.mutable_get()->set_place(Key().ToString());
  get.mutable_get()->set_max_bytes(1000);
  get.mutable_get()->set_want_replicas(true);
  Ask(get);
  const auto& reply = carrier.answered.at(0).reply.get();
  EXPECT_EQ(reply.rows_size(), 2);
  EXPECT_EQ(reply.objects_size(), 1);
  EXPECT_EQ(reply.replica_count(), 8u);
  size_t bytes = 0;
  for (const auto& object : reply.objects()) bytes += object.size();
  for (const auto& record : reply.replicas()) bytes += record.size();
  EXPECT_LE(bytes, 1000u);
}

TEST_F(ReplicaServerTest, TheRootTellsWatchersAndForgetsWhoDidNotAsk) {
  StoreRequest subscribe;
  subscribe.mutable_subscribe()->set_place(f.Environment().key().ToString());
  subscribe.mutable_subscribe()->set_kind(wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  subscribe.mutable_subscribe()->set_lease(600);
  Ask(subscribe);
  EXPECT_EQ(carrier.answered.at(0).reply.subscribe().status(), wire::v1::STORE_STATUS_OK);
  EXPECT_EQ(carrier.sent.size(), 7u);  // the other replicas learn of it
  carrier.sent.clear();
  carrier.answered.clear();
  Ask(Replicate(f.Environment(1)));
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_TRUE(carrier.sent[0].request.has_notify());
  EXPECT_EQ(carrier.sent[0].to->id(), stranger.id());
  // Who is not the root leaves it to the root.
  carrier.sent.clear();
  carrier.is_root = false;
  Ask(Replicate(f.Environment(2)));
  EXPECT_TRUE(carrier.sent.empty());
  carrier.is_root = true;
  Ask(Replicate(f.Environment(3)));
  const auto sent = carrier.Take();
  StoreReply unwanted;
  unwanted.mutable_notify()->set_wanted(false);
  server.OnReply(now, f.now, carrier, {sent.id, stranger, 1, unwanted});
  EXPECT_EQ(server.watchers().size(), 0u);
}

TEST_F(ReplicaServerTest, TheOtherReplicasAreNotToldOfEachRenewal) {
  StoreRequest subscribe;
  subscribe.mutable_subscribe()->set_place(f.Environment().key().ToString());
  subscribe.mutable_subscribe()->set_kind(wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  subscribe.mutable_subscribe()->set_lease(600);
  size_t told = 0;
  for (int renewal = 0; renewal < 12; ++renewal, now = now + absl::Minutes(5)) {
    carrier.sent.clear();
    Ask(subscribe);
    if (carrier.sent.empty()) continue;
    ++told;
    ASSERT_EQ(carrier.sent.size(), 7u);
    // For longer than until they hear of it again.
    EXPECT_EQ(carrier.sent[0].request.watcher().lease(), 2400u);
  }
  EXPECT_EQ(told, 2u) << "in an hour";
  // They are told of another one at once, and of the end of one.
  carrier.sent.clear();
  stranger = carrier.NewNode("192.0.2.9:7464");
  Ask(subscribe);
  EXPECT_EQ(carrier.sent.size(), 7u);
  subscribe.mutable_subscribe()->set_lease(0);
  carrier.sent.clear();
  Ask(subscribe);
  ASSERT_EQ(carrier.sent.size(), 7u);
  EXPECT_EQ(carrier.sent[0].request.watcher().lease(), 0u);
}

TEST_F(ReplicaServerTest, OnlyNeighboursSubscribeOthers) {
  StoreRequest watcher;
  watcher.mutable_watcher()->set_place(Key().ToString());
  watcher.mutable_watcher()->set_kind(wire::v1::OBJECT_KIND_RAW);
  watcher.mutable_watcher()->set_lease(600);
  watcher.mutable_watcher()->set_watcher(ToText(f.record.bytes()));
  Ask(watcher);
  EXPECT_EQ(server.watchers().size(), 0u);
  EXPECT_EQ(carrier.answered.at(0).reply.watcher().status(), wire::v1::STORE_STATUS_NOT_HERE);
  Ask(watcher, carrier.nodes()[2]);
  EXPECT_EQ(server.watchers().size(), 1u);
  watcher.mutable_watcher()->set_watcher("no record");
  Ask(watcher, carrier.nodes()[2]);
  EXPECT_EQ(counters.Get("store.refused_stranger"), 2u);
}

TEST_F(ReplicaServerTest, AWatcherHeardOfLateIsToldWhatCameJustBefore) {
  StoreRequest watcher;
  watcher.mutable_watcher()->set_place(f.Environment().key().ToString());
  watcher.mutable_watcher()->set_kind(wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  watcher.mutable_watcher()->set_lease(600);
  watcher.mutable_watcher()->set_watcher(ToText(f.record.bytes()));
  Ask(Replicate(f.Environment(1)), carrier.nodes()[1]);
  EXPECT_TRUE(carrier.sent.empty());
  Ask(watcher, carrier.nodes()[2]);
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_TRUE(carrier.sent[0].request.has_notify());
  EXPECT_EQ(carrier.sent[0].to->id(), f.record.id());
  // Once.
  Ask(watcher, carrier.nodes()[3]);
  EXPECT_EQ(carrier.sent.size(), 1u);
}

// Found by a reviewer: 64 values of 37 bytes at a person's key, each from another network by its
// own word, pushed the certificate out, and its owner could not put it back.
TEST_F(ReplicaServerTest, StrangersValuesPushNoCertificateOut) {
  const Object certificate = f.Authentication();
  Ask(Put(certificate, 1), stranger, "203.0.113.9:7464");
  for (int i = 0; i < 200; ++i) {
    Ask(Put(f.Raw(absl::StrCat("x", i), absl::Hours(24), certificate.key()), 1), stranger,
        absl::StrCat("20.", i, ".0.1:1"));
  }
  EXPECT_TRUE(local.Holds(certificate.key(), certificate.digest()));
}

TEST_F(ReplicaServerTest, WhatCameByOthersIsChargedToThem) {
  const Object raw = f.Raw("x");
  Ask(Put(raw, 1), stranger, "203.0.113.9:7464", false);
  EXPECT_GT(table.BytesOf(NetworkAccount(*net::IpAddress::Parse("203.0.113.9"), false)), 0u);
  EXPECT_EQ(table.BytesOf(NetworkAccount(*net::IpAddress::Parse("203.0.113.9"))), 0u);
  EXPECT_EQ(table.BytesOf(NetworkAccount(stranger.addresses().front().address)), 0u);
}

TEST_F(ReplicaServerTest, ALetterThatProvesNothingIsNotKeptFor) {
  carrier.by_letter = true;
  const Object raw = f.Raw("x");
  Ask(Put(raw, 1), stranger, "203.0.113.9:7464", false);
  Ask(Replicate(raw), stranger, "203.0.113.9:7464", false);
  EXPECT_EQ(carrier.proofs.size(), 2u);
  EXPECT_TRUE(carrier.answered.empty());
  EXPECT_FALSE(local.Holds(raw.key(), raw.digest()));
  Ask(Put(raw, 1), stranger, "203.0.113.9:7464", true);
  EXPECT_EQ(carrier.proofs.size(), 2u);
  EXPECT_TRUE(local.Holds(raw.key(), raw.digest()));
}

TEST_F(ReplicaServerTest, WhatNeighboursMakeUsReadIsBounded) {
  const Key place = f.Authentication().key();
  for (int i = 0; i < 60; ++i) {
    Ask(Put(f.Raw(absl::StrCat("x", i), absl::Hours(24), place), 1), stranger, "203.0.113.9:7464");
  }
  StoreRequest request;
  for (int i = 0; i < 1024; ++i) {
    wire::v1::RowTag& tag = *request.mutable_pull()->add_rows();
    tag.set_place(place.ToString());
    tag.set_tag(static_cast<uint64_t>(i) + 1);
  }
  // One place is read once, however often it is named.
  const auto pulls = static_cast<int>(ReplicaServer::kReadBurst / 61);
  for (int i = 0; i <= pulls; ++i) Ask(request, carrier.LeafSet().front());
  EXPECT_EQ(counters.Get("store.refused_read_rate"), 0u);
  Ask(request, carrier.LeafSet().front());
  EXPECT_EQ(counters.Get("store.refused_read_rate"), 1u);
  now = now + absl::Seconds(1);
  Ask(request, carrier.LeafSet().front());
  EXPECT_EQ(counters.Get("store.refused_read_rate"), 1u);
}

TEST_F(ReplicaServerTest, TooManyPutsAtOnceAreToldToComeAgain) {
  for (size_t i = 0; i < ReplicaServer::kMaxGathers; ++i) {
    Ask(Put(f.Raw("x")));
  }
  EXPECT_TRUE(carrier.answered.empty());
  Ask(Put(f.Raw("x")));
  EXPECT_EQ(TakePut().status(), wire::v1::STORE_STATUS_BUSY);
  EXPECT_EQ(counters.Get("store.refused_gathers_full"), 1u);
}

}  // namespace
}  // namespace p2pd::store
