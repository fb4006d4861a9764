// RingWatch: looks at a ring while it runs and notes what must hold at any moment and does not.
//
// Rules: a leaf set names each node once, in the order of their ids, never its owner, and not more
// than fit. Some keys, drawn at the start, should have one root each: two nodes that take
// themselves for it are right for the moment in which one of them comes, and are counted; those
// that go on for kLong are counted apart. It draws from a stream of chance of its own and changes
// nothing. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/time.h"
#include "libcore/overlay/ring_id.h"
#include "tests/sim/p2pd_sim/statistics.h"

namespace p2pd::sim {

class RingWatch {
 public:
  // Simulated time between two looks, and after how long two roots are no passing thing.
  static constexpr absl::Duration kPeriod = absl::Seconds(10);
  static constexpr absl::Duration kLong = absl::Seconds(30);
  // Of each key, nodes are asked so many places to either side; at each look one key is put to all.
  static constexpr int kBeside = 4;
  // A look sees one in so many leaf sets, another one each time: to see them costs copies.
  static constexpr size_t kTurns = 3;

  explicit RingWatch(uint64_t seed);

  // `most`: how many it may hold.
  void SeeLeaves(const overlay::NodeId& self, const std::vector<overlay::NodeId>& leaves,
                 size_t most);
  const std::vector<overlay::Key>& keys() const { return keys_; }
  void SeeRoots(Instant now, size_t key, int roots);
  // What was seen of roots until now does not go on: the ring is, or was, cut in two.
  void Interrupt();

  uint64_t leaf_sets() const { return leaf_sets_; }
  uint64_t broken_leaf_sets() const { return broken_leaf_sets_; }
  // In words, the first that broke a rule.
  const std::string& first_broken() const { return first_broken_; }
  // Of the looks at a key, those that found two roots or more.
  const Proportion& two_roots() const { return two_roots_; }
  // Times that went on for kLong, and the longest.
  uint64_t long_twos() const { return long_twos_; }
  absl::Duration longest_two() const { return longest_two_; }

 private:
  struct Two {
    Instant since;
    bool counted = false;
  };
  std::vector<overlay::Key> keys_;
  std::vector<std::optional<Two>> twos_;  // by key, those that go on
  uint64_t leaf_sets_ = 0;
  uint64_t broken_leaf_sets_ = 0;
  std::string first_broken_;
  Proportion two_roots_;
  uint64_t long_twos_ = 0;
  absl::Duration longest_two_;
};

}  // namespace p2pd::sim
