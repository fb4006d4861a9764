#include "libcore/store/get_operation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/overlay/network_cap.h"

namespace p2pd::store {
namespace {

// A direct question: a node that is gone costs us this, so it is short; a live one answers within a
// round trip.
constexpr absl::Duration kAskTimeout = absl::Milliseconds(1500);
// By another way: one neighbour carries it, who may be gone or worse.
constexpr absl::Duration kWayTimeout = absl::Milliseconds(1500);
// Before the next routed attempt, so that a ring in motion settles a little.
constexpr absl::Duration kPause = absl::Milliseconds(400);
// Objects that one repair brings to one replica.
constexpr int kMaxRepairs = 8;
// The design's replica count: what a replica claims beyond it does not make us wait.
constexpr size_t kReplicas = 8;

std::string CounterOf(ObjectFault fault) {
  return absl::StrCat("store.invalid_", ObjectFaultName(fault));
}

}  // namespace

GetOperation::GetOperation(GetPlan plan, Counters& counters)
    : plan_(std::move(plan)), counters_(counters) {}

void GetOperation::Start(Instant now, Carrier& carrier) {
  deadline_ = now + plan_.timeout;
  // Where there is a second place, the first one gets the larger part of the time.
  leg_deadline_ = TwoPlaces() ? now + plan_.timeout * 0.6 : deadline_;
  if (!plan_.thorough) return Begin(now, carrier);
  second_place_ = plan_.second_place;
  open_ = true;
  near_ = carrier.NearReplicas(Place());
  for (NearReplica& near : near_) near.patience = near.patience * kThoroughPatience;
  for (size_t i = 0; i < std::min(near_.size(), kMaxNear); ++i) AskNear(now, carrier, i, true);
}

void GetOperation::Widen(Instant now, Carrier& carrier,
                         const std::vector<overlay::NodeRecord>& more, bool last) {
  for (const overlay::NodeRecord& record : more) {
    if (replicas_.size() < kMaxReplicas) replicas_.try_emplace(record.id(), record);
  }
  open_ = open_ && !last;
  Judge(now, carrier);
}

void GetOperation::Learn(absl::Time wall, const ReplyFrom& reply) {
  const wire::v1::GetReply& get = reply.reply.get();
  const bool found = reply.reply.has_get() && get.status() == wire::v1::STORE_STATUS_OK;
  if (found && !result_) Absorb(wall, reply.from, get);
}

std::vector<Object> GetOperation::Heard() const {
  std::vector<Object> out;
  for (const auto& [slot, object] : newest_) out.push_back(object);
  return out;
}

std::vector<overlay::NodeRecord> GetOperation::Debtors() const {
  std::vector<overlay::NodeRecord> out;
  for (const auto& [id, replica] : replicas_) {
    if (!replica.failed && !Complete(replica)) out.push_back(replica.record);
  }
  return out;
}

// The near ones first, where they are known.
void GetOperation::Begin(Instant now, Carrier& carrier) {
  near_ = carrier.NearReplicas(Place());
  near_asked_ = 0;
  left_near_ = false;
  if (near_.empty()) finding_ = carrier.FindNear(now, Place());
  if (!finding_) AskFirst(now, carrier);
}

void GetOperation::OnFound(Instant now, Carrier& carrier, overlay::RequestId id,
                           std::vector<NearReplica> near) {
  if (result_ || finding_ != id) return;
  finding_.reset();
  near_ = std::move(near);
  if (Immutable()) return AskFirst(now, carrier);
  AskGuides(now, carrier);
}

// What changes is read from those who keep it now: one of them says who they are, as the root does
// to whom a request is routed.
void GetOperation::AskGuides(Instant now, Carrier& carrier) {
  if (near_.empty()) return RouteOn(now, carrier);
  while (near_asked_ < std::min(near_.size(), kGuides)) {
    const NearReplica& near = near_[near_asked_];
    guides_.emplace(
        carrier.AskNear(now, near, Request(kGuideAnswer, true), leg_deadline_ - now, kNearPadding),
        near_asked_++);
    WaitFor(now, near);
  }
}

bool GetOperation::OnGuide(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply) {
  const wire::v1::GetReply& get = reply.reply.get();
  const size_t listed = static_cast<size_t>(get.replicas_size());
  // Who keeps it leaves itself out of the list, or was in that of another.
  const bool named = replicas_.count(reply.from.id()) != 0;
  const bool keeps =
      reply.reply.has_get() && (named || (listed > 0 && listed + 1 == get.replica_count()));
  const bool has = get.status() == wire::v1::STORE_STATUS_OK;
  if (!keeps || (!has && get.status() != wire::v1::STORE_STATUS_NOT_FOUND)) return false;
  if (!routed_) next_near_.reset();
  hops_ = std::max(hops_, 1);
  TakeKeeper(now, wall, carrier, reply);
  return true;
}

void GetOperation::GuideLost(Instant now, Carrier& carrier) {
  if (guides_.empty() && next_near_ && !routed_) return LeaveNear(now, carrier);
  // Where the other one named him he is asked as all are.
  Judge(now, carrier);
}

void GetOperation::AskFirst(Instant now, Carrier& carrier) {
  if (near_.empty()) return RouteOn(now, carrier);
  const size_t most = std::min(near_.size(), Immutable() ? kNearAtOnce : 1 + kNearVersions);
  while (near_asked_ < most) {
    AskNear(now, carrier, near_asked_, Immutable() || near_asked_ == 0);
    ++near_asked_;
  }
}

void GetOperation::AskNear(Instant now, Carrier& carrier, size_t index, bool whole) {
  const NearReplica& near = near_[index];
  const StoreRequest request = Request(whole ? kNearAnswer : 0, false);
  near_pending_.emplace(carrier.AskNear(now, near, request, leg_deadline_ - now,
                                        whole ? kNearPadding : kVersionPadding),
                        NearQuestion{index, whole});
  if (!plan_.thorough) WaitFor(now, near);
}

void GetOperation::WaitFor(Instant now, const NearReplica& near) {
  const Instant late = now + near.patience * kNearRounds;
  next_near_ = next_near_ ? std::max(*next_near_, late) : late;
}

void GetOperation::OnNearReply(Instant now, absl::Time wall, Carrier& carrier,
                               const ReplyFrom& reply, const NearQuestion& question) {
  const wire::v1::GetReply& get = reply.reply.get();
  const bool denial = get.status() == wire::v1::STORE_STATUS_NOT_FOUND;
  if (reply.reply.has_get() &&
      (get.status() == wire::v1::STORE_STATUS_OK || (denial && (plan_.thorough || !Immutable())))) {
    Replica& replica = Take(wall, reply.from, get);
    replica.near = true;
    replica_count_ = std::max<size_t>(replica_count_, get.replica_count());
    const bool owes = !replica.failed && !Complete(replica);
    // Who names a newer version is asked for it.
    if (owes && !question.whole) AskNear(now, carrier, question.index, true);
    if (plan_.thorough && !owes && !replica.failed) replica.answered = true;
  }
  if (plan_.thorough) return Judge(now, carrier);
  // Another takes the place of the first that has nothing.
  const bool nothing = get.status() != wire::v1::STORE_STATUS_OK && !HasWanted();
  if (Immutable() && nothing && !left_near_ && near_asked_ == kNearAtOnce &&
      near_asked_ < near_.size()) {
    AskNear(now, carrier, near_asked_++, true);
  }
  JudgeNear(now, carrier);
}

void GetOperation::JudgeNear(Instant now, Carrier& carrier) {
  size_t agreed = 0;
  for (auto& [id, replica] : replicas_) {
    if (replica.near && !replica.failed && Complete(replica)) replica.answered = true;
    agreed += replica.answered ? 1u : 0u;
  }
  const size_t wanted = Immutable() ? 1 : std::min<size_t>(kWantedAnswers, KnownReplicas());
  if (HasWanted() && AtLeastReached() && agreed >= wanted && (Immutable() || !Owed())) {
    hops_ = std::max(hops_, 1);
    return Finish(now, carrier, absl::OkStatus());
  }
  if (routed_ || next_route_) return;
  const bool fetching = Immutable() && FetchNear(now, carrier);
  if (!near_pending_.empty()) return;
  if (!fetching) return LeaveNear(now, carrier);
  next_near_.reset();
}

bool GetOperation::FetchNear(Instant now, Carrier& carrier) {
  Replica* next = nullptr;
  for (auto& [id, replica] : replicas_) {
    if (replica.pending) return true;
    const bool owes = replica.near && !replica.answered && !replica.failed && replica.rounds == 0;
    if (owes && next == nullptr) next = &replica;
  }
  if (next != nullptr) AskOne(now, carrier, *next);
  return next != nullptr;
}

// One of them is silent.
void GetOperation::NearSilent(Instant now, Carrier& carrier) {
  counters_.Add("store.near_replicas_silent");
  if (plan_.thorough) return Judge(now, carrier);
  const bool more = near_asked_ < near_.size() && near_asked_ < kMaxNear;
  if (more && !routed_) AskNear(now, carrier, near_asked_++, true);
  if (Immutable() && !routed_ && !next_route_) return LeaveNear(now, carrier);
  JudgeNear(now, carrier);
}

void GetOperation::LeaveNear(Instant now, Carrier& carrier) {
  next_near_.reset();
  // That hints led to nobody who has it says nothing.
  if (!HasWanted()) {
    std::erase_if(replicas_, [](const auto& entry) { return entry.second.rows.empty(); });
    replica_count_ = 0;
  }
  counters_.Add("store.gets_beyond_the_near");
  for (size_t i = 0; i < kSecondNear && Immutable() && !left_near_; ++i) {
    if (near_asked_ < near_.size()) AskNear(now, carrier, near_asked_++, true);
  }
  left_near_ = true;
  next_near_.reset();
  RouteOn(now, carrier);
}

StoreRequest GetOperation::Request(size_t max_bytes, bool want_replicas) const {
  StoreRequest request;
  wire::v1::GetRequest& get = *request.mutable_get();
  get.set_place(Place().ToString());
  if (plan_.kind) get.add_kinds(*plan_.kind);
  // Whom the user revoked we want to know too, wherever it is told.
  if (plan_.kind == wire::v1::OBJECT_KIND_USER_STATE) {
    get.add_kinds(wire::v1::OBJECT_KIND_DEVICE_LIST);
  }
  for (const pki::CertificateHash& root : plan_.roots) get.add_roots(root.ToString());
  for (const auto& [slot, object] : newest_) {
    if (get.have_size() >= kMaxRowNames) break;
    wire::v1::RowName& name = *get.add_have();
    name.set_kind(slot.first);
    name.set_slot(ToText(slot.second));
    name.set_sequence(object.sequence().value());
  }
  get.set_max_bytes(static_cast<uint32_t>(max_bytes));
  get.set_want_replicas(want_replicas);
  return request;
}

void GetOperation::RouteOn(Instant now, Carrier& carrier) {
  next_route_.reset();
  overlay::RouteOptions options;
  options.timeout = leg_deadline_ - now;
  options.any_replica = true;
  // Whom hints name was asked already.
  options.prompt = !left_near_;
  options.way = routes_++;
  if (options.way > 0) options.timeout = std::min(options.timeout, kWayTimeout);
  routed_ = carrier.Route(now, Place(), Request(kMaxRoutedAnswer, true), options);
}

NearReplica GetOperation::AsNear(const overlay::NodeRecord& self,
                                 const overlay::NodeRecord& record) {
  const auto family = [](const net::Endpoint& e) { return e.address.is_v4(); };
  const auto& ours = self.addresses();
  const auto& theirs = record.addresses();
  const auto common = std::find_if(theirs.begin(), theirs.end(), [&](const net::Endpoint& at) {
    return std::any_of(ours.begin(), ours.end(),
                       [&](const net::Endpoint& us) { return family(us) == family(at); });
  });
  const net::Endpoint& at = common == theirs.end() ? theirs.front() : *common;
  return {{overlay::Head(record.id()), at, record.sealing_key()}, kLetterPatience};
}

void GetOperation::AskOne(Instant now, Carrier& carrier, Replica& replica) {
  ++replica.rounds;
  const bool learn = MoreReplicas();
  const absl::Duration timeout = std::min(kAskTimeout, leg_deadline_ - now);
  // Who has nothing newer only says so, which is not worth a link.
  if (!Immutable() && HasWanted() && !learn && replica.rounds == 1) {
    replica.by_letter = true;
    replica.pending = carrier.AskNear(now, AsNear(carrier.self(), replica.record),
                                      Request(kMaxObjectBytes, false), timeout, kVersionPadding);
    return;
  }
  replica.pending = carrier.Ask(now, replica.record, Request(kMaxObjectBytes, learn), timeout);
}

void GetOperation::AskOthers(Instant now, Carrier& carrier) {
  std::set<uint64_t> asked;
  for (const auto& [id, question] : near_pending_) asked.insert(near_[question.index].target.head);
  for (const auto& [id, index] : guides_) asked.insert(near_[index].target.head);
  for (auto& [id, replica] : replicas_) {
    if (!replica.pending && !replica.failed && replica.rounds == 0 && !replica.answered &&
        asked.count(overlay::Head(id)) == 0) {
      AskOne(now, carrier, replica);
    }
  }
}

bool GetOperation::Relevant(const Object& object) const {
  if (object.key() != plan_.key) return false;
  if (object.kind() == wire::v1::OBJECT_KIND_REMOVAL) return false;
  if (!plan_.kind) return true;
  if (plan_.kind == wire::v1::OBJECT_KIND_USER_STATE &&
      object.kind() == wire::v1::OBJECT_KIND_DEVICE_LIST) {
    return true;
  }
  if (object.kind() != *plan_.kind) return false;
  if (plan_.data_digest && object.kind() == wire::v1::OBJECT_KIND_RAW) {
    // A raw value's slot begins with the digest of its data.
    const ByteView digest = plan_.data_digest->view();
    const size_t size = std::min(object.slot().size(), digest.size());
    return ByteView(object.slot().data(), size) == digest;
  }
  if (object.kind() != wire::v1::OBJECT_KIND_AUTHENTICATION || plan_.roots.empty()) return true;
  return std::find(plan_.roots.begin(), plan_.roots.end(), object.chain().root().fingerprint()) !=
         plan_.roots.end();
}

bool GetOperation::AbsorbObject(absl::Time wall, const overlay::NodeRecord& from,
                                ByteView encoded) {
  Judgement judgement = Validate(encoded, wall);
  if (judgement.fault != ObjectFault::kNone) {
    counters_.Add(CounterOf(judgement.fault));
    ++invalid_;
    // Clocks differ; nothing else that an honest node keeps is judged differently here.
    return judgement.fault == ObjectFault::kExpired;
  }
  Object& object = *judgement.object;
  if (!Relevant(object)) {
    counters_.Add("store.dropped_unasked_object");
    return true;
  }
  if (!from_ && (!plan_.kind || object.kind() == *plan_.kind)) from_ = from;
  const auto [it, fresh] = newest_.try_emplace(Slot(object.kind(), object.slot()), object);
  if (fresh) return true;
  const Object& have = it->second;
  const bool newer = have.sequence() < object.sequence();
  // Its owner signed two of one sequence: all readers settle on the same.
  const bool tie = have.sequence() == object.sequence() && object.digest() < have.digest();
  if (newer || tie) it->second = std::move(object);
  return true;
}

void GetOperation::Disbelieve(Replica& replica) {
  counters_.Add("store.replicas_disbelieved");
  replica.failed = true;
  replica.answered = false;
  replica.rows.clear();
}

GetOperation::Replica& GetOperation::Take(absl::Time wall, const overlay::NodeRecord& from,
                                          const wire::v1::GetReply& reply) {
  Replica& replica = replicas_.try_emplace(from.id(), from).first->second;
  bool honest = true;
  for (const std::string& encoded : reply.objects()) {
    honest = AbsorbObject(wall, from, AsBytes(encoded)) && honest;
  }
  replica.rows.clear();
  for (const auto& row : reply.rows()) {
    replica.rows[Slot(row.kind(), ToBytes(AsBytes(row.slot())))] = Sequence(row.sequence());
  }
  if (!honest) Disbelieve(replica);
  return replica;
}

void GetOperation::LearnReplicas(const wire::v1::GetReply& reply) {
  replica_count_ = std::max<size_t>(replica_count_, reply.replica_count());
  for (const std::string& bytes : reply.replicas()) {
    if (replicas_.size() >= kMaxReplicas) return;
    const auto record = overlay::NodeRecord::Parse(AsBytes(bytes));
    if (record) replicas_.try_emplace(record->id(), *record);
  }
}

void GetOperation::Absorb(absl::Time wall, const overlay::NodeRecord& from,
                          const wire::v1::GetReply& reply) {
  Replica& replica = Take(wall, from, reply);
  if (replica.failed) return;
  LearnReplicas(reply);
  // There is room for one object at least, and none came.
  if (!Immutable() && replica.rounds > 0 && reply.objects_size() == 0 && !Complete(replica)) {
    return Disbelieve(replica);
  }
  // Who has all of it needs no list of the others; who must ask the others needs the whole list.
  const bool listed = plan_.thorough || !MoreReplicas() || (Immutable() && HasWanted());
  if ((Complete(replica) && listed) || replica.rounds >= kRounds) replica.answered = true;
}

size_t GetOperation::KnownReplicas() const {
  return std::max(replicas_.size(), std::min(replica_count_, kReplicas));
}

bool GetOperation::MoreReplicas() const { return replicas_.size() < KnownReplicas(); }

bool GetOperation::Complete(const Replica& replica) const {
  for (const auto& [slot, sequence] : replica.rows) {
    const auto found = newest_.find(slot);
    if (found == newest_.end() || found->second.sequence() < sequence) return false;
  }
  return true;
}

void GetOperation::OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply) {
  if (result_) return;
  if (const auto near = near_pending_.extract(reply.id)) {
    return OnNearReply(now, wall, carrier, reply, near.mapped());
  }
  if (guides_.erase(reply.id) != 0) {
    if (!OnGuide(now, wall, carrier, reply)) GuideLost(now, carrier);
    return;
  }
  const bool routed = routed_ == reply.id;
  Replica* replica = nullptr;
  for (auto& [id, candidate] : replicas_) {
    if (candidate.pending == reply.id) replica = &candidate;
  }
  if (routed) routed_.reset();
  if (replica != nullptr) {
    replica->pending.reset();
    replica->by_letter = false;
  }
  if (!routed && replica == nullptr) return;
  const wire::v1::GetReply& get = reply.reply.get();
  if (!reply.reply.has_get() || (get.status() != wire::v1::STORE_STATUS_OK &&
                                 get.status() != wire::v1::STORE_STATUS_NOT_FOUND)) {
    if (replica != nullptr) replica->failed = true;
    if (routed) {
      Inconclusive(now, carrier, absl::UnavailableError("the node at the key does not keep it"));
    } else {
      Judge(now, carrier);
    }
    return;
  }
  if (routed) hops_ = reply.hops;
  TakeKeeper(now, wall, carrier, reply);
}

