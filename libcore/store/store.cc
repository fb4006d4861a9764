#include "libcore/store/store.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/store/anti_entropy.h"
#include "libcore/store/careful_get.h"
#include "libcore/store/overlay_carrier.h"
#include "libcore/store/put_operation.h"
#include "libcore/store/replica_server.h"
#include "libcore/store/subscriptions.h"
#include "libcore/store/upkeep.h"

namespace p2pd::store {
namespace {

// Puts and gets under way; more fail at once with ResourceExhausted.
constexpr size_t kMaxOperations = 1024;
// How often expired rows are swept out; until then they are hidden.
constexpr absl::Duration kSweep = absl::Seconds(30);

enum class PutPurpose { kUser, kRemoval, kSilent, kUpkeep };
enum class GetPurpose { kUser, kNews };

LocalStoreOptions LocalOptions(const StoreOptions& options) {
  LocalStoreOptions local;
  local.max_bytes = options.max_bytes;
  local.max_bytes_per_network = options.max_bytes_per_network;
  return local;
}

}  // namespace

class Store::Impl {
 public:
  Impl(const StoreOptions& options, overlay::Node& overlay, ObjectTable& table,
       const WallClock& wall, Rng& rng, Counters& counters)
      : options_(options),
        wall_(wall),
        rng_(rng),
        counters_(counters),
        carrier_(overlay),
        local_(LocalOptions(options), table, counters),
        server_(local_, counters),
        anti_entropy_(local_, server_, rng, counters),
        subscriptions_(rng),
        upkeep_(local_, rng, counters) {}

  void OnRequest(Instant now, const overlay::IncomingRequest& incoming);
  void OnResponse(Instant now, const overlay::Response& response);
  void OnRequestFailed(Instant now, const overlay::RequestFailed& failed);
  void OnReplicasFound(Instant now, const overlay::ReplicasFound& found);
  void OnLeafSetChanged(Instant now, const overlay::LeafSetChanged& changed);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Event> PollEvent();

  OperationId Put(Instant now, const Object& object);
  OperationId Get(Instant now, const Key& key, const GetOptions& options);
  OperationId RemoveRaw(Instant now, const Key& key, const pki::Sha256Digest& data_digest,
                        ByteView secret);
  absl::Status Subscribe(Instant now, const Key& key, ObjectKind kind);
  void Unsubscribe(const Key& key, ObjectKind kind);

  bool Owns(overlay::RequestId id) const { return carrier_.Owns(id); }
  Upkeep& upkeep() { return upkeep_; }
  LocalStore& local() { return local_; }

 private:
  struct PutTask {
    PutOperation operation;
    PutPurpose purpose;
    std::optional<Upkeep::Job> job;
  };
  struct GetTask {
    CarefulGet operation;
    GetPurpose purpose;
  };

  absl::Time Wall(Instant now) const { return wall_.At(now); }
  bool Full() const { return puts_.size() + gets_.size() >= kMaxOperations; }
  void StartPut(Instant now, PutPlan plan, PutPurpose purpose, uint64_t number,
                std::optional<Upkeep::Job> job);
  void StartGet(Instant now, GetPlan plan, GetPurpose purpose, uint64_t number);
  void Handle(Instant now, const Asked& asked);
  void OnNotify(Instant now, const Asked& asked);
  void Dispatch(Instant now, const ReplyFrom& reply);
  void Fail(Instant now, overlay::RequestId id, const absl::Status& status);
  // Runs what the last input set off inside: requests to ourselves, puts that are due.
  void Settle(Instant now);
  void FinishPut(Instant now, uint64_t number);
  absl::Status PutStatus(const PutResult& result) const;
  void FinishGet(Instant now, uint64_t number);

