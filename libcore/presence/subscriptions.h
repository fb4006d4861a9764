// Subscriptions: who of us wants to hear of a key, counted, so that two identities with the same
// friend cost the store one subscription and the first to lose interest does not end the other's.
#pragma once

#include <map>
#include <utility>

#include "libcore/base/counters.h"
#include "libcore/store/store.h"

namespace p2pd::presence {

class Subscriptions {
 public:
  Subscriptions(store::Store& store, Counters& counters) : store_(store), counters_(counters) {}

  // A subscription that the store has no room for is counted; whoever wanted it then lives by the
  // watch's slow sweep.
  void Add(Instant now, const store::Key& key, store::ObjectKind kind);
  void Remove(const store::Key& key, store::ObjectKind kind);
  size_t size() const { return wanted_.size(); }

 private:
  store::Store& store_;
  Counters& counters_;
  std::map<std::pair<store::Key, store::ObjectKind>, int> wanted_;
};

}  // namespace p2pd::presence