void GetOperation::TakeKeeper(Instant now, absl::Time wall, Carrier& carrier,
                              const ReplyFrom& reply) {
  Absorb(wall, reply.from, reply.reply.get());
  Replica& answered = replicas_.at(reply.from.id());
  // What did not fit is fetched, unless the first copy is all that is wanted and it came.
  if (!answered.answered && !answered.failed && !answered.pending &&
      !(Immutable() && HasWanted())) {
    AskOne(now, carrier, answered);
  }
  Judge(now, carrier);
}

void GetOperation::OnFailed(Instant now, Carrier& carrier, overlay::RequestId id,
                            const absl::Status& status) {
  if (result_) return;
  if (near_pending_.erase(id) != 0) return NearSilent(now, carrier);
  if (guides_.erase(id) != 0) return GuideLost(now, carrier);
  if (routed_ == id) {
    routed_.reset();
    Inconclusive(now, carrier, status);
    return;
  }
  for (auto& [node, replica] : replicas_) {
    if (replica.pending != id) continue;
    replica.pending.reset();
    // A link may find a way that letters do not.
    if (std::exchange(replica.by_letter, false)) return AskOne(now, carrier, replica);
    replica.failed = true;
    Judge(now, carrier);
    return;
  }
}

bool GetOperation::HasWanted() const {
  return std::any_of(newest_.begin(), newest_.end(), [&](const auto& entry) {
    return !plan_.kind || entry.first.first == *plan_.kind;
  });
}

