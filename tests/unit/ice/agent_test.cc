#include "libcore/ice/agent.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace p2pd::ice {
namespace {

net::Endpoint At(const char* text) { return net::Endpoint::Parse(text).value(); }
Candidate Host(const net::Endpoint& endpoint) {
  return {CandidateType::kHost, endpoint, PriorityOf(CandidateType::kHost, 65535)};
}

// Two agents and a wire of 10 ms between them: what is sent to an address of one arrives there.
class AgentTest : public testing::Test {
 protected:
  struct End {
    End(Side side, uint64_t seed, Bytes secret)
        : rng(seed),
          agent({.side = side, .secret = SecretBytes(std::move(secret)), .local = {}}, rng,
                counters) {}
    SeededRng rng;
    Counters counters;
    Agent agent;
    net::Endpoint at;             // where its packets come from
    std::set<net::Endpoint> own;  // where it is reached
    std::vector<Path> selected;
    int lost = 0;
  };
  struct Flight {
    Instant at;
    net::Endpoint from;
    net::Endpoint to;
    Bytes datagram;
  };

  AgentTest() : AgentTest(Bytes(32, 1)) {}
  explicit AgentTest(const Bytes& secret)
      : caller_(Side::kCaller, 1, secret), callee_(Side::kCallee, 2, secret) {
    caller_.at = At("192.0.2.1:1000");
    callee_.at = At("192.0.2.2:2000");
    for (End* end : {&caller_, &callee_}) end->own = {end->at};
  }

  void Meet() {
    caller_.agent.AddRemote(now_, {0, {Host(callee_.at)}});
    callee_.agent.AddRemote(now_, {0, {Host(caller_.at)}});
  }
  void Drain(End& end) {
    while (const auto transmit = end.agent.PollTransmit()) {
      ++sent_;
      if (drop_ && drop_(end.at, transmit->to)) continue;
      flights_.push_back({now_ + absl::Milliseconds(10), end.at, transmit->to, transmit->datagram});
    }
    while (const auto event = end.agent.PollEvent()) {
      if (const auto* path = std::get_if<PathSelected>(&*event)) {
        end.selected.push_back(path->path);
      } else {
        ++end.lost;
      }
    }
  }
  void Deliver(const Flight& flight) {
    for (End* end : {&caller_, &callee_}) {
      if (end->own.count(flight.to) == 0) continue;
      const auto message = ParseStun(flight.datagram);
      ASSERT_TRUE(message.has_value());
      nominations_ += message->use_candidate ? 1 : 0;
      end->agent.OnMessage(now_, flight.from, false, *message, flight.datagram);
    }
  }
  void RunFor(absl::Duration span) {
    const Instant until = now_ + span;
    for (;;) {
      for (End* end : {&caller_, &callee_}) Drain(*end);
      Instant next = until;
      for (End* end : {&caller_, &callee_}) {
        next = std::min(next, end->agent.PollTimeout().value_or(until));
      }
      for (const Flight& flight : flights_) next = std::min(next, flight.at);
      if (next >= until) break;
      now_ = std::max(now_, next);
      std::vector<Flight> due;
      std::erase_if(flights_, [&](const Flight& flight) {
        if (flight.at > now_) return false;
        due.push_back(flight);
        return true;
      });
      for (const Flight& flight : due) Deliver(flight);
      for (End* end : {&caller_, &callee_}) end->agent.OnTimeout(now_);
    }
    now_ = until;
  }

