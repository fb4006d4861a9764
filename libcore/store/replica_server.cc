#include "libcore/store/replica_server.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace p2pd::store {
namespace {

// Pushes to replicas are answered within a round trip between neighbours; a silent one is left to
// anti-entropy.
constexpr absl::Duration kPushTimeout = absl::Seconds(2);
constexpr absl::Duration kNotifyTimeout = absl::Seconds(4);
// So many times as long as a watcher asks for, the other replicas keep it.
constexpr uint32_t kKeptLonger = 4;
// Two clocks may differ: what one of two replicas has dropped already does not count as missing.
constexpr absl::Duration kExpiryGrace = absl::Seconds(10);
constexpr size_t kMaxReplicas = 8;

StoreReply GetRefusal(StoreStatus status) {
  StoreReply reply;
  reply.mutable_get()->set_status(status);
  return reply;
}

bool HasAlready(const wire::v1::GetRequest& get, const Object& object) {
  return std::any_of(get.have().begin(), get.have().end(), [&](const wire::v1::RowName& name) {
    return name.kind() == object.kind() && AsBytes(name.slot()) == ByteView(object.slot()) &&
           name.sequence() >= object.sequence().value();
  });
}

void Name(const Object& object, wire::v1::RowName& name) {
  name.set_kind(object.kind());
  name.set_slot(ToText(object.slot()));
  name.set_sequence(object.sequence().value());
}

bool IsNeighbour(const Carrier& carrier, const overlay::NodeId& id) {
  return id == carrier.self().id() || Contains(carrier.LeafSet(), id);
}

}  // namespace

bool Contains(const std::vector<overlay::NodeRecord>& set, const overlay::NodeId& id) {
  return std::any_of(set.begin(), set.end(),
                     [&](const overlay::NodeRecord& record) { return record.id() == id; });
}

StoreStatus StatusOf(KeepResult result) {
  switch (result) {
    case KeepResult::kKept:
    case KeepResult::kAlreadyHere:
      return wire::v1::STORE_STATUS_OK;
    case KeepResult::kStale:
      return wire::v1::STORE_STATUS_STALE;
    case KeepResult::kConflict:
      return wire::v1::STORE_STATUS_CONFLICT;
    case KeepResult::kRevoked:
      return wire::v1::STORE_STATUS_REVOKED;
    case KeepResult::kRemoved:
      return wire::v1::STORE_STATUS_REMOVED;
    case KeepResult::kNothingToRemove:
      return wire::v1::STORE_STATUS_NOT_FOUND;
    case KeepResult::kPlaceFull:
    case KeepResult::kOverQuota:
    case KeepResult::kTableFull:
      return wire::v1::STORE_STATUS_QUOTA;
    case KeepResult::kWrongPlace:
      return wire::v1::STORE_STATUS_INVALID;
    case KeepResult::kFailed:
      return wire::v1::STORE_STATUS_FAILED;
  }
  return wire::v1::STORE_STATUS_FAILED;
}

ComparedRows::ComparedRows(const LocalStore& local, const Carrier& carrier,
                           const overlay::NodeId& peer, const Arc& arc, bool whole_ring,
                           absl::Time wall) {
  std::vector<RowSummary> all =
      local.table().SummariesBetween(arc.from, arc.to, ReplicaServer::kMaxCompared);
  // A place has at most kMaxObjectsPerPlace rows, so what is cut off here is never all.
  if (all.size() == ReplicaServer::kMaxCompared) {
    cut = all.back().place;
    while (all.back().place == *cut) all.pop_back();
    last = all.back().place;
  }
  std::optional<Key> place;
  bool shared = false;
  const auto counts = [&](const RowSummary& row) {
    if (row.expires <= wall + kExpiryGrace) return false;
    if (!whole_ring) return true;
    if (place != row.place) {
      place = row.place;
      const auto set = carrier.ReplicaSet(row.place);
      shared = set && Contains(*set, peer) && Contains(*set, carrier.self().id());
    }
    return shared;
  };
  for (RowSummary& row : all) {
    if (counts(row)) rows.push_back(std::move(row));
  }
}