bool GetOperation::AtLeastReached() const {
  for (const auto& [slot, sequence] : plan_.at_least) {
    const bool reached = std::any_of(newest_.begin(), newest_.end(), [&](const auto& entry) {
      return entry.first.second == slot && (!plan_.kind || entry.first.first == *plan_.kind) &&
             entry.second.sequence() >= sequence;
    });
    if (!reached) return false;
  }
  return true;
}

bool GetOperation::Owed() const {
  return std::any_of(replicas_.begin(), replicas_.end(), [this](const auto& entry) {
    return !entry.second.answered && !entry.second.failed && !Complete(entry.second);
  });
}

void GetOperation::Judge(Instant now, Carrier& carrier) {
  if (result_ || routed_ || next_route_) return;
  if (Immutable() && HasWanted() && AtLeastReached()) {
    Finish(now, carrier, absl::OkStatus());
    return;
  }
  size_t answered = 0;
  size_t failed = 0;
  for (const auto& [id, replica] : replicas_) {
    answered += replica.answered ? 1u : 0u;
    failed += replica.failed && !replica.answered ? 1u : 0u;
  }
  const size_t living = KnownReplicas() - failed;
  const size_t wanted = std::min<size_t>(kWantedAnswers, living);
  // A single state among the first four may be all there is; nothing at all may be a ring in
  // motion.
  if (!plan_.thorough && !Immutable() && HasWanted() && AtLeastReached() && answered >= wanted &&
      answered > 0 && !Owed()) {
    Finish(now, carrier, absl::OkStatus());
    return;
  }
  AskOthers(now, carrier);
  const bool settled = std::all_of(replicas_.begin(), replicas_.end(), [](const auto& entry) {
    return entry.second.answered || entry.second.failed;
  });
  // Near ones that were asked in letters may still answer.
  const bool awaited = plan_.thorough ? !near_pending_.empty() : next_near_.has_value();
  if (settled && !open_ && !awaited) Conclude(now, carrier);
}

