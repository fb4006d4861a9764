#include "libcore/overlay/passages.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

using sim::Nat;
using sim::OverlayHost;

// Four nodes in the open, and two behind translators that let nobody in.
class PassagesTest : public testing::Test {
 protected:
  explicit PassagesTest(double bytes_per_second = 256 << 10) {
    NodeOptions options;
    options.passage_bytes_per_second = bytes_per_second;
    for (int i = 0; i < 4; ++i) {
      open_.push_back(std::make_unique<OverlayHost>(world_, 10 + i, options));
      Join(*open_.back());
    }
    for (uint8_t n = 1; n <= 2; ++n) {
      const net::Endpoint inside{net::IpAddress::V4({192, 168, n, 2}), 7464};
      world_.SetNat(inside, net::IpAddress::V4({10, 200, n, 1}), Nat::kPortDependent);
      hidden_.push_back(std::make_unique<OverlayHost>(world_, 20 + n, options, inside));
      Join(*hidden_.back());
    }
    world_.RunFor(absl::Seconds(30));
  }
  void Join(OverlayHost& host) {
    host.Start(open_.empty() || open_.front().get() == &host
                   ? std::vector<net::Endpoint>()
                   : std::vector<net::Endpoint>{open_.front()->at()});
    world_.RunFor(absl::Seconds(1));
  }
  void Send(OverlayHost& from, const DetourPath& path, const Bytes& datagram) {
    from.node().SendPassage(world_.now(), path, datagram);
    from.Kick();
    world_.RunFor(absl::Seconds(1));
  }
  static const PassageReceived* LastOf(const OverlayHost& host) {
    const PassageReceived* out = nullptr;
    for (const Event& event : host.events) {
      if (const auto* received = std::get_if<PassageReceived>(&event)) out = received;
    }
    return out;
  }
  uint64_t Counted(absl::string_view name) {
    uint64_t out = 0;
    for (const auto& host : open_) out += host->counters().Get(name);
    return out;
  }

  sim::World world_{3};
  std::vector<std::unique_ptr<OverlayHost>> open_;
  std::vector<std::unique_ptr<OverlayHost>> hidden_;
};

TEST_F(PassagesTest, WhoCannotBeReachedHasWaysAndOthersHaveNone) {
  for (const auto& host : hidden_) {
    const std::vector<DetourPath> ways = host->node().Ways();
    EXPECT_EQ(ways.size(), Passages::kRelays);
    for (const DetourPath& way : ways) EXPECT_EQ(way.far, Head(host->id()));
  }
  for (const auto& host : open_) EXPECT_TRUE(host->node().Ways().empty());
}

TEST_F(PassagesTest, ADatagramComesThereAndTheAnswerBack) {
  OverlayHost& caller = *hidden_[0];
  OverlayHost& callee = *hidden_[1];
  const DetourPath way = callee.node().Ways().at(0);
  Send(caller, way, {200, 1, 2});
  const PassageReceived* there = LastOf(callee);
  ASSERT_NE(there, nullptr);
  EXPECT_EQ(there->datagram, (Bytes{200, 1, 2}));
  EXPECT_EQ(there->from, (DetourPath{Head(caller.id()), way.via}.ToEndpoint()));
  Send(callee, *DetourPath::From(there->from), {201});
  const PassageReceived* back = LastOf(caller);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(back->from, way.ToEndpoint());
}

TEST_F(PassagesTest, NothingIsPassedOnToWhoDidNotAskForIt) {
  const DetourPath way{Head(open_[3]->id()), Head(open_[1]->id())};
  Send(*open_[0], way, {200});
  EXPECT_EQ(LastOf(*open_[3]), nullptr);
  EXPECT_GT(Counted("overlay.refused_passages"), 0u);
}

TEST_F(PassagesTest, OneWhoAskedHasABudget) {
  const DetourPath way = hidden_[1]->node().Ways().at(0);
  for (int i = 0; i < 400; ++i) {
    hidden_[0]->node().SendPassage(world_.now(), way, Bytes(1000, 200));
    hidden_[0]->Kick();
    world_.RunFor(absl::Milliseconds(2));
  }
  EXPECT_GT(Counted("overlay.refused_passages_rate"), 0u);
  EXPECT_LE(Counted("overlay.passages_bytes"),
            static_cast<uint64_t>(Passages::kServedBurst + Passages::kServedRate));
}

TEST_F(PassagesTest, WhenOneGoesAnotherIsAsked) {
  const uint64_t via = hidden_[1]->node().Ways().at(0).via;
  for (const auto& host : open_) {
    if (Head(host->id()) == via) host->Leave();
  }
  EXPECT_TRUE(world_.RunUntil(absl::Minutes(2), [&] {
    const std::vector<DetourPath> ways = hidden_[1]->node().Ways();
    return ways.size() == Passages::kRelays && ways[0].via != via && ways[1].via != via;
  }));
}

class NoPassagesTest : public PassagesTest {
 protected:
  NoPassagesTest() : PassagesTest(0) {}
};

TEST_F(NoPassagesTest, WhoIsNotWillingPassesNothingOn) {
  EXPECT_TRUE(hidden_[0]->node().Ways().empty());
  EXPECT_GT(Counted("overlay.refused_passages"), 0u);
}

TEST_F(NoPassagesTest, WhoSaidNothingIsLeftAloneForAWhile) {
  world_.RunFor(absl::Minutes(2));
  const uint64_t before = Counted("overlay.refused_passages");
  world_.RunFor(absl::Minutes(10));
  // Two ask four, each hardly more than ten times in ten minutes, and says it twice.
  EXPECT_LE(Counted("overlay.refused_passages") - before, 2u * 4 * 10 * 6);
  EXPECT_GT(Counted("overlay.refused_passages"), before);
}

}  // namespace
}  // namespace p2pd::overlay
