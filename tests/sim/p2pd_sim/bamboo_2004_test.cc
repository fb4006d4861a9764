// The baseline on small rings: it forms a true ring, survives crashes, and one seed is one run.
#include "tests/sim/p2pd_sim/bamboo_2004.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace p2pd::sim {
namespace {

class Ring final : public Participant::Listener {
 public:
  struct Asked {
    Instant at;
    overlay::Key key;
  };

  explicit Ring(uint64_t seed, const BambooOptions& options = {})
      : world_(seed), rng_(seed + 1000), options_(options) {}

  void Grow(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      std::vector<net::Endpoint> bootstrap;
      if (!active_.empty()) bootstrap.push_back(nodes_[*active_.begin()]->at());
      const size_t place = nodes_.size();
      nodes_.push_back(MakeBamboo2004(
          ParticipantSpec{&world_, this, place, rng_.Next(), world_.NextEndpoint()}, options_));
      nodes_.back()->Start(bootstrap);
      world_.RunFor(absl::Milliseconds(1500));
    }
    world_.RunFor(absl::Minutes(2));
  }

  void Crash(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const size_t place = DrawPlace();
      active_.erase(place);
      nodes_[place].reset();
    }
  }

  void Ask(int count) {
    for (int i = 0; i < count; ++i) {
      const size_t place = DrawPlace();
      const auto key = rng_.Make<overlay::Key>();
      const uint64_t lookup = nodes_[place]->Lookup(key);
      asked_[{place, lookup}] = {world_.now(), key};
      nodes_[place]->Kick();
      world_.RunFor(absl::Milliseconds(20));
    }
    world_.RunFor(absl::Seconds(61));
  }

  // Nodes whose leaf set is not the true four on either side.
  size_t WrongLeaves() const {
    std::vector<overlay::NodeId> ids;
    for (const size_t place : active_) ids.push_back(nodes_[place]->id());
    std::sort(ids.begin(), ids.end());
    size_t count = 0;
    for (const size_t place : active_) {
      const auto self = static_cast<size_t>(
          std::lower_bound(ids.begin(), ids.end(), nodes_[place]->id()) - ids.begin());
      std::set<overlay::NodeId> expected;
      for (size_t i = 1; i <= Bamboo2004::kLeavesPerSide; ++i) {
        expected.insert(ids[(self + i) % ids.size()]);
        expected.insert(ids[(self + ids.size() - i) % ids.size()]);
      }
      const std::vector<overlay::NodeId> leaves = nodes_[place]->Leaves();
      if (std::set<overlay::NodeId>(leaves.begin(), leaves.end()) != expected) ++count;
    }
    return count;
  }

  World& world() { return world_; }
  const std::set<size_t>& active() const { return active_; }
  const Participant& node(size_t place) const { return *nodes_[place]; }

  size_t right = 0;
  size_t wrong = 0;
  size_t failed = 0;
  int most_hops = 0;
  absl::Duration slowest;

  void OnActive(size_t place, bool active) override {
    EXPECT_TRUE(active);
    EXPECT_TRUE(active_.insert(place).second);
  }
  void OnAnswer(size_t place, uint64_t lookup, const overlay::NodeId& root, const net::Endpoint& at,
                int hops) override {
    const auto found = asked_.find({place, lookup});
    ASSERT_NE(found, asked_.end());
    size_t best = *active_.begin();
    for (const size_t other : active_) {
      if (overlay::Nearer(found->second.key, nodes_[other]->id(), nodes_[best]->id())) best = other;
    }
    const bool true_root = nodes_[best]->id() == root && nodes_[best]->at() == at;
    ++(true_root ? right : wrong);
    most_hops = std::max(most_hops, hops);
    slowest = std::max(slowest, world_.now() - found->second.at);
    asked_.erase(found);
  }
  void OnFailed(size_t place, uint64_t lookup) override {
    EXPECT_EQ(asked_.erase({place, lookup}), 1u);
    ++failed;
  }

 private:
  size_t DrawPlace() {
    return *std::next(active_.begin(), static_cast<std::ptrdiff_t>(rng_.Below(active_.size())));
  }

  World world_;
  SeededRng rng_;
  BambooOptions options_;
  std::vector<std::unique_ptr<Participant>> nodes_;
  std::set<size_t> active_;
  std::map<std::pair<size_t, uint64_t>, Asked> asked_;
};

