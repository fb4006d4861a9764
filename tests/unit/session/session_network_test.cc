// Sessions over bad networks: loss, reordering, duplication, and the same run twice.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/session_host.h"

namespace p2pd::session {
namespace {

using sim::Authority;
using sim::LinkOptions;
using sim::Person;
using sim::SessionHost;
using sim::World;

struct Outcome {
  bool established = false;
  size_t messages_at_callee = 0;
  size_t messages_at_caller = 0;
  bool in_order = true;
  uint64_t trace = 0;
};

// One dial, ten messages each way, goodbye.
Outcome Talk(uint64_t seed, const LinkOptions& options) {
  World world(seed, options);
  Authority ca(7);
  const Person alice = ca.MakePerson("alice@example.org");
  const Person bob = ca.MakePerson("bob@example.org");
  SessionHost caller(world, seed * 2);
  SessionHost callee(world, seed * 2 + 1);
  caller.LogIn(alice);
  callee.LogIn(bob);
  const SessionId id = *caller.Dial(alice, bob.At({callee.at()}), Purpose::kMessage);
  world.RunUntil(absl::Seconds(20), [&] { return !callee.Of<Established>().empty(); });
  Outcome out;
  out.established = !caller.Of<Established>().empty() && !callee.Of<Established>().empty();
  if (!out.established) return out;
  const SessionId other = callee.Of<Established>()[0].id;
  for (uint8_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(caller.sessions().Send(world.now(), id, Bytes(3000, i)).ok());
    EXPECT_TRUE(callee.sessions().Send(world.now(), other, Bytes(10, i)).ok());
  }
  caller.Kick();
  callee.Kick();
  world.RunFor(absl::Seconds(60));
  const auto at_callee = callee.Of<MessageReceived>();
  for (size_t i = 0; i < at_callee.size(); ++i) {
    out.in_order = out.in_order && at_callee[i].message == Bytes(3000, static_cast<uint8_t>(i));
  }
  out.messages_at_callee = at_callee.size();
  out.messages_at_caller = caller.Of<MessageReceived>().size();
  out.trace = world.trace_hash();
  return out;
}

struct Network {
  const char* name;
  double loss;
  double duplication;
  absl::Duration jitter;
};

class BadNetworkTest : public testing::TestWithParam<Network> {};

TEST_P(BadNetworkTest, PeopleUnderstandEachOther) {
  LinkOptions options;
  options.loss = GetParam().loss;
  options.duplication = GetParam().duplication;
  options.jitter = GetParam().jitter;
  int talked = 0;
  constexpr int kRuns = 20;
  for (uint64_t seed = 1; seed <= kRuns; ++seed) {
    const Outcome outcome = Talk(seed, options);
    talked += outcome.established ? 1 : 0;
    if (!outcome.established) continue;
    EXPECT_EQ(outcome.messages_at_callee, 10u) << seed;
    EXPECT_EQ(outcome.messages_at_caller, 10u) << seed;
    EXPECT_TRUE(outcome.in_order) << seed;
  }
  EXPECT_EQ(talked, kRuns);
}

INSTANTIATE_TEST_SUITE_P(Sessions, BadNetworkTest,
                         testing::Values(Network{"clean", 0, 0, absl::Milliseconds(1)},
                                         Network{"lossy", 0.2, 0, absl::Milliseconds(5)},
                                         Network{"reordering", 0, 0, absl::Milliseconds(200)},
                                         Network{"doubling", 0, 0.5, absl::Milliseconds(50)},
                                         Network{"bad", 0.2, 0.2, absl::Milliseconds(100)}),
                         [](const testing::TestParamInfo<Network>& row) {
                           return std::string(row.param.name);
                         });

TEST(SessionDeterminismTest, OneSeedGivesOneTrace) {
  LinkOptions options;
  options.loss = 0.1;
  options.duplication = 0.1;
  const Outcome one = Talk(4, options);
  const Outcome two = Talk(4, options);
  EXPECT_TRUE(one.established);
  EXPECT_EQ(one.trace, two.trace);
  EXPECT_NE(one.trace, Talk(5, options).trace);
}

}  // namespace
}  // namespace p2pd::session