void ReplicaServer::OnRequest(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked) {
  const bool keeps = asked.request.has_put() || asked.request.has_replicate();
  // Whose address stands on a letter may never have sent it, and would be charged.
  if (keeps && !asked.proved && carrier.DemandProof(now, asked.to)) return;
  switch (asked.request.request_case()) {
    case StoreRequest::kPut:
      return OnPut(now, wall, carrier, asked);
    case StoreRequest::kGet:
      return OnGet(now, wall, carrier, asked);
    case StoreRequest::kLocate: {
      StoreReply reply;
      reply.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
      const auto digest = pki::Sha256Digest::FromView(AsBytes(asked.request.locate().digest()));
      if (digest) {
        const Key place = PlaceOf(asked.request.locate().place());
        reply.mutable_locate()->set_holds(local_.Holds(place, *digest));
      }
      return carrier.Answer(now, asked.to, reply);
    }
    case StoreRequest::kReplicate:
      return OnReplicate(now, wall, carrier, asked);
    case StoreRequest::kCompare:
      return OnCompare(now, wall, carrier, asked);
    case StoreRequest::kPull:
      return OnPull(now, wall, carrier, asked);
    case StoreRequest::kSubscribe:
      return OnSubscribe(now, wall, carrier, asked);
    case StoreRequest::kWatcher:
      return OnWatcher(now, wall, carrier, asked);
    case StoreRequest::kNotify:
    case StoreRequest::REQUEST_NOT_SET:
      return;
  }
}

ReplicaServer::Kept ReplicaServer::Keep(Instant now, absl::Time wall, Carrier& carrier,
                                        ByteView encoded, const KeepPlan& plan) {
  Kept kept;
  if (encoded.size() <= kMaxObject && local_.Holds(plan.place, pki::Sha256(encoded))) {
    counters_.Add(KeepResultName(KeepResult::kAlreadyHere));
    kept.result = KeepResult::kAlreadyHere;
    kept.status = wire::v1::STORE_STATUS_OK;
    return kept;
  }
  Judgement judgement = Validate(encoded, wall);
  if (judgement.fault != ObjectFault::kNone) {
    counters_.Add(absl::StrCat("store.invalid_", ObjectFaultName(judgement.fault)));
    return kept;
  }
  kept.object = std::move(judgement.object);
  LocalStore::KeepOptions options;
  options.place = plan.place;
  options.account = AccountFor(*kept.object, local_.trusted_roots(), plan.network);
  options.removal_needs_value = plan.removal_needs_value;
  kept.result = local_.Keep(*kept.object, options, wall);
  kept.status = StatusOf(kept.result);
  if (kept.result == KeepResult::kKept) {
    changed_ = true;
    if (plan.place == kept.object->key() && carrier.IsRoot(plan.place)) {
      TellWatchers(now, carrier, *kept.object);
    }
  }
  return kept;
}

void ReplicaServer::TellWatchers(Instant now, Carrier& carrier, const Object& object) {
  for (const auto& subscription : watchers_.Of(object.key(), object.kind(), now)) {
    if (!Notify(now, carrier, subscription, object)) return;
  }
}

bool ReplicaServer::Notify(Instant now, Carrier& carrier,
                           const Watchers::Subscription& subscription, const Object& object) {
  if (notices_.size() >= kMaxNotifications) {
    counters_.Add("store.refused_notifications_full");
    return false;
  }
  StoreRequest request;
  request.mutable_notify()->set_place(object.key().ToString());
  request.mutable_notify()->set_object(ToText(object.bytes()));
  counters_.Add("store.notifications_sent");
  const auto id = carrier.Ask(now, subscription.watcher, request, kNotifyTimeout);
  notices_.emplace(id, Notice{object.key(), object.kind()});
  return true;
}

