#include "libcore/presence/subscriptions.h"

namespace p2pd::presence {

void Subscriptions::Add(Instant now, const store::Key& key, store::ObjectKind kind) {
  if (++wanted_[{key, kind}] > 1) return;
  if (!store_.Subscribe(now, key, kind).ok()) counters_.Add("presence.subscription_refused");
}

void Subscriptions::Remove(const store::Key& key, store::ObjectKind kind) {
  const auto it = wanted_.find({key, kind});
  if (it == wanted_.end() || --it->second > 0) return;
  wanted_.erase(it);
  store_.Unsubscribe(key, kind);
}

}  // namespace p2pd::presence
