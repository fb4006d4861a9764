#include "libcore/store/careful_get.h"

#include <gtest/gtest.h>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class CarefulGetTest : public testing::Test {
 protected:
  StoreReply Found(const Object& object) {
    StoreReply reply;
    reply.mutable_get()->set_status(wire::v1::STORE_STATUS_OK);
    reply.mutable_get()->add_objects(ToText(object.bytes()));
    wire::v1::RowName& name = *reply.mutable_get()->add_rows();
    name.set_kind(object.kind());
    name.set_slot(ToText(object.slot()));
    name.set_sequence(object.sequence().value());
    return reply;
  }
  CarefulGet Started(const Object& object, std::optional<pki::Sha256Digest> digest = {}) {
    GetPlan plan;
    plan.key = object.key();
    plan.kind = object.kind();
    plan.data_digest = digest;
    CarefulGet get(plan, counters);
    get.Start(now, carrier);
    return get;
  }
  void Answer(CarefulGet& get, const StoreReply& reply) {
    const auto sent = carrier.Take();
    get.OnReply(now, f.now, carrier, {sent.id, sent.to.value_or(carrier.nodes()[1]), 1, reply});
  }
  ObjectFixture f;
  FakeCarrier carrier{9};
  Counters counters;
  Instant now;
};

TEST_F(CarefulGetTest, AnObjectThatProvesItselfNeedsNoSecondOpinion) {
  const Object raw = f.Raw("x");
  CarefulGet get = Started(raw);
  Answer(get, Found(raw));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
  EXPECT_EQ(counters.Get("store.gets_doubted"), 0u);
}

TEST_F(CarefulGetTest, AStrangersValueUnderTheSameKeyIsNotTheOneWithTheDigest) {
  const Object wanted = f.Raw("x");
  CarefulGet get = Started(wanted, pki::Sha256(AsBytes("x")));
  Answer(get, Found(f.Raw("y")));
  EXPECT_FALSE(get.result().has_value());
}

TEST_F(CarefulGetTest, WhoIsSlowIsNotWaitedFor) {
  const Object raw = f.Raw("x");
  CarefulGet get = Started(raw);
  carrier.Take();  // dropped by somebody
  ASSERT_TRUE(get.PollTimeout().has_value());
  now = now + CarefulGet::kPatience;
  get.OnTimeout(now, carrier);
  EXPECT_EQ(counters.Get("store.gets_doubted"), 1u);
  // This node knows the replicas and asks them all.
  ASSERT_FALSE(carrier.sent.empty());
  Answer(get, Found(raw));
  ASSERT_TRUE(get.result().has_value());
  EXPECT_TRUE(get.result()->status.ok());
}

TEST_F(CarefulGetTest, ManyOfOneNetworkDoNotDenyAKey) {
  const auto doubts_after_denial = [&](const char* (*address)(int)) {
    carrier.responsible = false;
    carrier.sent.clear();
    std::vector<overlay::NodeRecord> ring;
    for (int i = 0; i < 8; ++i) ring.push_back(carrier.NewNode(address(i)));
    StoreReply denial;
    denial.mutable_get()->set_status(wire::v1::STORE_STATUS_NOT_FOUND);
    for (const overlay::NodeRecord& record : ring) {
      denial.mutable_get()->add_replicas(ToText(record.bytes()));
    }
    const uint64_t before = counters.Get("store.gets_doubted");
    CarefulGet get = Started(f.Raw("x"));
    for (int i = 0; i < 9 && !carrier.sent.empty(); ++i) {
      const auto sent = carrier.Take();
      get.OnReply(now, f.now, carrier, {sent.id, sent.to.value_or(ring[0]), 1, denial});
    }
    return counters.Get("store.gets_doubted") - before;
  };
  EXPECT_EQ(doubts_after_denial([](int i) {
              static constexpr const char* kAddresses[] = {
                  "198.51.100.1:1", "198.52.100.1:1", "198.53.100.1:1", "198.54.100.1:1",
                  "198.55.100.1:1", "198.56.100.1:1", "198.57.100.1:1", "198.58.100.1:1"};
              return kAddresses[i];
            }),
            0u);
  EXPECT_EQ(doubts_after_denial([](int i) {
              static constexpr const char* kAddresses[] = {
                  "198.51.100.1:1", "198.51.100.2:1", "198.51.100.3:1", "198.51.100.4:1",
                  "198.51.100.5:1", "198.51.100.6:1", "198.51.100.7:1", "198.52.100.1:1"};
              return kAddresses[i];
            }),
            1u);
}

}  // namespace
}  // namespace p2pd::store