void ReplicaServer::Refuse(Instant now, Carrier& carrier, const Asked& asked, StoreStatus status) {
  StoreReply reply;
  reply.mutable_put()->set_status(status);
  carrier.Answer(now, asked.to, reply);
}

void ReplicaServer::OnPut(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked) {
  const wire::v1::PutRequest& put = asked.request.put();
  Gather gather;
  gather.to = asked.to;
  gather.place = PlaceOf(put.place());
  const auto set = carrier.ReplicaSet(gather.place);
  if (!set || !Contains(*set, carrier.self().id())) {
    counters_.Add("store.refused_not_here");
    return Refuse(now, carrier, asked, wire::v1::STORE_STATUS_NOT_HERE);
  }
  if (gathers_.size() >= kMaxGathers) {
    counters_.Add("store.refused_gathers_full");
    return Refuse(now, carrier, asked, wire::v1::STORE_STATUS_BUSY);
  }
  gather.account = NetworkAccount(asked.bearer.address, asked.proved);
  const Kept kept =
      Keep(now, wall, carrier, AsBytes(put.object()), {gather.place, gather.account, true});
  gather.removal_waits = kept.result == KeepResult::kNothingToRemove;
  gather.disk_failed = kept.status == wire::v1::STORE_STATUS_FAILED;
  if (!Stands(kept.result) && !gather.removal_waits && !gather.disk_failed) {
    return Refuse(now, carrier, asked, kept.status);
  }
  if (Stands(kept.result)) gather.holders.insert(carrier.self().id());
  std::vector<overlay::NodeRecord> others;
  for (const overlay::NodeRecord& record : *set) {
    if (record.id() != carrier.self().id()) others.push_back(record);
  }
  gather.object = ToBytes(AsBytes(put.object()));
  gather.replicas = std::min(set->size(), kMaxReplicas);
  gather.wanted = std::clamp<size_t>(put.wanted(), 1, gather.replicas);
  gather.deadline = now + kGatherTime;
  StartGather(now, carrier, std::move(gather), others);
}

void ReplicaServer::StartGather(Instant now, Carrier& carrier, Gather gather,
                                const std::vector<overlay::NodeRecord>& others) {
  const uint64_t number = next_gather_++;
  StoreRequest request;
  request.mutable_replicate()->set_fresh(true);
  wire::v1::Replica& replica = *request.mutable_replicate()->add_replicas();
  replica.set_place(gather.place.ToString());
  replica.set_object(ToText(gather.object));
  replica.set_account(gather.account);
  for (const overlay::NodeRecord& other : others) {
    const auto id = carrier.Ask(now, other, request, kPushTimeout);
    gather.pending.insert(id);
    gather_of_[id] = number;
  }
  if (!TryFinish(now, carrier, gather, false)) gathers_.emplace(number, std::move(gather));
}

bool ReplicaServer::TryFinish(Instant now, Carrier& carrier, Gather& gather, bool late) {
  const bool enough = gather.holders.size() >= gather.wanted;
  if (!enough && !gather.pending.empty() && !late) return false;
  StoreReply reply;
  wire::v1::PutReply& put = *reply.mutable_put();
  const bool nothing = gather.removal_waits && gather.holders.empty();
  put.set_status(nothing                         ? wire::v1::STORE_STATUS_NOT_FOUND
                 : gather.disk_failed && !enough ? wire::v1::STORE_STATUS_FAILED
                                                 : wire::v1::STORE_STATUS_OK);
  for (const overlay::NodeId& id : gather.holders) put.add_holders(id.ToString());
  put.set_replicas(static_cast<uint32_t>(gather.replicas));
  carrier.Answer(now, gather.to, reply);
  for (const overlay::RequestId id : gather.pending) gather_of_.erase(id);
  return true;
}

