#include "tests/sim/p2pd_sim/ring_watch.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/routing_table.h"

namespace p2pd::sim {
namespace {

constexpr size_t kKeys = 16;

}  // namespace

RingWatch::RingWatch(uint64_t seed) : two_roots_(kKeys), no_root_(kKeys) {
  SeededRng rng(seed * 7351 + 5);
  for (size_t i = 0; i < kKeys; ++i) keys_.push_back(rng.Make<overlay::Key>());
}

void RingWatch::SeeLeaves(const overlay::NodeId& self, const std::vector<overlay::NodeId>& leaves,
                          size_t most) {
  ++leaf_sets_;
  const bool once_and_sorted =
      std::adjacent_find(leaves.begin(), leaves.end(),
                         [](const auto& a, const auto& b) { return !(a < b); }) == leaves.end();
  const bool itself = std::count(leaves.begin(), leaves.end(), self) != 0;
  if (once_and_sorted && !itself && leaves.size() <= most) return;
  Break(broken_leaf_sets_, self,
        itself                 ? "its leaf set has itself in it"
        : leaves.size() > most ? absl::StrCat("its leaf set has ", leaves.size(), " nodes")
                               : "its leaf set has a node twice, or another order than ids");
}

void RingWatch::SeeTable(const overlay::NodeId& self, const std::vector<TableEntry>& table) {
  using overlay::RoutingTable;
  ++tables_;
  std::set<overlay::NodeId> ids;
  std::map<std::pair<int, int>, size_t> slots;  // row, digit
  std::map<net::IpAddress, size_t> networks;
  std::map<std::pair<int, net::IpAddress>, size_t> of_rows;
  for (const TableEntry& entry : table) {
    if (entry.id == self) return Break(broken_tables_, self, "its table has itself in it");
    if (!ids.insert(entry.id).second) {
      return Break(broken_tables_, self, "its table has a node twice");
    }
    const int row = overlay::SharedDigits(self, entry.id);
    if (++slots[{row, overlay::Digit(entry.id, row)}] > RoutingTable::kMaxPerSlot) {
      return Break(broken_tables_, self, "its table has a slot with too many nodes");
    }
    if (entry.at.address.IsPrivate()) continue;  // home networks are exempt
    const net::IpAddress network = net::NetworkOf(entry.at.address);
    if (++of_rows[{row, network}] > RoutingTable::kMaxPerRowFromNetwork ||
        ++networks[network] > RoutingTable::kMaxFromNetwork) {
      return Break(broken_tables_, self, "its table has too many nodes of one network");
    }
  }
}

void RingWatch::Break(uint64_t& broken, const overlay::NodeId& owner, absl::string_view what) {
  ++broken;
  if (first_broken_.empty()) first_broken_ = absl::StrCat(overlay::Short(owner), ": ", what);
}

void RingWatch::SeeRoots(Instant now, size_t key, int roots) {
  two_roots_.See(now, key, roots > 1);
  no_root_.See(now, key, roots == 0);
}

void RingWatch::Interrupt() {
  two_roots_.Interrupt();
  no_root_.Interrupt();
}

void RingWatch::Fault::See(Instant now, size_t key, bool is) {
  seen_.Add(is);
  std::optional<Spell>& spell = going_on_[key];
  if (!is) {
    spell.reset();
    return;
  }
  if (!spell) spell = Spell{now};
  const absl::Duration lasts = now - spell->since;
  longest_ = std::max(longest_, lasts);
  if (lasts < kLong || spell->counted) return;
  spell->counted = true;
  ++long_ones_;
}

void RingWatch::Fault::Interrupt() { std::fill(going_on_.begin(), going_on_.end(), std::nullopt); }

}  // namespace p2pd::sim
