// The store of a node that is alone: no network is needed to keep one's own objects.
#include "libcore/store/store.h"

#include <gtest/gtest.h>

#include "libcore/store/memory_table.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class StoreAlone : public testing::Test {
 protected:
  static overlay::NodeOptions Options() {
    overlay::NodeOptions options;
    options.addresses = {*net::Endpoint::Parse("192.0.2.1:7464")};
    options.epoch = 1;
    return options;
  }
  StoreAlone() { node.Start(now, {}, {}); }
  // Events of the overlay go to the store until nothing moves.
  void Drain() {
    while (auto event = node.PollEvent()) {
      if (auto* request = std::get_if<overlay::IncomingRequest>(&*event)) {
        store.OnRequest(now, *request);
      } else if (auto* response = std::get_if<overlay::Response>(&*event)) {
        store.OnResponse(now, *response);
      } else if (auto* failed = std::get_if<overlay::RequestFailed>(&*event)) {
        store.OnRequestFailed(now, *failed);
      }
    }
  }
  template <class Done>
  std::optional<Done> TakeDone(OperationId id) {
    Drain();
    while (auto event = store.PollEvent()) {
      if (auto* done = std::get_if<Done>(&*event); done != nullptr && done->id == id) return *done;
    }
    return std::nullopt;
  }
  void RunFor(absl::Duration span) {
    const Instant until = now + span;
    while (true) {
      const auto next = Earliest(node.PollTimeout(), store.PollTimeout());
      if (!next || *next > until) break;
      now = std::max(now, *next);
      node.OnTimeout(now);
      store.OnTimeout(now);
      Drain();
      while (node.PollTransmit(now)) {
      }
    }
    now = until;
  }
  ObjectFixture f;
  Instant now;
  SeededRng rng{1};
  Counters counters;
  overlay::NodeKeys keys = overlay::NodeKeys::Generate(rng);
  overlay::Node node{Options(), keys, rng, counters};
  MemoryTable table;
  WallClock wall{now, f.now};
  Store store{{}, node, table, wall, rng, counters};
};

TEST_F(StoreAlone, PutAndGet) {
  const auto put = TakeDone<PutDone>(store.Put(now, f.Environment()));
  ASSERT_TRUE(put.has_value());
  EXPECT_TRUE(put->status.ok()) << put->status;
  EXPECT_EQ(put->acks, 1);
  EXPECT_EQ(put->replicas, 1);
  const auto got = TakeDone<GetDone>(store.Get(now, f.Environment().key(), {}));
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->objects.size(), 1u);
  EXPECT_EQ(got->objects[0].sequence(), Sequence(3));
}

TEST_F(StoreAlone, NothingThereIsNotFound) {
  const auto got = TakeDone<GetDone>(store.Get(now, Key(), {}));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->status.code(), absl::StatusCode::kNotFound);
}

TEST_F(StoreAlone, StateStandsAtBothPlaces) {
  ASSERT_TRUE(TakeDone<PutDone>(store.Put(now, f.State()))->status.ok());
  const Key key = f.State().key();
  EXPECT_EQ(table.Find(key, std::nullopt).size(), 1u);
  EXPECT_EQ(table.Find(SecondPlace(key), std::nullopt).size(), 1u);
  // The first place loses it: the second still has it, and the first is healed.
  ASSERT_TRUE(table.Erase(key, wire::v1::OBJECT_KIND_USER_STATE, f.State().slot()).ok());
  GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_USER_STATE;
  const auto got = TakeDone<GetDone>(store.Get(now, key, options));
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(got->status.ok()) << got->status;
  Drain();
  EXPECT_EQ(table.Find(key, std::nullopt).size(), 1u);
}

TEST_F(StoreAlone, RemoveRaw) {
  const Object raw =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_RAW, f.RawBody()), f.now).object;
  const auto digest = pki::Sha256(AsBytes("some bytes"));
  ASSERT_TRUE(TakeDone<PutDone>(store.Put(now, raw))->status.ok());
  EXPECT_EQ(TakeDone<RemoveDone>(store.RemoveRaw(now, raw.key(), digest, AsBytes("wrong")))
                ->status.code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(TakeDone<RemoveDone>(store.RemoveRaw(now, raw.key(), digest, {}))->status.code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(TakeDone<RemoveDone>(store.RemoveRaw(now, raw.key(), digest, AsBytes("secret")))
                  ->status.ok());
  EXPECT_EQ(TakeDone<GetDone>(store.Get(now, raw.key(), {}))->status.code(),
            absl::StatusCode::kNotFound);
}

TEST_F(StoreAlone, OwnSubscriptionIsTold) {
  ASSERT_TRUE(
      store.Subscribe(now, f.Environment().key(), wire::v1::OBJECT_KIND_USER_ENVIRONMENT).ok());
  RunFor(absl::Seconds(1));
  store.Put(now, f.Environment());
  Drain();
  RunFor(absl::Seconds(1));
  int told = 0;
  while (auto event = store.PollEvent()) {
    told += std::holds_alternative<Notification>(*event) ? 1 : 0;
  }
  EXPECT_EQ(told, 1);
}

TEST_F(StoreAlone, KeptAliveObjectComesBack) {
  const Object environment = f.Environment();
  ASSERT_TRUE(TakeDone<PutDone>(store.Put(now, environment))->status.ok());
  store.KeepAlive(now, environment);
  ASSERT_TRUE(table.Erase(environment.key(), environment.kind(), environment.slot()).ok());
  RunFor(absl::Minutes(25));
  EXPECT_EQ(table.Find(environment.key(), std::nullopt).size(), 1u);
}

TEST_F(StoreAlone, MalformedRequestsAreCounted) {
  overlay::IncomingRequest request{overlay::AnswerToken(1),
                                   overlay::Service::kStore,
                                   f.record,
                                   *net::Endpoint::Parse("192.0.2.9:1"),
                                   true,
                                   std::nullopt,
                                   0,
                                   {0xff}};
  store.OnRequest(now, request);
  EXPECT_EQ(counters.Get("store.dropped_malformed"), 1u);
}

TEST_F(StoreAlone, TooManyOperationsFailAtOnce) {
  int refused = 0;
  for (int i = 0; i < 1100; ++i) store.Get(now, Key(), {});
  while (auto event = store.PollEvent()) {
    const auto* done = std::get_if<GetDone>(&*event);
    refused += done != nullptr && absl::IsResourceExhausted(done->status) ? 1 : 0;
  }
  EXPECT_GE(refused, 76);
}

TEST_F(StoreAlone, ADiskThatIsFullIsSaid) {
  table.FailInserts(absl::ResourceExhaustedError("disk full"));
  const OperationId id = store.Put(now, f.Environment());
  Drain();
  RunFor(absl::Seconds(15));
  std::optional<PutDone> done;
  while (auto event = store.PollEvent()) {
    if (auto* found = std::get_if<PutDone>(&*event); found != nullptr && found->id == id) {
      done = *found;
    }
  }
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(done->acks, 0);
}

}  // namespace
}  // namespace p2pd::store