  Instant now_ = Instant::FromNanos(1'000'000'000);
  End caller_;
  End callee_;
  std::vector<Flight> flights_;
  std::function<bool(const net::Endpoint& from, const net::Endpoint& to)> drop_;
  int sent_ = 0;
  int nominations_ = 0;  // checks that came and said so
};

TEST_F(AgentTest, TheFirstProvedPairIsUsedByBothAfterARoundTrip) {
  Meet();
  RunFor(absl::Milliseconds(50));
  ASSERT_EQ(caller_.selected.size(), 1u);
  EXPECT_EQ(caller_.selected[0].remote, callee_.at);
  EXPECT_EQ(caller_.selected[0].round_trip, absl::Milliseconds(20));
  EXPECT_FALSE(caller_.selected[0].relayed());
  ASSERT_EQ(callee_.selected.size(), 1u);
  EXPECT_EQ(callee_.selected[0].remote, caller_.at);
}

TEST_F(AgentTest, OneSideThatKnowsTheOtherIsEnough) {
  caller_.agent.AddRemote(now_, {0, {Host(callee_.at)}});
  RunFor(absl::Milliseconds(100));
  ASSERT_EQ(callee_.selected.size(), 1u);
  EXPECT_EQ(callee_.selected[0].type, CandidateType::kPeerReflexive);
}

TEST_F(AgentTest, ABetterPairTakesOverAndBothAgree) {
  // Known as reflexive first, then as host: another endpoint of the same machine.
  const net::Endpoint inner = At("10.0.0.2:2000");
  callee_.own.insert(inner);
  Candidate outer = Host(callee_.at);
  outer.type = CandidateType::kRelayed;
  outer.priority = PriorityOf(CandidateType::kRelayed, 65535);
  caller_.agent.AddRemote(now_, {0, {outer}});
  RunFor(absl::Seconds(1));
  ASSERT_EQ(caller_.selected.size(), 1u);
  EXPECT_TRUE(caller_.selected[0].relayed());
  callee_.at = inner;  // and its answers come from there
  caller_.agent.AddRemote(now_, {0, {Host(inner)}});
  RunFor(absl::Seconds(1));
  ASSERT_EQ(caller_.selected.size(), 2u);
  EXPECT_EQ(caller_.selected[1].remote, inner);
  EXPECT_EQ(caller_.agent.proved().front().remote, inner);
}

TEST_F(AgentTest, LossIsOvercome) {
  SeededRng chance(6);
  drop_ = [&](const auto&, const auto&) { return chance.Unit() < 0.5; };
  Meet();
  RunFor(absl::Seconds(10));
  EXPECT_FALSE(caller_.selected.empty());
  EXPECT_FALSE(callee_.selected.empty());
}

TEST_F(AgentTest, WithoutTheKeysThereIsNoAnswerAndNoState) {
  AgentTest::End stranger(Side::kCaller, 3, Bytes(32, 2));
  stranger.agent.AddRemote(now_, {0, {Host(callee_.at)}});
  stranger.agent.OnTimeout(now_);
  const auto knock = stranger.agent.PollTransmit();
  ASSERT_TRUE(knock.has_value());
  const auto message = ParseStun(knock->datagram);
  EXPECT_FALSE(callee_.agent.OnMessage(now_, At("192.0.2.9:9"), false, *message, knock->datagram));
  // With the right name and another password.
  StunMessage named = *message;
  named.username = DeriveCredentials(Bytes(32, 1), Side::kCallee, 0).fragment + ":x";
  const Bytes forged = WriteStun(named, Bytes(32, 0));
  EXPECT_TRUE(callee_.agent.OnMessage(now_, At("192.0.2.9:9"), false, *ParseStun(forged), forged));
  EXPECT_EQ(callee_.counters.Get("ice.dropped_forged"), 1u);
  EXPECT_FALSE(callee_.agent.PollTransmit().has_value());
  EXPECT_FALSE(callee_.agent.PollTimeout().has_value());
}

TEST_F(AgentTest, AnAnswerFromElsewhereOrForgedProvesNothing) {
  caller_.agent.AddRemote(now_, {0, {Host(callee_.at)}});
  caller_.agent.OnTimeout(now_);
  const auto check = caller_.agent.PollTransmit();
  StunMessage answer;
  answer.kind = StunClass::kSuccess;
  answer.id = ParseStun(check->datagram)->id;
  answer.mapped = caller_.at;
  const Credentials theirs = DeriveCredentials(Bytes(32, 1), Side::kCallee, 0);
  const Bytes good = WriteStun(answer, theirs.password.view());
  const Bytes forged = WriteStun(answer, Bytes(32, 0));
  EXPECT_TRUE(caller_.agent.OnMessage(now_, At("192.0.2.9:9"), false, *ParseStun(good), good));
  EXPECT_TRUE(caller_.agent.OnMessage(now_, callee_.at, false, *ParseStun(forged), forged));
  EXPECT_FALSE(caller_.agent.selected().has_value());
  EXPECT_TRUE(caller_.agent.OnMessage(now_, callee_.at, false, *ParseStun(good), good));
  EXPECT_TRUE(caller_.agent.selected().has_value());
  // The same once more is nobody's.
  EXPECT_FALSE(caller_.agent.OnMessage(now_, callee_.at, false, *ParseStun(good), good));
}

TEST_F(AgentTest, TwoWhoBothControlSettleIt) {
  Meet();
  // The callee is told by a 487 of an agent with a greater tie-breaker, and of a smaller one it
  // takes over: both ways are tried by turning the caller's request round.
  caller_.agent.OnTimeout(now_);
  const auto check = caller_.agent.PollTransmit();
  StunMessage request = *ParseStun(check->datagram);
  const Credentials callee = DeriveCredentials(Bytes(32, 1), Side::kCallee, 0);
  for (const auto& [tie_breaker, expect_conflict] :
       {std::pair(~uint64_t{0}, true), std::pair(uint64_t{0}, false)}) {
    request.controlling.reset();
    request.controlled = tie_breaker;
    const Bytes datagram = WriteStun(request, callee.password.view());
    EXPECT_TRUE(callee_.agent.OnMessage(now_, caller_.at, false, *ParseStun(datagram), datagram));
    const auto answer = callee_.agent.PollTransmit();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(ParseStun(answer->datagram)->error, expect_conflict ? kRoleConflict : 0);
    EXPECT_EQ(callee_.agent.controlling(), !expect_conflict);
    while (callee_.agent.PollTransmit()) {
    }
  }
  // Now both control; they find out and still come together.
  RunFor(absl::Seconds(3));
  EXPECT_NE(caller_.agent.controlling(), callee_.agent.controlling());
  EXPECT_TRUE(caller_.agent.selected().has_value());
  EXPECT_TRUE(callee_.agent.selected().has_value());
}

TEST_F(AgentTest, WhenThePathInUseFallsSilentTheWarmOneTakesOver) {
  const net::Endpoint second = At("10.0.0.2:2000");
  callee_.own.insert(second);
  caller_.agent.AddRemote(now_, {0, {Host(callee_.at)}});
  RunFor(absl::Seconds(1));
  // The second way: whatever goes to it is answered from it.
  const net::Endpoint first = callee_.at;
  callee_.at = second;
  Candidate worse = Host(second);
  worse.priority = PriorityOf(CandidateType::kServerReflexive, 65535);
  caller_.agent.AddRemote(now_, {0, {worse}});
  RunFor(absl::Milliseconds(500));
  ASSERT_EQ(caller_.agent.proved().size(), 2u);
  EXPECT_EQ(caller_.agent.selected()->remote, first);
  RunFor(absl::Seconds(8));  // nothing comes from the first any more
  EXPECT_EQ(caller_.agent.selected()->remote, second);
  EXPECT_EQ(caller_.lost, 0);
}

TEST_F(AgentTest, AWayThatFellSilentAndComesBackIsNominatedAgain) {
  Meet();
  RunFor(absl::Seconds(1));
  drop_ = [](const auto&, const auto&) { return true; };
  RunFor(absl::Seconds(20));
  const int before = nominations_;
  drop_ = nullptr;
  RunFor(absl::Seconds(9));
  EXPECT_EQ(caller_.lost, 0);
  EXPECT_GT(nominations_, before);
}

TEST_F(AgentTest, WithoutConsentForThirtySecondsNothingMayBeSent) {
  Meet();
  RunFor(absl::Seconds(1));
  drop_ = [](const auto&, const auto&) { return true; };
  RunFor(absl::Seconds(28));
  EXPECT_EQ(caller_.lost, 0);
  EXPECT_TRUE(caller_.agent.selected().has_value());
  RunFor(absl::Seconds(8));
  EXPECT_EQ(caller_.lost, 1);
  EXPECT_FALSE(caller_.agent.selected().has_value());
  // It is looked for all the same, and comes back.
  drop_ = nullptr;
  RunFor(absl::Seconds(10));
  EXPECT_TRUE(caller_.agent.selected().has_value());
  EXPECT_TRUE(callee_.agent.selected().has_value());
}

TEST_F(AgentTest, ARestartAfterAMoveIsOverInARoundTrip) {
  Meet();
  RunFor(absl::Seconds(1));
  // Another network, another address; the old one is dead.
  caller_.at = At("198.51.100.7:777");
  caller_.own = {caller_.at};
  caller_.agent.Restart(now_);
  RunFor(absl::Milliseconds(100));
  EXPECT_EQ(callee_.agent.generation(), 1u);
  EXPECT_EQ(callee_.agent.selected()->remote, At("198.51.100.7:777"));
  EXPECT_EQ(caller_.agent.selected()->remote, callee_.at);
  EXPECT_EQ(caller_.lost + callee_.lost, 0);
}

TEST_F(AgentTest, TwoRestartsAtOnceAreOne) {
  Meet();
  RunFor(absl::Seconds(1));
  caller_.agent.Restart(now_);
  callee_.agent.Restart(now_);
  RunFor(absl::Seconds(1));
  EXPECT_EQ(caller_.agent.generation(), 1u);
  EXPECT_EQ(callee_.agent.generation(), 1u);
  EXPECT_EQ(caller_.agent.proved().size(), 1u);
  // An old list says nothing any more, a new one restarts.
  caller_.agent.AddRemote(now_, {0, {Host(At("192.0.2.77:7"))}});
  EXPECT_EQ(caller_.counters.Get("ice.dropped_old_candidates"), 1u);
  caller_.agent.AddRemote(now_, {2, {}});
  EXPECT_EQ(caller_.agent.generation(), 2u);
}

TEST_F(AgentTest, ThePairsAreBoundedAndUselessOnesMakeRoom) {
  drop_ = [](const auto&, const auto&) { return true; };
  std::vector<Candidate> many;
  for (size_t i = 0; i < kMaxCandidates * 3; ++i) {
    many.push_back(Host({At("10.1.0.1:1").address, static_cast<uint16_t>(1000 + i)}));
  }
  caller_.agent.AddRemote(now_, {0, many});
  EXPECT_EQ(caller_.counters.Get("ice.refused_pairs_full"), many.size() - Agent::kMaxPairs);
  RunFor(absl::Milliseconds(1));
  EXPECT_LE(sent_, 1);  // paced
  RunFor(absl::Seconds(6));
  // Each at most as often as it may.
  EXPECT_LE(sent_, static_cast<int>(Agent::kMaxPairs) * Agent::kMaxSends);
  drop_ = nullptr;
  caller_.agent.AddRemote(now_, {0, {Host(callee_.at)}});
  RunFor(absl::Seconds(3));
  EXPECT_TRUE(caller_.agent.selected().has_value());
}

TEST_F(AgentTest, NobodyElsewhereMakesUsKnockAtOurOwnDoors) {
  caller_.agent.AddRemote(now_, {0, {Host(At("127.0.0.1:22"))}});
  EXPECT_FALSE(caller_.agent.PollTimeout().has_value());
  caller_.agent.SetLocal({Host(At("127.0.0.1:7464"))});
  caller_.agent.AddRemote(now_, {0, {Host(At("127.0.0.1:7465"))}});
  EXPECT_TRUE(caller_.agent.PollTimeout().has_value());
}

TEST_F(AgentTest, AtRestAFewChecksAMinuteGoOut) {
  Meet();
  RunFor(absl::Seconds(10));
  sent_ = 0;
  RunFor(absl::Minutes(1));
  // A check and an answer each, of both sides, every 4 s.
  EXPECT_GE(sent_, 2 * 2 * 12);
  EXPECT_LE(sent_, 2 * 2 * 20);
}

}  // namespace
}  // namespace p2pd::ice
