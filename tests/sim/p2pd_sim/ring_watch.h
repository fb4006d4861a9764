// RingWatch: looks at a ring while it runs and notes what must hold at any moment and does not.
//
// Rules: a leaf set names each node once, in the order of their ids, never its owner, and not more
// than fit. A prefix table names each node once, never its owner, and no more of a slot and of a
// network than RoutingTable's limits. Some keys, drawn at the start, should have one root each: two
// nodes that take themselves for it are right for the moment in which one of them comes, none for
// the moment after one has gone; both are counted, and those that go on for kLong apart. It draws
// from a stream of chance of its own and changes nothing. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/time.h"
#include "libcore/overlay/ring_id.h"
#include "tests/sim/p2pd_sim/participant.h"
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
  // And of those whose leaf set is seen the prefix table of one in so many.
  static constexpr size_t kTableTurns = 8;

  explicit RingWatch(uint64_t seed);

  // `most`: how many it may hold.
  void SeeLeaves(const overlay::NodeId& self, const std::vector<overlay::NodeId>& leaves,
                 size_t most);
  void SeeTable(const overlay::NodeId& self, const std::vector<TableEntry>& table);
  const std::vector<overlay::Key>& keys() const { return keys_; }
  void SeeRoots(Instant now, size_t key, int roots);
  // What was seen of roots until now does not go on: the ring is, or was, cut in two.
  void Interrupt();

  uint64_t leaf_sets() const { return leaf_sets_; }
  uint64_t broken_leaf_sets() const { return broken_leaf_sets_; }
  uint64_t tables() const { return tables_; }
  uint64_t broken_tables() const { return broken_tables_; }
  // In words, the first that broke a rule.
  const std::string& first_broken() const { return first_broken_; }

  // What should not be at a key and is at some looks.
  class Fault {
   public:
    explicit Fault(size_t keys) : going_on_(keys) {}
    void See(Instant now, size_t key, bool is);
    void Interrupt();
    // Of the looks at a key, those that found it.
    const Proportion& seen() const { return seen_; }
    // Times that went on for kLong, and the longest.
    uint64_t long_ones() const { return long_ones_; }
    absl::Duration longest() const { return longest_; }

   private:
    struct Spell {
      Instant since;
      bool counted = false;
    };
    std::vector<std::optional<Spell>> going_on_;  // by key
    Proportion seen_;
    uint64_t long_ones_ = 0;
    absl::Duration longest_;
  };
  const Fault& two_roots() const { return two_roots_; }
  const Fault& no_root() const { return no_root_; }

 private:
  void Break(uint64_t& broken, const overlay::NodeId& owner, absl::string_view what);

  std::vector<overlay::Key> keys_;
  Fault two_roots_;
  Fault no_root_;
  uint64_t leaf_sets_ = 0;
  uint64_t broken_leaf_sets_ = 0;
  uint64_t tables_ = 0;
  uint64_t broken_tables_ = 0;
  std::string first_broken_;
};

}  // namespace p2pd::sim