void GetOperation::Conclude(Instant now, Carrier& carrier) {
  size_t answered = 0;
  for (const auto& [id, replica] : replicas_) answered += replica.answered ? 1u : 0u;
  if (HasWanted()) {
    if (AtLeastReached()) {
      Finish(now, carrier, absl::OkStatus());
    } else {
      Inconclusive(now, carrier,
                   absl::UnavailableError("only older versions than the one seen are to be had"));
    }
    return;
  }
  const size_t known = KnownReplicas();
  // Somebody named what we look for and could not deliver it.
  const bool named = std::any_of(replicas_.begin(), replicas_.end(),
                                 [this](const auto& entry) { return !Complete(entry.second); });
  if (named) {
    Inconclusive(now, carrier,
                 absl::UnavailableError("it is kept, but its keepers did not deliver"));
    return;
  }
  if (answered < std::min<size_t>(kWantedAnswers, known)) {
    Inconclusive(now, carrier,
                 absl::UnavailableError(absl::StrCat("only ", answered, " of ", known,
                                                     " replicas answered, none has it")));
    return;
  }
  if (TwoPlaces() && !second_place_) {
    first_place_empty_ = true;
    Inconclusive(now, carrier, absl::NotFoundError("nothing is kept under this key"));
    return;
  }
  Finish(now, carrier, absl::NotFoundError("nothing is kept under this key"));
}