TEST(Bamboo2004Test, ARingOfThirtyFormsAndAnswers) {
  Ring ring(1);
  ring.Grow(30);
  EXPECT_EQ(ring.active().size(), 30u);
  EXPECT_EQ(ring.WrongLeaves(), 0u);
  ring.Ask(300);
  EXPECT_EQ(ring.right, 300u);
  EXPECT_EQ(ring.wrong + ring.failed, 0u);
  // Where nobody has the next digit it walks by leaves, four nodes a step.
  EXPECT_LE(ring.most_hops, 6);
  EXPECT_LT(ring.slowest, absl::Seconds(1));
}

TEST(Bamboo2004Test, TheSmallestRingsAnswer) {
  Ring ring(2);
  ring.Grow(1);
  ring.Ask(5);
  EXPECT_EQ(ring.right, 5u);
  ring.Grow(1);
  ring.Ask(20);
  EXPECT_EQ(ring.right, 25u);
  EXPECT_EQ(ring.most_hops, 1);
}

TEST(Bamboo2004Test, ARingSurvivesFiveCrashes) {
  Ring ring(3);
  ring.Grow(30);
  ring.Crash(5);
  ring.world().RunFor(absl::Minutes(3));
  EXPECT_EQ(ring.active().size(), 25u);
  EXPECT_EQ(ring.WrongLeaves(), 0u);
  ring.Ask(300);
  EXPECT_EQ(ring.right, 300u);
}

// What the variant is for: a lookup that meets a dead node.
TEST(Bamboo2004Test, GivingUpAtTheFirstRtoIsFaster) {
  for (const bool give_up : {false, true}) {
    Ring ring(4, BambooOptions{give_up});
    ring.Grow(30);
    ring.Crash(5);
    ring.Ask(100);
    EXPECT_EQ(ring.right + ring.wrong, 100u) << give_up;
    if (give_up) {
      EXPECT_LT(ring.slowest, absl::Seconds(3));
    } else {
      EXPECT_GE(ring.slowest, absl::Seconds(5));
    }
  }
}

TEST(Bamboo2004Test, TwoHalvesBecomeOneRing) {
  Ring ring(5);
  ring.Grow(16);
  std::set<net::Endpoint> island;
  for (size_t i = 0; i < 16; i += 2) island.insert(ring.node(i).at());
  ring.world().SetPartition(island);
  ring.world().RunFor(absl::Minutes(3));
  EXPECT_EQ(ring.WrongLeaves(), 16u);
  ring.world().SetPartition({});
  ring.world().RunFor(absl::Minutes(4));
  EXPECT_EQ(ring.WrongLeaves(), 0u);
}

TEST(Bamboo2004Test, LossCostsNoLookup) {
  Ring ring(6);
  ring.world().options().loss = 0.05;
  ring.Grow(30);
  EXPECT_EQ(ring.WrongLeaves(), 0u);
  ring.Ask(300);
  EXPECT_EQ(ring.right, 300u);
}

TEST(Bamboo2004Test, OneSeedIsOneRun) {
  const auto run = [](uint64_t seed) {
    Ring ring(seed);
    ring.world().options().loss = 0.02;
    ring.Grow(20);
    ring.Crash(3);
    ring.Ask(50);
    return ring.world().trace_hash();
  };
  const uint64_t first = run(7);
  EXPECT_EQ(run(7), first);
  EXPECT_NE(run(8), first);
}

TEST(Bamboo2004Test, TrafficIsCountedByPurposeAndIsOfTheOriginalsSize) {
  Ring ring(9);
  ring.Grow(30);
  std::map<size_t, overlay::Traffic> before;
  for (const size_t place : ring.active()) before[place] = ring.node(place).traffic();
  const TrafficCounts sent = ring.world().traffic();
  std::set<size_t> sizes;
  ring.world().SetTap([&](const net::Endpoint&, net::Transmit& transmit) {
    sizes.insert(transmit.datagram.size());
    return true;
  });
  ring.world().RunFor(absl::Minutes(10));
  overlay::Traffic sum;
  for (const size_t place : ring.active()) sum += ring.node(place).traffic() - before[place];
  EXPECT_EQ(sum.packets.bytes, ring.world().traffic().bytes - sent.bytes);
  EXPECT_EQ(sum.packets.count, ring.world().traffic().datagrams - sent.datagrams);
  using overlay::Purpose;
  const auto messages = [&](Purpose p) { return sum.messages[static_cast<size_t>(p)].count; };
  // 30 nodes, 600 s: a leaf set and its answer every 4 s; a row, its answer and now and then an
  // announcement every 10 s; a lookup and its answer every 20 s.
  EXPECT_NEAR(static_cast<double>(messages(Purpose::kMembership)), 9000, 450);
  EXPECT_NEAR(static_cast<double>(messages(Purpose::kTable)), 4500, 900);
  EXPECT_GT(messages(Purpose::kProbe), 1500u);
  EXPECT_EQ(messages(Purpose::kRequest) + messages(Purpose::kAnswer), 0u);
  // A bare acknowledgement, a ping, a leaf set of 8 with its sender.
  EXPECT_EQ(*sizes.begin(), 12u);
  EXPECT_EQ(*std::next(sizes.begin()), 32u);
  EXPECT_EQ(sizes.count(28 + 4 + 1 + 2 + 9 * bamboo::kPeerSize), 1u);
  const double rate = static_cast<double>(sum.packets.bytes + 28 * sum.packets.count) / 30 / 600;
  RecordProperty("bytes_per_second", std::to_string(rate));
  EXPECT_GT(rate, 200);
  EXPECT_LT(rate, 600);
}