void ReplicaServer::OnReply(Instant now, absl::Time wall, Carrier& carrier,
                            const ReplyFrom& reply) {
  if (handover_.OnReply(now, reply)) return;
  const auto notice = notices_.find(reply.id);
  if (notice != notices_.end()) {
    if (reply.reply.has_notify() && !reply.reply.notify().wanted()) {
      watchers_.Remove(notice->second.place, notice->second.kind, reply.from.id());
    }
    notices_.erase(notice);
    return;
  }
  const auto number = gather_of_.find(reply.id);
  if (number == gather_of_.end()) return;
  const auto found = gathers_.find(number->second);
  gather_of_.erase(number);
  if (found == gathers_.end()) return;
  Gather& gather = found->second;
  gather.pending.erase(reply.id);
  const wire::v1::ReplicateReply& answer = reply.reply.replicate();
  if (answer.statuses_size() == 1 && answer.statuses(0) == wire::v1::STORE_STATUS_FAILED) {
    gather.disk_failed = true;
  }
  if (answer.statuses_size() == 1 && answer.statuses(0) == wire::v1::STORE_STATUS_OK) {
    gather.holders.insert(reply.from.id());
    // Another replica had the value, so the removal is no stranger's invention.
    if (gather.removal_waits && gather.holders.count(carrier.self().id()) == 0) {
      const Kept kept =
          Keep(now, wall, carrier, gather.object, {gather.place, gather.account, false});
      if (Stands(kept.result)) gather.holders.insert(carrier.self().id());
    }
  }
  if (TryFinish(now, carrier, gather, false)) gathers_.erase(found);
}

void ReplicaServer::OnFailed(Instant now, Carrier& carrier, overlay::RequestId id) {
  if (handover_.OnFailed(now, id)) return;
  notices_.erase(id);
  const auto number = gather_of_.find(id);
  if (number == gather_of_.end()) return;
  const auto found = gathers_.find(number->second);
  gather_of_.erase(number);
  if (found == gathers_.end()) return;
  found->second.pending.erase(id);
  if (TryFinish(now, carrier, found->second, false)) gathers_.erase(found);
}

void ReplicaServer::OnGet(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked) {
  const wire::v1::GetRequest& get = asked.request.get();
  const Key place = PlaceOf(get.place());
  ReadOptions options;
  for (const int kind : get.kinds()) options.kinds.push_back(static_cast<ObjectKind>(kind));
  for (const std::string& root : get.roots()) {
    options.roots.push_back(*pki::CertificateHash::FromView(AsBytes(root)));
  }
  const std::vector<StoredRow> rows = local_.Read(place, options, wall);
  const auto set = carrier.ReplicaSet(place);
  // Who is no replica (any longer) may still help, but his 'nothing' means nothing.
  if (rows.empty() && (!set || !Contains(*set, carrier.self().id()))) {
    counters_.Add("store.refused_not_here");
    return carrier.Answer(now, asked.to, GetRefusal(wire::v1::STORE_STATUS_NOT_HERE));
  }
  StoreReply reply;
  wire::v1::GetReply& answer = *reply.mutable_get();
  answer.set_status(rows.empty() ? wire::v1::STORE_STATUS_NOT_FOUND : wire::v1::STORE_STATUS_OK);
  size_t left = std::min<size_t>(get.max_bytes(), kMaxObjectBytes);
  for (const StoredRow& row : rows) {
    if (answer.rows_size() >= kMaxRowNames) break;
    Name(row.object, *answer.add_rows());
    const size_t size = row.object.bytes().size();
    if (HasAlready(get, row.object) || size > left) continue;
    left -= size;
    answer.add_objects(ToText(row.object.bytes()));
  }
  if (set) {
    answer.set_replica_count(static_cast<uint32_t>(std::min(set->size(), kMaxReplicas)));
    for (const overlay::NodeRecord& record : *set) {
      if (!get.want_replicas() || record.id() == carrier.self().id()) continue;
      if (record.bytes().size() > left || answer.replicas_size() >= kMaxReplicaRecords) continue;
      left -= record.bytes().size();
      answer.add_replicas(ToText(record.bytes()));
    }
  }
  counters_.Add("store.gets_answered");
  carrier.Answer(now, asked.to, reply);
}