void GetOperation::NoteVoices() {
  GetVoices& voices = voices_.emplace_back();
  voices.place = Place();
  for (const auto& [id, replica] : replicas_) {
    if (!replica.failed) voices.keepers.push_back(id);
  }
  std::sort(voices.keepers.begin(), voices.keepers.end(),
            [&](const overlay::NodeId& a, const overlay::NodeId& b) {
              return overlay::Nearer(voices.place, a, b);
            });
  overlay::NetworkCap cap(overlay::kMaxReplicasFromNetwork);
  voices.left_out = std::erase_if(voices.keepers, [&](const overlay::NodeId& id) {
    const std::optional<net::IpAddress> network = replicas_.at(id).record.PublicNetwork();
    return network && !cap.Admits(*network);
  });
}

void GetOperation::Reset() {
  replicas_.clear();
  replica_count_ = 0;
  near_.clear();
  finding_.reset();
  near_pending_.clear();
  guides_.clear();
  next_near_.reset();
  routed_.reset();
  next_route_.reset();
  left_near_ = false;
}

// Another try if there is time, else the second place, else the end.
void GetOperation::Inconclusive(Instant now, Carrier& carrier, const absl::Status& why) {
  last_ = why;
  if (plan_.thorough) {
    return Finish(now, carrier, HasWanted() && AtLeastReached() ? absl::OkStatus() : last_);
  }
  if (!first_place_empty_ && now + kPause * 2 < leg_deadline_) {
    Reset();
    next_route_ = now + kPause;
    return;
  }
  if (first_place_empty_ && second_place_ && now + kPause * 2 < deadline_) {
    Reset();
    next_route_ = now + kPause;
    return;
  }
  if (TwoPlaces() && !second_place_ && now < deadline_) {
    NoteVoices();
    second_place_ = true;
    leg_deadline_ = deadline_;
    Reset();
    Begin(now, carrier);
    return;
  }
  // The first place denied it and the second could not be heard.
  Finish(now, carrier, HasWanted() && AtLeastReached() ? absl::OkStatus() : last_);
}

