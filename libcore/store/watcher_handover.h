// WatcherHandover: tells a new replica of a place who watches it, until it says that it knows.
//
// A newcomer may not have taken us into its leaf set yet, and whom it does not know as a neighbour
// it does not believe: so it is told again. Threads: one owner. Limits: below; what does not fit is
// counted, and its watcher renews the lease by itself.
#pragma once

#include <map>
#include <optional>

#include "libcore/base/counters.h"
#include "libcore/store/carrier.h"
#include "libcore/store/watchers.h"

namespace p2pd::store {

class WatcherHandover {
 public:
  // Under way; about 800 bytes each.
  static constexpr size_t kMaxPending = 4096;
  static constexpr int kAttempts = 4;
  // The pause before the second attempt; threefold before each further one.
  static constexpr absl::Duration kFirstPause = absl::Seconds(1);

  explicit WatcherHandover(Counters& counters) : counters_(counters) {}

  void Give(Instant now, Carrier& carrier, const Watchers::Subscription& subscription,
            const overlay::NodeRecord& newcomer);
  // False when the answer is to a question of somebody else's.
  bool OnReply(Instant now, const ReplyFrom& reply);
  bool OnFailed(Instant now, overlay::RequestId id);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;

 private:
  struct Handover {
    Watchers::Subscription subscription;
    overlay::NodeRecord newcomer;
    int attempts = 0;
  };
  void Ask(Instant now, Carrier& carrier, Handover handover);
  void Again(Instant now, overlay::RequestId id);

  Counters& counters_;
  std::map<overlay::RequestId, Handover> asked_;
  std::multimap<Instant, Handover> waiting_;
};

// What tells another replica of a watcher.
StoreRequest WatcherRequestFor(Instant now, const Watchers::Subscription& subscription);

}  // namespace p2pd::store