TEST(BambooWireTest, WhatIsWrittenIsReadAndNothingElseIs) {
  SeededRng rng(10);
  const bamboo::Peer peer{rng.Make<overlay::NodeId>(), *net::Endpoint::Parse("1.2.3.4:5")};
  const bamboo::Tuple tuple{peer.id, 3, Instant::FromNanos(5), 100};
  const bamboo::SyncRange range{peer.id, rng.Make<overlay::Key>(), 1, 30};
  using Kind = bamboo::SyncResp::Kind;
  EXPECT_EQ(bamboo::Encode(bamboo::StoreReq{tuple}).size(), 4 + bamboo::kTupleKeySize + 100);
  const bamboo::Message messages[] = {bamboo::Ping{},
                                      bamboo::LeafSetChanged{peer, true, {peer, peer}},
                                      bamboo::RoutingTableReq{3},
                                      bamboo::RoutingTableResp{true, {peer}},
                                      bamboo::JoinReq{peer, 2, true, {peer}},
                                      bamboo::JoinResp{{peer}, {peer, peer}},
                                      bamboo::Route{peer.id, peer, 7, 8, true},
                                      bamboo::RouteResp{peer, 7, 8, false},
                                      bamboo::PutReq{tuple, peer, 7, 8, true},
                                      bamboo::PutResp{7},
                                      bamboo::StoreReq{tuple},
                                      bamboo::GetReq{peer.id, peer, 7, 8},
                                      bamboo::GetResp{peer, 7, tuple, {peer}},
                                      bamboo::GetResp{peer, 7, {}, {peer}},
                                      bamboo::ReadReq{peer.id, 7, 8},
                                      bamboo::ReadResp{peer, 7, 8, tuple},
                                      bamboo::ReadResp{peer, 7, 8, {}},
                                      bamboo::SyncReq{range, 7},
                                      bamboo::SyncResp{range, Kind::kBranches, {1, 2, 3}, {}},
                                      bamboo::SyncResp{range, Kind::kNames, {}, {{peer.id, 9}}},
                                      bamboo::FetchReq{{{peer.id, 9}}}};
  for (const bamboo::Message& message : messages) {
    Bytes bytes = bamboo::Encode(message);
    const std::optional<bamboo::Message> read = bamboo::Decode(bytes);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->index(), message.index());
    EXPECT_EQ(bamboo::Encode(*read), bytes);
    bytes.push_back(0);
    EXPECT_FALSE(bamboo::Decode(bytes).has_value());
    bytes.resize(bytes.size() - 2);
    EXPECT_FALSE(bamboo::Decode(bytes).has_value());
  }
  EXPECT_FALSE(bamboo::Decode(Bytes{0, 0, 0, 18}).has_value());
}

TEST(BambooTablesTest, TheLeafSetCoversWhatLiesBetweenItsEnds) {
  const auto at = [](uint64_t head) { return bamboo::Peer{overlay::FromHead(head << 56), {}}; };
  bamboo::LeafSet leaves(at(100).id, 2);
  EXPECT_TRUE(leaves.Covers(at(7).id));
  leaves.Add(at(110));
  EXPECT_TRUE(leaves.Covers(at(7).id));  // it stands on both sides
  for (const uint64_t head : {120u, 90u, 80u}) leaves.Add(at(head));
  EXPECT_EQ(leaves.Members().size(), 4u);
  EXPECT_TRUE(leaves.Covers(at(115).id));
  EXPECT_TRUE(leaves.Covers(at(80).id));
  EXPECT_FALSE(leaves.Covers(at(130).id));
  EXPECT_FALSE(leaves.Promising(at(130).id));
  EXPECT_TRUE(leaves.Promising(at(85).id));
  EXPECT_TRUE(leaves.Remove(at(120).id));
  EXPECT_FALSE(leaves.Covers(at(115).id));
  EXPECT_TRUE(leaves.Promising(at(130).id));
}

}  // namespace
}  // namespace p2pd::sim
