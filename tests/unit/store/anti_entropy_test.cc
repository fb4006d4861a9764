#include "libcore/store/anti_entropy.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libcore/store/memory_table.h"
#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

// Two neighbours in one process: what one asks, the other's server answers.
class AntiEntropyTest : public testing::Test {
 protected:
  void Keep(LocalStore& local, const Object& object) {
    ASSERT_EQ(local.Keep(object, {object.key(), "N1", false}, f.now), KeepResult::kKept);
  }
  // Runs until nothing is asked any more; how many requests it took.
  int Run() {
    int asked = 0;
    entropy.OnTimeout(now, f.now, ours);
    while (!ours.sent.empty()) {
      const auto sent = ours.Take();
      ++asked;
      theirs.answered.clear();
      their_server.OnRequest(now, f.now, theirs,
                             Asked{ReplyTo{overlay::AnswerToken(1), {}}, theirs.nodes()[1],
                                   *net::Endpoint::Parse("10.0.0.1:1"), true, sent.request});
      if (theirs.answered.empty()) {
        entropy.OnFailed(now, sent.id);
      } else {
        entropy.OnReply(now, f.now, ours, {sent.id, *sent.to, 1, theirs.answered[0].reply});
      }
    }
    return asked;
  }
  void Tick() { now = *entropy.PollTimeout(); }

  ObjectFixture f;
  FakeCarrier ours{2};
  FakeCarrier theirs{2};
  MemoryTable our_table, their_table;
  Counters counters;
  LocalStore our_local{{}, our_table, counters};
  LocalStore their_local{{}, their_table, counters};
  ReplicaServer our_server{our_local, counters};
  ReplicaServer their_server{their_local, counters};
  SeededRng rng{1};
  AntiEntropy entropy{our_local, our_server, rng, counters};
  Instant now;
};

TEST_F(AntiEntropyTest, BothEndUpWithBoth) {
  for (int i = 0; i < 20; ++i) Keep(our_local, f.Raw(absl::StrCat("ours ", i)));
  for (int i = 0; i < 20; ++i) Keep(their_local, f.Raw(absl::StrCat("theirs ", i)));
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  Run();
  EXPECT_EQ(our_table.total_objects(), 40u);
  EXPECT_EQ(their_table.total_objects(), 40u);
  EXPECT_EQ(counters.Get("store.repaired_here"), 20u);
  EXPECT_EQ(counters.Get("store.repaired_there"), 20u);
}

TEST_F(AntiEntropyTest, NewerWinsInBothDirections) {
  const pki::DeviceKeys second = pki::DeviceKeys::Generate(f.ca.rng);
  Keep(our_local, f.State(3));
  Keep(our_local, f.State(second, 1));
  Keep(their_local, f.State(1));
  Keep(their_local, f.State(second, 7));
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  Run();
  for (const MemoryTable* table : {&our_table, &their_table}) {
    const auto rows = table->Find(UserKeyPlace(f.spki()), std::nullopt);
    ASSERT_EQ(rows.size(), 2u);
    for (const auto& row : rows) {
      const bool first = row.object.slot() == ToBytes(f.device.id.view());
      EXPECT_EQ(row.object.sequence(), Sequence(first ? 3 : 7));
    }
  }
}

TEST_F(AntiEntropyTest, RemovalSpreadsAndTheValueDoesNotComeBack) {
  const Object raw =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_RAW, f.RawBody()), f.now).object;
  const Object removal =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_REMOVAL, f.RemovalBody()), f.now)
           .object;
  Keep(our_local, raw);
  Keep(their_local, removal);
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  Run();
  EXPECT_TRUE(our_local.Read(raw.key(), {}, f.now).empty());
  EXPECT_TRUE(their_local.Read(raw.key(), {}, f.now).empty());
}

TEST_F(AntiEntropyTest, AgreementIsOneQuestionAndBacksOff) {
  Keep(our_local, f.Raw("x"));
  Keep(their_local, f.Raw("x"));
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  EXPECT_EQ(Run(), 1);
  absl::Duration pause;
  for (int i = 0; i < 30; ++i) {
    const Instant before = now;
    Tick();
    EXPECT_EQ(Run(), 1);
    pause = now - before;
  }
  EXPECT_GT(pause, absl::Seconds(30));
  EXPECT_LT(pause, absl::Seconds(97));
  // Anything new makes it fast again.
  entropy.OnChanged(now);
  EXPECT_LT(*entropy.PollTimeout() - now, absl::Seconds(8));
}

TEST_F(AntiEntropyTest, TwoSignaturesOverOneBodyAreAgreement) {
  Keep(our_local, f.Authentication());
  Keep(their_local, f.Authentication());
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  EXPECT_EQ(Run(), 1);
}

TEST_F(AntiEntropyTest, WhatWasRefusedIsNotOfferedAgainAtOnce) {
  their_table.FailInserts(absl::ResourceExhaustedError("full"));
  Keep(our_local, f.Raw("x"));
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  EXPECT_EQ(Run(), 2);  // compare, give
  Tick();
  EXPECT_EQ(Run(), 1);  // compare
  their_table.FailInserts(absl::OkStatus());
  now = now + AntiEntropy::kRefusedFor;
  Run();
  EXPECT_EQ(their_table.total_objects(), 1u);
}

TEST_F(AntiEntropyTest, ManyRowsGoInSeveralMessages) {
  for (int i = 0; i < 300; ++i) {
    Keep(our_local, f.Raw("x", absl::Hours(1), HashKey("t", AsBytes(absl::StrCat(i)))));
    Keep(their_local, f.Raw("y", absl::Hours(1), HashKey("u", AsBytes(absl::StrCat(i)))));
  }
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  Run();
  EXPECT_EQ(our_table.total_objects(), 600u);
  EXPECT_EQ(their_table.total_objects(), 600u);
}

TEST_F(AntiEntropyTest, ASilentNeighbourEndsTheRound) {
  entropy.OnLeafSetChanged(now, ours);
  Tick();
  entropy.OnTimeout(now, f.now, ours);
  ASSERT_EQ(ours.sent.size(), 1u);
  EXPECT_FALSE(entropy.PollTimeout().has_value());
  entropy.OnFailed(now, ours.Take().id);
  EXPECT_TRUE(entropy.PollTimeout().has_value());
  EXPECT_EQ(counters.Get("store.comparisons_broken_off"), 1u);
}

}  // namespace
}  // namespace p2pd::store
