#include "tests/sim/p2pd_sim/ring_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/base/rng.h"

namespace p2pd::sim {
namespace {

constexpr size_t kKeys = 16;

}  // namespace

RingWatch::RingWatch(uint64_t seed) : twos_(kKeys) {
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
  ++broken_leaf_sets_;
  if (!first_broken_.empty()) return;
  first_broken_ = absl::StrCat("the leaf set of ", overlay::Short(self), " has ",
                               itself                 ? "its owner in it"
                               : leaves.size() > most ? absl::StrCat(leaves.size(), " nodes")
                                                      : "a node twice, or another order than ids");
}

void RingWatch::SeeRoots(Instant now, size_t key, int roots) {
  two_roots_.Add(roots > 1);
  std::optional<Two>& two = twos_[key];
  if (roots <= 1) {
    two.reset();
    return;
  }
  if (!two) two = Two{now};
  const absl::Duration lasts = now - two->since;
  longest_two_ = std::max(longest_two_, lasts);
  if (lasts < kLong || two->counted) return;
  two->counted = true;
  ++long_twos_;
}

void RingWatch::Interrupt() { std::fill(twos_.begin(), twos_.end(), std::nullopt); }

}  // namespace p2pd::sim