  const StoreOptions options_;
  const WallClock& wall_;
  Rng& rng_;
  Counters& counters_;
  OverlayCarrier carrier_;
  LocalStore local_;
  ReplicaServer server_;
  AntiEntropy anti_entropy_;
  Subscriptions subscriptions_;
  Upkeep upkeep_;
  std::map<uint64_t, PutTask> puts_;
  std::map<uint64_t, GetTask> gets_;
  uint64_t next_operation_ = 1;
  std::deque<Event> events_;
  std::optional<Instant> next_sweep_;
  Instant last_;
};

// ---- Operations --------------------------------------------------------------------------------

void Store::Impl::StartPut(Instant now, PutPlan plan, PutPurpose purpose, uint64_t number,
                           std::optional<Upkeep::Job> job) {
  const auto [it, fresh] =
      puts_.emplace(number, PutTask{PutOperation(std::move(plan)), purpose, std::move(job)});
  P2PD_CHECK(fresh);
  carrier_.Speak({Part::kPut, number});
  it->second.operation.Start(now, carrier_);
}

OperationId Store::Impl::Put(Instant now, const Object& object) {
  const uint64_t number = next_operation_++;
  const OperationId id(number);
  if (Full()) {
    counters_.Add("store.refused_operations_full");
    const auto status = absl::ResourceExhaustedError("too many puts and gets under way");
    events_.push_back(PutDone{id, status, 0, 0});
    return id;
  }
  StartPut(now, {object.key(), object, options_.wanted_acks}, PutPurpose::kUser, number, {});
  if (HasSecondPlace(object.kind())) {
    StartPut(now, {SecondPlace(object.key()), object, options_.wanted_acks}, PutPurpose::kSilent,
             next_operation_++, {});
  }
  Settle(now);
  return id;
}

OperationId Store::Impl::RemoveRaw(Instant now, const Key& key,
                                   const pki::Sha256Digest& data_digest, ByteView secret) {
  const uint64_t number = next_operation_++;
  const OperationId id(number);
  const absl::Time wall = Wall(now);
  // As long as a raw value may live at all, so that no copy outlives its removal.
  const auto removal = MakeRemoval(key, data_digest, secret, wall + kMaxRawLife, wall);
  if (Full() || !removal.ok()) {
    events_.push_back(RemoveDone{
        id, removal.ok() ? absl::ResourceExhaustedError("too many puts and gets under way")
                         : removal.status()});
    return id;
  }
  StartPut(now, {key, *removal, options_.wanted_acks}, PutPurpose::kRemoval, number, {});
  Settle(now);
  return id;
}

void Store::Impl::StartGet(Instant now, GetPlan plan, GetPurpose purpose, uint64_t number) {
  const auto [it, fresh] =
      gets_.emplace(number, GetTask{CarefulGet(std::move(plan), counters_), purpose});
  P2PD_CHECK(fresh);
  carrier_.Speak({Part::kGet, number});
  it->second.operation.Start(now, carrier_);
}

OperationId Store::Impl::Get(Instant now, const Key& key, const GetOptions& options) {
  const uint64_t number = next_operation_++;
  const OperationId id(number);
  if (Full()) {
    counters_.Add("store.refused_operations_full");
    GetDone done;
    done.id = id;
    done.status = absl::ResourceExhaustedError("too many puts and gets under way");
    events_.push_back(std::move(done));
    return id;
  }
  GetPlan plan;
  plan.key = key;
  plan.kind = options.kind;
  plan.roots = options.roots;
  plan.at_least = options.at_least;
  plan.timeout = options.timeout;
  plan.data_digest = options.data_digest;
  StartGet(now, std::move(plan), GetPurpose::kUser, number);
  Settle(now);
  return id;
}

// Of our own disk more is known than that somebody's failed.
absl::Status Store::Impl::PutStatus(const PutResult& result) const {
  if (!result.disk_failed || local_.write_error().ok()) return result.status;
  return absl::Status(result.status.code(), local_.write_error().message());
}

void Store::Impl::FinishPut(Instant now, uint64_t number) {
  const auto found = puts_.find(number);
  if (found == puts_.end() || !found->second.operation.result()) return;
  auto node = puts_.extract(found);
  PutTask& task = node.mapped();
  const PutResult& result = *task.operation.result();
  switch (task.purpose) {
    case PutPurpose::kUser:
      counters_.Add(result.status.ok() ? "store.puts_done" : "store.puts_failed");
      events_.push_back(
          PutDone{OperationId(number), PutStatus(result), result.acks, result.replicas});
      return;
    case PutPurpose::kRemoval:
      events_.push_back(RemoveDone{OperationId(number), result.status});
      return;
    case PutPurpose::kSilent:
      if (!result.status.ok()) counters_.Add("store.second_place_puts_failed");
      return;
    case PutPurpose::kUpkeep:
      upkeep_.OnDone(now, *task.job, result);
      return;
  }
}

void Store::Impl::FinishGet(Instant now, uint64_t number) {
  const auto found = gets_.find(number);
  if (found == gets_.end() || !found->second.operation.result()) return;
  auto node = gets_.extract(found);
  const GetPurpose purpose = node.mapped().purpose;
  GetResult result = *node.mapped().operation.result();
  for (const Object& object : result.objects) {
    const bool news = subscriptions_.Learn(object);
    if (news && purpose == GetPurpose::kNews) {
      events_.push_back(Notification{object.key(), object});
    }
    if (result.heal_first_place && !Full()) {
      counters_.Add("store.healed_first_place");
      StartPut(now, {object.key(), object, options_.wanted_acks}, PutPurpose::kSilent,
               next_operation_++, {});
    }
  }
  if (purpose == GetPurpose::kNews) return;
  const bool answered = result.status.ok() || absl::IsNotFound(result.status);
  counters_.Add(answered ? "store.gets_done" : "store.gets_failed");
  GetDone done;
  done.id = OperationId(number);
  done.status = std::move(result.status);
  done.objects = std::move(result.objects);
  done.hops = result.hops;
  done.answers = result.answers;
  done.from = std::move(result.from);
  done.invalid = result.invalid;
  done.outdated = result.outdated;
  events_.push_back(std::move(done));
}

// ---- What arrives ------------------------------------------------------------------------------

void Store::Impl::OnRequest(Instant now, const overlay::IncomingRequest& incoming) {
  std::optional<StoreRequest> request = ParseRequest(incoming.payload);
  if (!request) {
    counters_.Add("store.dropped_malformed");
    return;
  }
  Handle(now, Asked{ReplyTo{incoming.token, {}}, incoming.from, incoming.bearer, incoming.proved,
                    *std::move(request)});
  Settle(now);
}

void Store::Impl::Handle(Instant now, const Asked& asked) {
  if (asked.request.has_notify()) return OnNotify(now, asked);
  carrier_.Speak({Part::kServer, 0});
  server_.OnRequest(now, Wall(now), carrier_, asked);
}

void Store::Impl::OnNotify(Instant now, const Asked& asked) {
  const wire::v1::NotifyRequest& notify = asked.request.notify();
  const Judgement judgement = Validate(AsBytes(notify.object()), Wall(now));
  if (judgement.fault != ObjectFault::kNone) {
    counters_.Add(absl::StrCat("store.invalid_", ObjectFaultName(judgement.fault)));
    return;
  }
  bool fresh = false;
  const StoreReply reply = subscriptions_.OnNotify(*judgement.object, fresh);
  if (!reply.notify().wanted()) counters_.Add("store.dropped_unwanted_notification");
  carrier_.Answer(now, asked.to, reply);
  if (fresh) events_.push_back(Notification{judgement.object->key(), *judgement.object});
}

void Store::Impl::OnResponse(Instant now, const overlay::Response& response) {
  std::optional<StoreReply> reply = ParseReply(response.payload);
  if (!reply) {
    counters_.Add("store.dropped_malformed");
    Fail(now, response.id, absl::UnavailableError("the answer could not be read"));
  } else {
    Dispatch(now, ReplyFrom{response.id, response.from, response.hops, *std::move(reply)});
  }
  Settle(now);
}

void Store::Impl::Dispatch(Instant now, const ReplyFrom& reply) {
  const std::optional<Sender> sender = carrier_.Take(reply.id);
  if (!sender) return;
  carrier_.Speak(*sender);
  switch (sender->part) {
    case Part::kPut: {
      const auto found = puts_.find(sender->number);
      if (found == puts_.end()) return;
      found->second.operation.OnReply(now, carrier_, reply);
      return FinishPut(now, sender->number);
    }
    case Part::kGet: {
      const auto found = gets_.find(sender->number);
      if (found == gets_.end()) return;
      found->second.operation.OnReply(now, Wall(now), carrier_, reply);
      return FinishGet(now, sender->number);
    }
    case Part::kServer:
      return server_.OnReply(now, Wall(now), carrier_, reply);
    case Part::kAntiEntropy:
      return anti_entropy_.OnReply(now, Wall(now), carrier_, reply);
    case Part::kSubscription: {
      const auto stale = subscriptions_.OnReply(now, reply);
      if (!stale || Full()) return;
      GetPlan plan;
      plan.key = stale->key;
      plan.kind = stale->kind;
      return StartGet(now, std::move(plan), GetPurpose::kNews, next_operation_++);
    }
    case Part::kNobody:
      return;
  }
}

void Store::Impl::OnRequestFailed(Instant now, const overlay::RequestFailed& failed) {
  Fail(now, failed.id, failed.status);
  Settle(now);
}

void Store::Impl::Fail(Instant now, overlay::RequestId id, const absl::Status& status) {
  const std::optional<Sender> sender = carrier_.Take(id);
  if (!sender) return;
  carrier_.Speak(*sender);
  switch (sender->part) {
    case Part::kPut: {
      const auto found = puts_.find(sender->number);
      if (found == puts_.end()) return;
      found->second.operation.OnFailed(now, carrier_, id, status);
      return FinishPut(now, sender->number);
    }
    case Part::kGet: {
      const auto found = gets_.find(sender->number);
      if (found == gets_.end()) return;
      found->second.operation.OnFailed(now, carrier_, id, status);
      return FinishGet(now, sender->number);
    }
    case Part::kServer:
      return server_.OnFailed(now, carrier_, id);
    case Part::kAntiEntropy:
      return anti_entropy_.OnFailed(now, id);
    case Part::kSubscription:
      return subscriptions_.OnFailed(now, id);
    case Part::kNobody:
      return;
  }
}

void Store::Impl::OnReplicasFound(Instant now, const overlay::ReplicasFound& found) {
  const std::optional<Sender> sender = carrier_.Take(found.id);
  if (!sender) return;
  carrier_.Speak(*sender);
  const auto get = gets_.find(sender->number);
  if (get == gets_.end()) return;
  get->second.operation.OnFound(now, carrier_, found.id, OverlayCarrier::ToNear(found.replicas));
  FinishGet(now, sender->number);
  Settle(now);
}

void Store::Impl::OnLeafSetChanged(Instant now, const overlay::LeafSetChanged& changed) {
  upkeep_.OnLeafSetChanged(now);
  anti_entropy_.OnLeafSetChanged(now, carrier_);
  carrier_.Speak({Part::kServer, 0});
  server_.OnJoined(now, carrier_, changed.joined);
  Settle(now);
}

void Store::Impl::Settle(Instant now) {
  last_ = now;
  for (;;) {
    if (const auto local = carrier_.PollLocalRequest()) {
      const overlay::NodeRecord self = carrier_.self();
      Handle(now, Asked{ReplyTo{std::nullopt, local->id}, self, self.addresses().front(), true,
                        local->request});
    } else if (const auto reply = carrier_.PollLocalReply()) {
      Dispatch(now, *reply);
    } else if (auto job = upkeep_.PollJob()) {
      const Key place = job->place;
      const Object object = job->object;
      const bool owner = !job->hand_off;
      StartPut(now, {place, object, options_.wanted_acks, owner}, PutPurpose::kUpkeep,
               next_operation_++, std::move(job));
      if (owner && HasSecondPlace(object.kind())) {
        StartPut(now, {SecondPlace(place), object, options_.wanted_acks, true}, PutPurpose::kSilent,
                 next_operation_++, {});
      }
    } else {
      break;
    }
  }
  if (server_.TakeChanged()) anti_entropy_.OnChanged(now);
}

// ---- Time --------------------------------------------------------------------------------------

void Store::Impl::OnTimeout(Instant now) {
  const absl::Time wall = Wall(now);
  std::vector<uint64_t> due;
  for (const auto& [number, task] : puts_) {
    if (task.operation.PollTimeout() <= std::optional(now)) due.push_back(number);
  }
  for (const uint64_t number : due) {
    carrier_.Speak({Part::kPut, number});
    puts_.at(number).operation.OnTimeout(now, carrier_);
    FinishPut(now, number);
  }
  due.clear();
  for (const auto& [number, task] : gets_) {
    if (task.operation.PollTimeout() <= std::optional(now)) due.push_back(number);
  }
  for (const uint64_t number : due) {
    carrier_.Speak({Part::kGet, number});
    gets_.at(number).operation.OnTimeout(now, carrier_);
    FinishGet(now, number);
  }
  carrier_.Speak({Part::kServer, 0});
  server_.OnTimeout(now, carrier_);
  carrier_.Speak({Part::kAntiEntropy, 0});
  anti_entropy_.OnTimeout(now, wall, carrier_);
  carrier_.Speak({Part::kSubscription, 0});
  subscriptions_.OnTimeout(now, carrier_);
  upkeep_.OnTimeout(now, wall, carrier_);
  if (!next_sweep_ || now >= *next_sweep_) {
    local_.EraseExpired(wall);
    next_sweep_ = now + rng_.Jitter(kSweep);
  }
  Settle(now);
}

std::optional<Instant> Store::Impl::PollTimeout() const {
  // Before the first OnTimeout nothing periodic is set: ask for one at once.
  if (!next_sweep_) return last_;
  std::optional<Instant> next = next_sweep_;
  for (const auto& [number, task] : puts_) next = Earliest(next, task.operation.PollTimeout());
  for (const auto& [number, task] : gets_) next = Earliest(next, task.operation.PollTimeout());
  next = Earliest(next, server_.PollTimeout());
  next = Earliest(next, anti_entropy_.PollTimeout());
  next = Earliest(next, subscriptions_.PollTimeout());
  return Earliest(next, upkeep_.PollTimeout());
}

std::optional<Event> Store::Impl::PollEvent() {
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

absl::Status Store::Impl::Subscribe(Instant now, const Key& key, ObjectKind kind) {
  if (!subscriptions_.Add(now, key, kind, kMaxSubscriptions)) {
    counters_.Add("store.refused_subscriptions_full");
    return absl::ResourceExhaustedError(
        absl::StrCat("this node watches ", kMaxSubscriptions, " keys already"));
  }
  last_ = now;
  return absl::OkStatus();
}

void Store::Impl::Unsubscribe(const Key& key, ObjectKind kind) {
  carrier_.Speak({Part::kNobody, 0});
  subscriptions_.Remove(last_, carrier_, key, kind);
}

// ---- The face ----------------------------------------------------------------------------------

Store::Store(const StoreOptions& options, overlay::Node& overlay, ObjectTable& table,
             const WallClock& wall, Rng& rng, Counters& counters)
    : impl_(std::make_unique<Impl>(options, overlay, table, wall, rng, counters)) {}
Store::~Store() = default;

void Store::OnRequest(Instant now, const overlay::IncomingRequest& request) {
  impl_->OnRequest(now, request);
}
void Store::OnResponse(Instant now, const overlay::Response& response) {
  impl_->OnResponse(now, response);
}
void Store::OnRequestFailed(Instant now, const overlay::RequestFailed& failed) {
  impl_->OnRequestFailed(now, failed);
}
void Store::OnReplicasFound(Instant now, const overlay::ReplicasFound& found) {
  impl_->OnReplicasFound(now, found);
}
void Store::OnLeafSetChanged(Instant now, const overlay::LeafSetChanged& changed) {
  impl_->OnLeafSetChanged(now, changed);
}
bool Store::Owns(overlay::RequestId id) const { return impl_->Owns(id); }
void Store::OnTimeout(Instant now) { impl_->OnTimeout(now); }
std::optional<Instant> Store::PollTimeout() const { return impl_->PollTimeout(); }
std::optional<Event> Store::PollEvent() { return impl_->PollEvent(); }
OperationId Store::Put(Instant now, const Object& object) { return impl_->Put(now, object); }
OperationId Store::Get(Instant now, const Key& key, const GetOptions& options) {
  return impl_->Get(now, key, options);
}
OperationId Store::RemoveRaw(Instant now, const Key& key, const pki::Sha256Digest& data_digest,
                             ByteView secret) {
  return impl_->RemoveRaw(now, key, data_digest, secret);
}
absl::Status Store::Subscribe(Instant now, const Key& key, ObjectKind kind) {
  return impl_->Subscribe(now, key, kind);
}
void Store::Unsubscribe(const Key& key, ObjectKind kind) { impl_->Unsubscribe(key, kind); }
void Store::KeepAlive(Instant now, const Object& object) { impl_->upkeep().KeepAlive(now, object); }
void Store::StopKeepingAlive(const Key& key, ObjectKind kind, ByteView slot) {
  impl_->upkeep().StopKeepingAlive(key, kind, slot);
}
void Store::SetTrustedRoots(std::vector<pki::CertificateHash> roots) {
  impl_->local().SetTrustedRoots(TrustedRoots(roots.begin(), roots.end()));
}

}  // namespace p2pd::store