// A neighbour passes on whom the first of us saw; anybody else is charged himself.
std::string ReplicaServer::AccountOfReplica(const Carrier& carrier, const Asked& asked,
                                            const std::string& claimed) const {
  const std::string own = NetworkAccount(asked.bearer.address, asked.proved);
  if (claimed.empty() || !IsNeighbour(carrier, asked.from.id())) return own;
  // An account that no limit binds is believed only of whom none binds.
  return IsExempt(claimed) && !IsExempt(own) ? own : claimed;
}

void ReplicaServer::OnReplicate(Instant now, absl::Time wall, Carrier& carrier,
                                const Asked& asked) {
  const wire::v1::ReplicateRequest& request = asked.request.replicate();
  StoreReply reply;
  wire::v1::ReplicateReply& answer = *reply.mutable_replicate();
  for (const wire::v1::Replica& replica : request.replicas()) {
    const Key place = PlaceOf(replica.place());
    const auto set = carrier.ReplicaSet(place);
    if (!set || !Contains(*set, carrier.self().id())) {
      counters_.Add("store.refused_not_here");
      answer.add_statuses(wire::v1::STORE_STATUS_NOT_HERE);
      continue;
    }
    // Between neighbours a removal is passed on; from anybody else it must find its value.
    const bool must_find = request.fresh() || !IsNeighbour(carrier, asked.from.id());
    const KeepPlan plan{place, AccountOfReplica(carrier, asked, replica.account()), must_find};
    answer.add_statuses(Keep(now, wall, carrier, AsBytes(replica.object()), plan).status);
  }
  carrier.Answer(now, asked.to, reply);
}

void ReplicaServer::OnCompare(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked) {
  const wire::v1::CompareRequest& compare = asked.request.compare();
  if (!IsNeighbour(carrier, asked.from.id())) {
    counters_.Add("store.refused_stranger");
    return;
  }
  if (!MayRead(now)) return;
  const Key from = PlaceOf(compare.from());
  const Key to = PlaceOf(compare.chunks(compare.chunks_size() - 1).to());
  const ComparedRows compared(local_, carrier, asked.from.id(), Arc{from, to}, compare.whole_ring(),
                              wall);
  const std::vector<RowSummary>& rows = compared.rows;
  reads_.Force(now, 1 + static_cast<double>(rows.size()) / kSummariesPerRow);
  StoreReply reply;
  wire::v1::CompareReply& answer = *reply.mutable_compare();
  size_t begin = 0;
  bool room = true;
  for (int i = 0; i < compare.chunks_size(); ++i) {
    const Key end_key = PlaceOf(compare.chunks(i).to());
    // Beyond what we read nothing can be said; the other side comes to it in a later round.
    if (compared.last &&
        overlay::Clockwise(from, *compared.last) < overlay::Clockwise(from, end_key)) {
      break;
    }
    size_t end = begin;
    while (end < rows.size() &&
           overlay::Clockwise(from, rows[end].place) <= overlay::Clockwise(from, end_key)) {
      ++end;
    }
    if (DigestOf(rows, begin, end) != compare.chunks(i).digest()) {
      answer.add_differing(static_cast<uint32_t>(i));
      room = room && static_cast<size_t>(answer.rows_size()) + (end - begin) <= kMaxRowTags;
      if (room) {
        for (size_t row = begin; row < end; ++row) {
          wire::v1::RowTag& tag = *answer.add_rows();
          tag.set_place(rows[row].place.ToString());
          tag.set_tag(TagOf(rows[row]));
        }
        answer.set_covered(answer.covered() + 1);
      }
    }
    begin = end;
  }
  counters_.Add(answer.differing_size() == 0 ? "store.compared_equal" : "store.compared_different");
  carrier.Answer(now, asked.to, reply);
}

bool ReplicaServer::MayRead(Instant now) {
  if (reads_.level(now) > 0) return true;
  counters_.Add("store.refused_read_rate");
  return false;
}

