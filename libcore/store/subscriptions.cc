#include "libcore/store/subscriptions.h"

#include <algorithm>

namespace p2pd::store {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(4);
// After a failure; doubles up to the time at which the lease would be renewed anyway.
constexpr absl::Duration kFirstRetry = absl::Seconds(5);

StoreRequest SubscribeFor(const Key& key, ObjectKind kind, absl::Duration lease) {
  StoreRequest request;
  request.mutable_subscribe()->set_place(key.ToString());
  request.mutable_subscribe()->set_kind(kind);
  request.mutable_subscribe()->set_lease(static_cast<uint32_t>(absl::ToInt64Seconds(lease)));
  return request;
}

}  // namespace

void Subscriptions::Schedule(const Name& name, Subscription& subscription, Instant at) {
  order_.erase({subscription.next, name});
  subscription.next = at;
  order_.insert({at, name});
}

bool Subscriptions::Add(Instant now, const Key& key, ObjectKind kind, size_t max) {
  const Name name(key, kind);
  if (all_.count(name) != 0) return true;
  if (all_.size() >= max) return false;
  Schedule(name, all_[name], now);
  return true;
}

void Subscriptions::Remove(Instant now, Carrier& carrier, const Key& key, ObjectKind kind) {
  const auto found = all_.find(Name(key, kind));
  if (found == all_.end()) return;
  order_.erase({found->second.next, found->first});
  all_.erase(found);
  // Fire and forget: a lost one costs the replicas a notification that we answer 'unwanted'.
  carrier.Route(now, key, SubscribeFor(key, kind, absl::ZeroDuration()), {});
}

bool Subscriptions::Learn(const Object& object) {
  const auto found = all_.find(Name(object.key(), object.kind()));
  if (found == all_.end()) return false;
  const auto [told, fresh] = found->second.told.try_emplace(object.slot(), object.sequence());
  if (!fresh && told->second >= object.sequence()) return false;
  told->second = object.sequence();
  return true;
}

StoreReply Subscriptions::OnNotify(const Object& object, bool& fresh) {
  StoreReply reply;
  reply.mutable_notify()->set_wanted(all_.count(Name(object.key(), object.kind())) != 0);
  fresh = Learn(object);
  return reply;
}

std::optional<Subscriptions::Stale> Subscriptions::OnReply(Instant now, const ReplyFrom& reply) {
  const auto pending = pending_.find(reply.id);
  if (pending == pending_.end()) return std::nullopt;
  const Name name = pending->second;
  pending_.erase(pending);
  const auto found = all_.find(name);
  if (found == all_.end()) return std::nullopt;
  Subscription& subscription = found->second;
  const wire::v1::SubscribeReply& answer = reply.reply.subscribe();
  if (answer.status() != wire::v1::STORE_STATUS_OK) {
    ++subscription.failures;
    Schedule(name, subscription, now + rng_.Jitter(kFirstRetry * subscription.failures));
    return std::nullopt;
  }
  subscription.failures = 0;
  Schedule(name, subscription, now + rng_.Jitter(subscription.period) * 0.9);
  for (const wire::v1::RowName& row : answer.rows()) {
    const auto told = subscription.told.find(ToBytes(AsBytes(row.slot())));
    if (told == subscription.told.end() || told->second < Sequence(row.sequence())) {
      return Stale{name.first, name.second};
    }
  }
  return std::nullopt;
}

void Subscriptions::OnFailed(Instant now, overlay::RequestId id) {
  const auto pending = pending_.find(id);
  if (pending == pending_.end()) return;
  const Name name = pending->second;
  pending_.erase(pending);
  const auto found = all_.find(name);
  if (found == all_.end()) return;
  Subscription& subscription = found->second;
  const absl::Duration pause = kFirstRetry * (1 << std::min(subscription.failures, 5));
  ++subscription.failures;
  Schedule(name, subscription, now + rng_.Jitter(std::min(pause, kLease / 2)));
}

// The replicas keep the address that we had.
void Subscriptions::FollowSelf(Instant now, uint64_t epoch) {
  if (epoch == epoch_) return;
  epoch_ = epoch;
  for (auto& [name, subscription] : all_) Schedule(name, subscription, now);
}

void Subscriptions::OnTimeout(Instant now, Carrier& carrier) {
  if (order_.empty() || order_.begin()->first > now) return;
  FollowSelf(now, carrier.self().epoch());
  while (!order_.empty() && order_.begin()->first <= now) {
    const Name name = order_.begin()->second;
    overlay::RouteOptions options;
    options.timeout = kTimeout;
    Subscription& subscription = all_.at(name);
    subscription.period = std::max(kLease / 2, static_cast<int64_t>(all_.size()) * kPace);
    const StoreRequest request = SubscribeFor(name.first, name.second, 2 * subscription.period);
    pending_[carrier.Route(now, name.first, request, options)] = name;
    // Until the answer or the failure says otherwise.
    Schedule(name, subscription, now + kTimeout * 2);
  }
}

std::optional<Instant> Subscriptions::PollTimeout() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

}  // namespace p2pd::store
