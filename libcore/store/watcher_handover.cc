#include "libcore/store/watcher_handover.h"

#include <algorithm>
#include <utility>

namespace p2pd::store {
namespace {

constexpr absl::Duration kAskTimeout = absl::Seconds(4);

}  // namespace

StoreRequest WatcherRequestFor(Instant now, const Watchers::Subscription& subscription) {
  StoreRequest request;
  wire::v1::WatcherRequest& watcher = *request.mutable_watcher();
  watcher.set_place(subscription.place.ToString());
  watcher.set_kind(subscription.kind);
  watcher.set_lease(static_cast<uint32_t>(
      std::clamp<int64_t>(absl::ToInt64Seconds(subscription.ends - now), 1, kMaxLeaseSeconds)));
  watcher.set_watcher(ToText(subscription.watcher.bytes()));
  return request;
}

void WatcherHandover::Give(Instant now, Carrier& carrier,
                           const Watchers::Subscription& subscription,
                           const overlay::NodeRecord& newcomer) {
  if (asked_.size() + waiting_.size() >= kMaxPending) {
    counters_.Add("store.refused_handovers_full");
    return;
  }
  Ask(now, carrier, Handover{subscription, newcomer});
}

void WatcherHandover::Ask(Instant now, Carrier& carrier, Handover handover) {
  ++handover.attempts;
  const StoreRequest request = WatcherRequestFor(now, handover.subscription);
  const auto id = carrier.Ask(now, handover.newcomer, request, kAskTimeout);
  asked_.emplace(id, std::move(handover));
}

bool WatcherHandover::OnReply(Instant now, const ReplyFrom& reply) {
  if (asked_.count(reply.id) == 0) return false;
  if (reply.reply.watcher().status() == wire::v1::STORE_STATUS_NOT_HERE) {
    Again(now, reply.id);
  } else {
    asked_.erase(reply.id);
  }
  return true;
}

bool WatcherHandover::OnFailed(Instant now, overlay::RequestId id) {
  if (asked_.count(id) == 0) return false;
  Again(now, id);
  return true;
}

void WatcherHandover::Again(Instant now, overlay::RequestId id) {
  auto node = asked_.extract(id);
  Handover& handover = node.mapped();
  if (handover.attempts >= kAttempts) {
    counters_.Add("store.handovers_given_up");
    return;
  }
  absl::Duration pause = kFirstPause;
  for (int i = 1; i < handover.attempts; ++i) pause *= 3;
  const Instant at = now + pause;
  if (at < handover.subscription.ends) waiting_.emplace(at, std::move(handover));
}

void WatcherHandover::OnTimeout(Instant now, Carrier& carrier) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    auto node = waiting_.extract(waiting_.begin());
    Ask(now, carrier, std::move(node.mapped()));
  }
}

std::optional<Instant> WatcherHandover::PollTimeout() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

}  // namespace p2pd::store