void GetOperation::OnTimeout(Instant now, Carrier& carrier) {
  if (result_) return;
  if (now >= leg_deadline_) {
    if (HasWanted() && AtLeastReached()) {
      Finish(now, carrier, absl::OkStatus());
    } else {
      Inconclusive(now, carrier,
                   last_.ok() ? absl::DeadlineExceededError("nobody answered in time") : last_);
    }
    return;
  }
  if (next_route_ && now >= *next_route_) RouteOn(now, carrier);
  if (!next_near_ || now < *next_near_) return;
  next_near_.reset();
  if (!routed_) LeaveNear(now, carrier);
}

std::optional<Instant> GetOperation::PollTimeout() const {
  if (result_) return std::nullopt;
  return Earliest(Earliest(leg_deadline_, next_route_), next_near_);
}

// Brings the newest to those that answered with less; fire and forget.
void GetOperation::Repair(Instant now, Carrier& carrier) {
  for (const auto& [id, replica] : replicas_) {
    if (!replica.answered) continue;
    StoreRequest request;
    size_t bytes = 0;
    for (const auto& [slot, object] : newest_) {
      const auto row = replica.rows.find(slot);
      if (row != replica.rows.end() && row->second >= object.sequence()) continue;
      bytes += object.bytes().size();
      if (bytes > kMaxObjectBytes || request.replicate().replicas_size() >= kMaxRepairs) break;
      wire::v1::Replica& copy = *request.mutable_replicate()->add_replicas();
      copy.set_place(Place().ToString());
      copy.set_object(ToText(object.bytes()));
    }
    if (request.replicate().replicas_size() == 0) continue;
    counters_.Add("store.read_repairs");
    carrier.Ask(now, replica.record, request, kAskTimeout);
  }
}