void ReplicaServer::OnPull(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked) {
  if (!IsNeighbour(carrier, asked.from.id())) {
    counters_.Add("store.refused_stranger");
    return;
  }
  StoreReply reply;
  wire::v1::PullReply& answer = *reply.mutable_pull();
  size_t left = kMaxObjectBytes;
  // Each place is read once, however many of its rows are asked for.
  std::map<Key, std::set<uint64_t>> wanted;
  for (const wire::v1::RowTag& tag : asked.request.pull().rows()) {
    wanted[PlaceOf(tag.place())].insert(tag.tag());
  }
  for (const auto& [place, tags] : wanted) {
    if (answer.replicas_size() >= kMaxObjectsPerMessage) break;
    if (!MayRead(now)) break;
    const std::vector<StoredRow> rows = local_.ReadAll(place, wall);
    reads_.Force(now, static_cast<double>(rows.size()) + 1);
    for (const StoredRow& row : rows) {
      const size_t size = row.object.bytes().size();
      if (tags.count(TagOf(SummaryOf(row))) == 0 || size > left) continue;
      if (answer.replicas_size() >= kMaxObjectsPerMessage) break;
      left -= size;
      wire::v1::Replica& replica = *answer.add_replicas();
      replica.set_place(row.place.ToString());
      replica.set_object(ToText(row.object.bytes()));
      replica.set_account(row.account);
    }
  }
  carrier.Answer(now, asked.to, reply);
}

void ReplicaServer::OnSubscribe(Instant now, absl::Time wall, Carrier& carrier,
                                const Asked& asked) {
  const wire::v1::SubscribeRequest& subscribe = asked.request.subscribe();
  const Key place = PlaceOf(subscribe.place());
  StoreReply reply;
  wire::v1::SubscribeReply& answer = *reply.mutable_subscribe();
  const auto set = carrier.ReplicaSet(place);
  if (!set || !Contains(*set, carrier.self().id())) {
    answer.set_status(wire::v1::STORE_STATUS_NOT_HERE);
    return carrier.Answer(now, asked.to, reply);
  }
  const Watchers::Subscription subscription{place, subscribe.kind(), asked.from,
                                            now + absl::Seconds(subscribe.lease())};
  bool stands = true;
  if (subscribe.lease() == 0) {
    watchers_.Remove(place, subscribe.kind(), asked.from.id());
  } else {
    stands = watchers_.Add(subscription);
    if (!stands) counters_.Add("store.refused_watchers_full");
  }
  if (stands) {
    PassOn(now, carrier, subscription, subscribe.lease(), *set);
    ReadOptions options;
    options.kinds.push_back(subscribe.kind());
    for (const StoredRow& row : local_.Read(place, options, wall)) {
      if (answer.rows_size() < kMaxRowNames) Name(row.object, *answer.add_rows());
    }
  }
  answer.set_status(stands ? wire::v1::STORE_STATUS_OK : wire::v1::STORE_STATUS_QUOTA);
  carrier.Answer(now, asked.to, reply);
}

// The other replicas keep it for longer than it was asked for, so that they need not hear of each
// renewal; a watcher that is gone says so when it is told, or does not answer.
void ReplicaServer::PassOn(Instant now, Carrier& carrier,
                           const Watchers::Subscription& subscription, uint32_t lease,
                           const std::vector<overlay::NodeRecord>& set) {
  if (lease != 0 && watchers_.KeptElsewhere(subscription)) return;
  const uint32_t longer = std::min(lease, kMaxLeaseSeconds / kKeptLonger) * kKeptLonger;
  StoreRequest request = WatcherRequestFor(now, subscription);
  request.mutable_watcher()->set_lease(std::max(lease, longer));  // 0 ends it
  for (const overlay::NodeRecord& other : set) {
    if (other.id() != carrier.self().id()) carrier.Ask(now, other, request, kPushTimeout);
  }
  if (lease != 0) {
    watchers_.NoteElsewhere(subscription, now + absl::Seconds(std::max(lease, longer)));
  }
}

