#include "libcore/presence/revocations.h"

#include <gtest/gtest.h>

#include "tests/sim/people.h"
#include "tests/sim/store_host.h"

namespace p2pd::presence {
namespace {

class RevocationsTest : public testing::Test {
 protected:
  RevocationsTest() { P2PD_CHECK(trust_.AddRoot(authority_.root()).ok()); }
  Instant now() { return ring_.world.now(); }
  // Hands the events of the store over until the get has ended.
  void Until(store::OperationId id) {
    sim::StoreHost& host = *ring_.hosts[0];
    host.Kick();
    bool ended = false;
    P2PD_CHECK(ring_.world.RunUntil(absl::Minutes(1), [&] {
      for (const store::Event& event : host.events) {
        const auto* done = std::get_if<store::GetDone>(&event);
        const bool ours = revocations_.OnStoreEvent(now(), event);
        if (done != nullptr && done->id == id) ended = ours;
      }
      host.events.clear();
      return ended;
    }));
  }
  void Publish(const pki::Crl& crl) {
    const auto list = store::MakeRevocation(authority_.root(), crl, ring_.world.wall_now());
    P2PD_CHECK(list.ok());
    P2PD_CHECK(ring_.hosts[1]->Put(*list).status.ok());
  }

  struct Grown : sim::StoreRing {
    Grown() : StoreRing(53) { Grow(3); }
  };
  Grown ring_;
  sim::Authority authority_{54, ring_.world.wall_now()};
  MemoryStorage storage_;
  pki::TrustStore trust_;
  SeededRng rng_{55};
  Counters counters_;
  Revocations revocations_{{ring_.hosts[0]->store(), storage_, trust_, rng_, counters_}};
};

TEST_F(RevocationsTest, OneGetServesAllWhoWaitAndIsFreshForAWhile) {
  const auto first = revocations_.Ask(now(), authority_.root());
  ASSERT_TRUE(first);
  EXPECT_EQ(revocations_.Ask(now(), authority_.root()), first);
  EXPECT_EQ(revocations_.Ask(now(), authority_.root(), absl::ZeroDuration()), first);
  Until(*first);
  EXPECT_FALSE(revocations_.TakeNews()) << "there is none";
  EXPECT_FALSE(revocations_.Ask(now(), authority_.root()));
  EXPECT_TRUE(revocations_.Ask(now() + Revocations::kFresh, authority_.root()));
}

TEST_F(RevocationsTest, ANewerListIsNewsOnceAndKept) {
  const sim::Person bob = authority_.MakePerson("bob@example.org");
  Publish(authority_.Revoke({bob.chain.leaf()}, 7));
  Until(*revocations_.Ask(now(), authority_.root()));
  EXPECT_TRUE(revocations_.TakeNews());
  EXPECT_FALSE(revocations_.TakeNews());
  EXPECT_EQ(trust_.JudgeRevocation(bob.chain).fault, pki::ChainFault::kRevoked);
  EXPECT_EQ(storage_.List("trust/crls/").size(), 1u);
  Until(*revocations_.Ask(now(), authority_.root(), absl::ZeroDuration()));
  EXPECT_FALSE(revocations_.TakeNews()) << "the same again";
  EXPECT_FALSE(revocations_.Add(authority_.root(), authority_.Revoke({}, 6)).ok());
  EXPECT_FALSE(revocations_.TakeNews()) << "an older one";
}

TEST_F(RevocationsTest, AListThatTheDiskDoesNotTakeCountsAllTheSame) {
  const sim::Person bob = authority_.MakePerson("bob@example.org");
  storage_.FailWrites(absl::ResourceExhaustedError("disk full"));
  EXPECT_FALSE(revocations_.Add(authority_.root(), authority_.Revoke({bob.chain.leaf()})).ok());
  EXPECT_TRUE(revocations_.TakeNews());
  EXPECT_EQ(trust_.JudgeRevocation(bob.chain).fault, pki::ChainFault::kRevoked);
}

TEST_F(RevocationsTest, WhatIsKeptIsAskedForBeforeItIsStale) {
  EXPECT_FALSE(revocations_.PollTimeout());
  revocations_.Refresh(now(), {});
  Instant asked_last = now();
  absl::Duration longest;
  int asked = 0;
  while (asked < 5) {
    ASSERT_TRUE(revocations_.PollTimeout());
    ring_.world.RunFor(*revocations_.PollTimeout() - now());
    const uint64_t before = ring_.hosts[0]->counters().Get("store.gets_done");
    revocations_.Refresh(now(), {authority_.root()});
    const auto asking = revocations_.Ask(now(), authority_.root());
    if (!asking) continue;  // fresh
    Until(*asking);
    EXPECT_GT(ring_.hosts[0]->counters().Get("store.gets_done"), before);
    longest = std::max(longest, now() - asked_last);
    asked_last = now();
    ++asked;
  }
  EXPECT_LE(longest, Revocations::kFresh);
  EXPECT_GT(longest, Revocations::kFresh / 2) << "and not much more often";
}

TEST_F(RevocationsTest, ManyAuthoritiesTakeTurns) {
  std::vector<pki::Certificate> roots;
  for (uint64_t i = 0; i < 2 * Revocations::kMaxPerTick; ++i) {
    roots.push_back(sim::Authority(100 + i, ring_.world.wall_now()).root());
  }
  revocations_.Refresh(now(), roots);
  EXPECT_EQ(counters_.Get("presence.crl_put_off"), Revocations::kMaxPerTick);
}

}  // namespace
}  // namespace p2pd::presence
