// FairShare: who holds how many places of a table that many use, so that nobody takes it all.
//
// Rules: one holder has at most an eighth of the places, all together seven eighths: the last
// eighth is for what this node does itself, which is not counted here. Costs one look-up a place,
// whatever the size. Threads: one owner. Limits: as many holders as there are places.
#pragma once

#include <cstddef>

#include "absl/container/btree_map.h"
#include "libcore/base/check.h"

namespace p2pd::overlay {

template <class Holder>
class FairShare {
 public:
  // Of what everybody may have, the part of one.
  static constexpr size_t kParts = 8;

  explicit FairShare(size_t places) : places_(places) {}

  size_t most_of_one() const { return places_ / kParts; }
  size_t most_of_all() const { return places_ - most_of_one(); }
  // A place, or false when the holder has his share, or all theirs.
  bool Take(const Holder& holder) {
    if (taken_ >= most_of_all()) return false;
    size_t& held = held_[holder];
    if (held >= most_of_one()) return false;
    ++held;
    ++taken_;
    return true;
  }
  // One that he took.
  void Return(const Holder& holder) {
    const auto found = held_.find(holder);
    P2PD_CHECK(found != held_.end());
    --taken_;
    if (--found->second == 0) held_.erase(found);
  }
  size_t taken() const { return taken_; }

 private:
  size_t places_;
  size_t taken_ = 0;
  absl::btree_map<Holder, size_t> held_;
};

}  // namespace p2pd::overlay