void GetOperation::Finish(Instant now, Carrier& carrier, absl::Status status) {
  GetResult result;
  result.status = std::move(status);
  result.hops = hops_;
  result.from = from_;
  result.invalid = invalid_;
  result.heal_first_place = second_place_ && first_place_empty_;
  NoteVoices();
  result.voices = std::move(voices_);
  for (const auto& [id, replica] : replicas_) {
    result.answers += replica.answered ? 1 : 0;
  }
  if (result.status.ok()) {
    Repair(now, carrier);
    std::set<std::string> revoked;
    for (const auto& [slot, object] : newest_) {
      if (object.kind() != wire::v1::OBJECT_KIND_DEVICE_LIST) continue;
      revoked.insert(object.device_list().revoked().begin(), object.device_list().revoked().end());
    }
    for (const auto& [slot, object] : newest_) {
      if (plan_.kind && object.kind() != *plan_.kind) continue;
      const auto floor = plan_.at_least.find(object.slot());
      if (floor != plan_.at_least.end() && object.sequence() < floor->second) {
        ++result.outdated;
        continue;
      }
      if (object.kind() == wire::v1::OBJECT_KIND_USER_STATE &&
          revoked.count(ToText(object.slot())) != 0) {
        counters_.Add("store.dropped_revoked_state");
        continue;
      }
      result.objects.push_back(object);
    }
    if (result.objects.empty()) result.status = absl::NotFoundError("nothing is kept that counts");
  }
  result_ = std::move(result);
}

}  // namespace p2pd::store