void ReplicaServer::OnWatcher(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked) {
  const wire::v1::WatcherRequest& request = asked.request.watcher();
  const auto record = overlay::NodeRecord::Parse(AsBytes(request.watcher()));
  StoreReply reply;
  if (!record || !IsNeighbour(carrier, asked.from.id())) {
    counters_.Add("store.refused_stranger");
    // Who is new here has not met all its neighbours yet, and is told again.
    reply.mutable_watcher()->set_status(wire::v1::STORE_STATUS_NOT_HERE);
    return carrier.Answer(now, asked.to, reply);
  }
  const Key place = PlaceOf(request.place());
  bool stands = true;
  if (request.lease() == 0) {
    watchers_.Remove(place, request.kind(), record->id());
  } else {
    const Watchers::Subscription subscription{place, request.kind(), *record,
                                              now + absl::Seconds(request.lease())};
    const bool known = watchers_.Has(place, request.kind(), record->id());
    stands = watchers_.Add(subscription);
    if (!stands) counters_.Add("store.refused_watchers_full");
    if (stands && !known) TellWhatCameFirst(now, wall, carrier, subscription);
  }
  reply.mutable_watcher()->set_status(stands ? wire::v1::STORE_STATUS_OK
                                             : wire::v1::STORE_STATUS_QUOTA);
  carrier.Answer(now, asked.to, reply);
}

// What was put here after this node became the root and before it heard of the watcher.
void ReplicaServer::TellWhatCameFirst(Instant now, absl::Time wall, Carrier& carrier,
                                      const Watchers::Subscription& subscription) {
  if (!carrier.IsRoot(subscription.place)) return;
  ReadOptions options;
  options.kinds.push_back(subscription.kind);
  for (const StoredRow& row : local_.Read(subscription.place, options, wall)) {
    const bool ours = row.place == row.object.key() && row.stored_at + kHandoverTime > wall;
    if (ours && !Notify(now, carrier, subscription, row.object)) return;
  }
}

// A newcomer among the replicas of a place learns who watches it from the place's root.
void ReplicaServer::OnJoined(Instant now, Carrier& carrier,
                             const std::vector<overlay::NodeId>& joined) {
  std::optional<Key> place;
  std::vector<overlay::NodeRecord> newcomers;
  for (const Watchers::Subscription& subscription : watchers_.All(now)) {
    if (place != subscription.place) {
      place = subscription.place;
      newcomers.clear();
      const auto set = carrier.ReplicaSet(*place);
      if (!set) continue;
      // The nearest of those that were here before speaks for all.
      const auto is_new = [&](const overlay::NodeId& id) {
        return std::find(joined.begin(), joined.end(), id) != joined.end();
      };
      const overlay::NodeRecord* speaker = nullptr;
      for (const overlay::NodeRecord& record : *set) {
        if (is_new(record.id())) {
          newcomers.push_back(record);
        } else if (speaker == nullptr || overlay::Nearer(*place, record.id(), speaker->id())) {
          speaker = &record;
        }
      }
      if (speaker == nullptr || speaker->id() != carrier.self().id()) newcomers.clear();
    }
    for (const overlay::NodeRecord& newcomer : newcomers) {
      handover_.Give(now, carrier, subscription, newcomer);
    }
  }
}

void ReplicaServer::OnTimeout(Instant now, Carrier& carrier) {
  for (auto it = gathers_.begin(); it != gathers_.end();) {
    if (now >= it->second.deadline && TryFinish(now, carrier, it->second, true)) {
      it = gathers_.erase(it);
    } else {
      ++it;
    }
  }
  handover_.OnTimeout(now, carrier);
  watchers_.Expire(now);
}

std::optional<Instant> ReplicaServer::PollTimeout() const {
  // Gathers begin in order and wait equally long.
  std::optional<Instant> next = handover_.PollTimeout();
  if (!gathers_.empty()) next = Earliest(next, gathers_.begin()->second.deadline);
  return next;
}

}  // namespace p2pd::store
