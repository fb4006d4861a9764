#include "libcore/overlay/membership.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/leaf_delta.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

wire::v1::MemberState ToWire(JoinState state, Role role) {
  if (role == Role::kClient) return wire::v1::MEMBER_STATE_CLIENT;
  return state == JoinState::kJoining ? wire::v1::MEMBER_STATE_JOINING
                                      : wire::v1::MEMBER_STATE_ACTIVE;
}

}  // namespace

Membership::Membership(const NodeOptions& options, LinkTable& links, Ring& ring, Liveness& liveness,
                       Exchange& exchange, RecordCache& records, Rng& rng, Counters& counters)
    : options_(options),
      links_(links),
      ring_(ring),
      liveness_(liveness),
      exchange_(exchange),
      records_(records),
      rng_(rng),
      counters_(counters) {}

void Membership::SetState(Instant now, JoinState state) {
  if (state_ == state) return;
  state_ = state;
  state_change_ = state;
  ring_.SetActive(state != JoinState::kJoining);
  if (state == JoinState::kActive) {
    rounds_ = 0;
    next_round_.reset();
    retry_ = kFirstRetry;
    // Whoever came at the same time is known to those beside us, or learns of us there.
    for (const bool clockwise : {false, true}) {
      const std::vector<NodeId>& side = ring_.leaves().Side(clockwise);
      if (!side.empty()) Announce(now, side.front());
    }
  }
}

std::optional<JoinState> Membership::TakeStateChange() {
  return std::exchange(state_change_, std::nullopt);
}

// Coming in.

void Membership::Start(Instant now, const std::vector<net::Endpoint>& bootstrap,
                       const std::vector<NodeRecord>& cache) {
  for (const net::Endpoint& endpoint : bootstrap) {
    if (bootstrap_.size() < kMaxBootstrap) bootstrap_.push_back(endpoint);
  }
  cache_ = cache;
  next_sync_ = now + rng_.Jitter(kSync);
  next_partition_check_ = now + rng_.Jitter(kPartitionCheck);
  if (bootstrap_.empty() && cache_.empty()) {
    ring_.SetActive(true);
    state_change_ = JoinState::kAlone;
    return;
  }
  SetState(now, JoinState::kJoining);
  StartRound(now);
}

void Membership::AddBootstrap(Instant now, const net::Endpoint& endpoint) {
  if (std::count(bootstrap_.begin(), bootstrap_.end(), endpoint) != 0) return;
  if (bootstrap_.size() >= kMaxBootstrap) {
    silent_doors_.erase(bootstrap_.front());
    bootstrap_.erase(bootstrap_.begin());
  }
  bootstrap_.push_back(endpoint);
  Meet(now, endpoint, Opening::kHello);
}

void Membership::Meet(Instant now, const net::Endpoint& endpoint, Opening opening) {
  if (state_ == JoinState::kLeaving || IsMemberEndpoint(endpoint)) return;
  contacting_.insert(endpoint);
  links_.ConnectEndpoint(now, endpoint, opening);
}

bool Membership::IsMemberEndpoint(const net::Endpoint& endpoint) const {
  for (const NodeId& id : ring_.Members()) {
    if (links_.EndpointOf(id) == endpoint) return true;
  }
  return false;
}

void Membership::StartRound(Instant now) {
  ++rounds_;
  if (rounds_ > 1 && state_ == JoinState::kJoining) {
    counters_.Add("overlay.join_retries");
    // Of several that start at once the one with the smallest id founds the ring.
    const bool founder = rounds_ > kAloneAfterRounds && !busy_.empty() &&
                         std::all_of(busy_.begin(), busy_.end(),
                                     [this](const NodeId& id) { return self_->id() < id; });
    const std::vector<NodeId> peers = links_.Peers();
    const bool nobody = std::none_of(peers.begin(), peers.end(),
                                     [this](const NodeId& id) { return links_.Linked(id); });
    if (founder || (nobody && rounds_ > kAloneAfterRounds)) {
      SetState(now, ring_.leaves().size() == 0 ? JoinState::kAlone : JoinState::kActive);
    }
  }
  busy_.clear();
  spare_doors_.clear();
  ContactBootstrap(now, kContactsPerRound);
  next_round_ = now + rng_.Jitter(retry_);
  retry_ = std::min(retry_ * 1.5, kMaxRetry);
}

void Membership::ContactBootstrap(Instant now, size_t count) {
  std::vector<net::Endpoint> endpoints;
  for (const net::Endpoint& endpoint : bootstrap_) {
    const bool useless = state_ != JoinState::kJoining && IsMemberEndpoint(endpoint);
    if (self_endpoints_.count(endpoint) == 0 && !useless) {
      endpoints.push_back(endpoint);
    }
  }
  for (size_t i = 0; i < count && !endpoints.empty(); ++i) {
    const size_t pick = rng_.Below(endpoints.size());
    contacting_.insert(endpoints[pick]);
    links_.ConnectEndpoint(now, endpoints[pick],
                           Opening::kHello);  // a second link, perhaps, but a fresh one
    endpoints.erase(endpoints.begin() + static_cast<std::ptrdiff_t>(pick));
  }
  if (state_ == JoinState::kActive) return;
  if (!cache_.empty()) ContactKnown(now, NodeRecord(cache_[rng_.Below(cache_.size())]));
  ContactRemembered(now);
}

void Membership::ContactKnown(Instant now, const NodeRecord& record) {
  const NodeId& id = record.id();
  if (id == self_->id()) return;
  if (links_.Linked(id)) return ProbeThrough(now, id, state_ == JoinState::kJoining);
  probe_through_.insert(id);
  links_.Connect(now, record);
}

// Whoever was heard of in passing: its ring may have moved apart from ours.
bool Membership::ContactRemembered(Instant now) {
  const NodeId from = rng_.Make<NodeId>();
  if (!unmet_.empty() && rng_.Below(2) == 0) {
    const Contact contact = UnmetFrom(from)->second;
    if (!ring_.Contains(contact.id)) {
      probe_through_.insert(contact.id);
      links_.Connect(now, contact);
      return true;
    }
  }
  const NodeRecord* known = records_.FindFrom(from);
  if (known == nullptr || ring_.Contains(known->id())) return false;
  ContactKnown(now, NodeRecord(*known));
  return true;
}

void Membership::ProbeThrough(Instant now, const NodeId& peer, bool want_leaves) {
  wire::v1::OverlayProbe probe;
  probe.set_want_leaves(want_leaves);
  Exchange::RouteCall call;
  call.key = self_->id();
  call.payload = SerializeProto(probe);
  call.options.timeout = std::max(kProbeTimeout, kProbeTimeouts * links_.TimeoutTo(peer));
  call.skip_origin = true;
  call.through = peer;
  if (want_leaves) next_door_ = now + kDoorPatience;
  probes_[exchange_.Route(now, std::move(call))] = Probe{peer, want_leaves};
}

void Membership::OnProbe(Instant now, const ProbeRequest& request) {
  if (state_ == JoinState::kJoining || options_.role == Role::kClient) {
    exchange_.Answer(now, request.token, AnswerContent{{}, wire::v1::ANSWER_ERROR_BUSY});
    return;
  }
  wire::v1::OverlayProbeAnswer answer;
  if (request.probe.want_leaves()) {
    for (const auto& [id, record] : ring_.leaves().members()) {
      if (id != request.from.id()) answer.add_contacts(ContactOf(record).ToText());
    }
  }
  exchange_.Answer(now, request.token, AnswerContent{SerializeProto(answer)});
}

bool Membership::OnResponse(Instant now, const Response& response) {
  const auto found = probes_.find(response.id);
  if (found == probes_.end()) return false;
  const Probe probe = found->second;
  probes_.erase(found);
  wire::v1::OverlayProbeAnswer answer;
  if (!ParseProto(response.payload, answer)) {
    counters_.Add("overlay.dropped_bad_probe_answer");
    return true;
  }
  // A stranger where our neighbour should be: another ring, or one that moved apart from ours.
  if (!probe.want_leaves && !ring_.leaves().Contains(response.from.id())) {
    ProbeThrough(now, probe.through, true);
    return true;
  }
  answered_ = true;
  Offer(now, response.from, false);
  OfferContacts(now, answer.contacts(), std::nullopt);
  CheckJoined(now);
  return true;
}

bool Membership::OnRequestFailed(Instant now, const RequestFailed& failed) {
  const auto found = probes_.find(failed.id);
  if (found == probes_.end()) return false;
  if (absl::IsResourceExhausted(failed.status)) busy_.insert(found->second.through);
  const bool leaves = found->second.want_leaves;
  probes_.erase(found);
  if (leaves) AskNextDoor(now);
  return true;
}

void Membership::AskNextDoor(Instant now) {
  next_door_.reset();
  while (state_ == JoinState::kJoining && !answered_ && !spare_doors_.empty()) {
    const NodeId next = *spare_doors_.begin();
    spare_doors_.erase(spare_doors_.begin());
    if (!links_.Linked(next)) continue;
    ProbeThrough(now, next, true);
    break;
  }
}

bool Membership::Blocked(Instant now) const {
  return !queries_.empty() ||
         std::any_of(candidates_.begin(), candidates_.end(),
                     [now](const auto& entry) { return entry.second.blocks > now; });
}

void Membership::CheckJoined(Instant now) {
  if (state_ == JoinState::kAlone && ring_.leaves().size() > 0) {
    SetState(now, JoinState::kActive);
    return;
  }
  if (state_ != JoinState::kJoining || !answered_ || ring_.leaves().size() == 0) return;
  if (Blocked(now)) return;
  bool complete = true;
  for (const auto& [id, record] : ring_.leaves().members()) {
    if (confirmed_.count(id) != 0) continue;
    complete = false;
    // It came in by another way, from the table or by its own word; it has to know us too.
    if (candidates_.count(id) != 0) continue;
    candidates_[id].blocks = now + kCandidatePatience;
    candidates_[id].expires = now + kCandidateLifetime;
    AnnounceTo(now, id);
  }
  if (complete) SetState(now, JoinState::kActive);
}

// Links.

void Membership::OnLinkUp(Instant now, const LinkUp& up) {
  unreachable_.erase(up.id);
  died_.erase(up.id);
  unmet_.erase(up.id);
  silent_doors_.erase(up.endpoint);
  ForgetClient(now, up.id);
  const bool wanted = contacting_.erase(up.endpoint) != 0;
  const bool joining = state_ == JoinState::kJoining;
  // Whoever is there first is asked for the leaves; the others only when that fails or takes long.
  if (probe_through_.erase(up.id) != 0 || wanted) {
    if (joining && (answered_ || next_door_)) {
      spare_doors_.insert(up.id);
    } else {
      ProbeThrough(now, up.id, joining);
    }
  }
  const auto candidate = candidates_.find(up.id);
  if (candidate == candidates_.end()) return;
  // Who came to us before we went there announces itself.
  const bool waited = candidate->second.connects != Instant::Max();
  candidate->second.connects = Instant::Max();
  if (!waited || up.initiator) AnnounceTo(now, up.id);
}

void Membership::OnConnectFailed(Instant now, const ConnectFailed& failed) {
  contacting_.erase(failed.endpoint);
  if (failed.self) self_endpoints_.insert(failed.endpoint);
  if (!failed.self && std::count(bootstrap_.begin(), bootstrap_.end(), failed.endpoint) != 0) {
    silent_doors_.insert(failed.endpoint);
  }
  if (!failed.id) return;
  probe_through_.erase(*failed.id);
  const auto candidate = candidates_.find(*failed.id);
  if (candidate == candidates_.end()) {
    NoteUnreachable(now, Contact{*failed.id, {failed.endpoint}});
  } else {
    NoteUnreachable(now, candidate->second.contact);
    candidates_.erase(candidate);
  }
  CheckJoined(now);
}

void Membership::OnConnectDeclined(Instant now, const NodeId& id) {
  candidates_.erase(id);
  CheckJoined(now);
}

void Membership::OnLinkDown(Instant now, const NodeId& id) {
  candidates_.erase(id);
  queries_.erase(id);
  confirmed_.erase(id);
  liveness_.Forget(id);
  if (ring_.Contains(id) && ring_.Remove(now, id, true)) LeafLost(now, id);
  CheckJoined(now);
}

void Membership::OnDead(Instant now, const NodeId& id) {
  const bool after = IsNext(id, false);
  const bool before = IsNext(id, true);
  const bool leaf = ring_.Remove(now, id, true);
  links_.Drop(now, id, false);
  OnLinkDown(now, id);
  if (died_.size() >= kMaxDied) died_.erase(died_.begin());
  died_[id] = now + kUnreachableFor;
  const auto reported = reported_gone_.find(id);
  const bool known = reported != reported_gone_.end() && reported->second > now;
  if (reported != reported_gone_.end()) reported_gone_.erase(reported);
  if (!leaf) return;
  LeafLost(now, id);
  // Whoever found it dead told its own leaves. Who was told does not tell again, but for the two
  // beside the corpse: together they know all its leaves, and the finder, if it stands farther off,
  // does not.
  const LeafSet& leaves = ring_.leaves();
  if (!known) {
    PushGone(now, id, leaves.Ids());
  } else if (after || before) {
    PushGone(now, id, leaves.Side(after));
  }
}

bool Membership::IsNext(const NodeId& id, bool clockwise) const {
  const std::vector<NodeId>& side = ring_.leaves().Side(clockwise);
  return !side.empty() && side.front() == id;
}

void Membership::OnFarewell(Instant now, const NodeId& id) {
  const bool leaf = ring_.Remove(now, id, false);
  links_.Drop(now, id, false);
  OnLinkDown(now, id);
  if (leaf) LeafLost(now, id);
}

// A peer that became a client says farewell, which may be lost; its next link or sync shows it.
void Membership::ForgetClient(Instant now, const NodeId& id) {
  const NodeRecord* record = links_.RecordOf(id);
  if (record == nullptr || record->role() == Role::kPeer || !ring_.Contains(id)) return;
  confirmed_.erase(id);
  if (ring_.Remove(now, id, false)) LeafLost(now, id);
}

// A place in the leaf set is free: the farthest leaf on that side knows who comes next.
void Membership::LeafLost(Instant now, const NodeId& id) {
  LeavesChanged(now);
  for (const NodeId& taken : ring_.TakeRefilled()) untold_.insert(taken);
  if (ring_.leaves().size() == 0 && state_ == JoinState::kActive) {
    // The last one: from the start, without the patience of the partition check.
    SetState(now, JoinState::kAlone);
    return StartRound(now);
  }
  if (ring_.leaves().Whole() || !push_bucket_.TryTake(now, 1)) return;
  const bool clockwise = Clockwise(self_->id(), id) < Clockwise(id, self_->id());
  const NodeId farthest = ring_.leaves().Side(clockwise).back();
  wire::v1::LeafSync sync = MakeSync(farthest);
  sync.set_want_reply(true);
  AddHave(farthest, sync);
  SendSync(now, farthest, std::move(sync));
}

void Membership::PushGone(Instant now, const NodeId& gone, const std::vector<NodeId>& to) {
  if (!push_bucket_.TryTake(now, 1)) return;
  for (const NodeId& id : to) {
    wire::v1::LeafSync sync = MakeSync(id);
    sync.add_gone(Head(gone));
    SendSync(now, id, std::move(sync), Weight::kNote);
  }
}

void Membership::LeavesChanged(Instant now) {
  sync_ = kSync;
  if (next_sync_) next_sync_ = std::min(*next_sync_, now + rng_.Jitter(kSync));
}

// Leaf sync.

wire::v1::LeafSync Membership::MakeSync(const NodeId& to) const {
  wire::v1::LeafSync sync;
  sync.set_state(ToWire(state_, options_.role));
  sync.set_shared_hash(SharedWith(to).hash);
  sync.set_coordinate(place_);
  return sync;
}

void Membership::AddHave(const NodeId& to, wire::v1::LeafSync& sync) {
  const auto salt = static_cast<uint16_t>(rng_.Next());
  sync.set_salt(salt);
  sync.set_have(LeafFingerprints(SharedWith(to).ids, salt));
}

bool Membership::Compare(const NodeId& from, const wire::v1::LeafSync& sync,
                         wire::v1::LeafSync& reply) {
  const NamedLeaves named(sync.have(), sync.salt());
  for (const NodeId& id : SharedWith(from).ids) {
    const NodeRecord* leaf = ring_.leaves().Find(id);
    if (leaf == nullptr || id == from || named.Has(id)) continue;
    reply.add_contacts(ContactOf(*leaf).ToText());
  }
  std::vector<NodeId> known = Coming();
  for (const auto& [id, leaf] : ring_.leaves().members()) known.push_back(id);
  for (const auto& [id, until] : died_) {
    known.push_back(id);
    if (reply.gone_size() < kMaxGone && named.Has(id)) reply.add_gone(Head(id));
  }
  for (const auto& [id, entry] : unreachable_) known.push_back(id);
  known.push_back(self_->id());
  known.push_back(from);
  return named.HasOtherThan(known);
}

void Membership::SendSync(Instant now, const NodeId& to, wire::v1::LeafSync sync, Weight weight) {
  wire::v1::OverlayMessage message;
  *message.mutable_leaf_sync() = std::move(sync);
  Bytes bytes = SerializeProto(message);
  if (weight == Weight::kNote) {
    links_.Note(now, to, Purpose::kMembership, std::move(bytes));
  } else {
    links_.Send(now, to, Purpose::kMembership, std::move(bytes));
  }
}

void Membership::Announce(Instant now, const NodeId& to, Weight weight) {
  wire::v1::LeafSync sync = MakeSync(to);
  sync.set_want_reply(true);
  // Who is new lacks more than whom it asks.
  if (state_ == JoinState::kJoining) AddHave(to, sync);
  SendSync(now, to, std::move(sync), weight);
}

void Membership::AnnounceTo(Instant now, const NodeId& id) {
  Candidate& candidate = candidates_.at(id);
  Announce(now, id, Weight::kNote);
  const absl::Duration patience = std::max(links_.TimeoutTo(id), kAnnounceAgain);
  candidate.announces =
      ++candidate.announcements < kMaxAnnouncements ? now + patience : Instant::Max();
}

void Membership::AnnounceRecord(Instant now) {
  for (const NodeId& id : links_.Peers()) {
    if (!links_.Linked(id)) continue;
    wire::v1::LeafSync sync = MakeSync(id);
    sync.set_record(ToText(self_->bytes()));
    SendSync(now, id, std::move(sync));
  }
}

void Membership::OnLeafSync(Instant now, const NodeId& from, const net::Endpoint& endpoint,
                            const wire::v1::LeafSync& sync) {
  if (sync.have().size() > 2 * kMaxHints || sync.gone_size() > kMaxGone) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  if (!sync.record().empty()) {
    const std::optional<NodeRecord> record = records_.Parse(AsBytes(sync.record()));
    if (record && record->id() == from) links_.UpdateRecord(*record);
    ForgetClient(now, from);
  }
  const bool met = ring_.Contains(from);
  untold_.erase(from);
  const bool known = candidates_.erase(from) != 0 || met;
  const bool member = sync.state() == wire::v1::MEMBER_STATE_JOINING ||
                      sync.state() == wire::v1::MEMBER_STATE_ACTIVE;
  if (state_ == JoinState::kLeaving) return;
  if (member) {
    // Whoever names himself a member has heard of us or is about to: both sides hold each other.
    if (known || sync.want_reply()) confirmed_.insert(from);
    if (ring_.Consider(now, from)) LeavesChanged(now);
  }
  OfferContacts(now, sync.contacts(), std::nullopt);
  TakeReportedGone(now, sync);
  AnswerSync(now, from, endpoint, sync);
  CheckJoined(now);
}

void Membership::AnswerSync(Instant now, const NodeId& from, const net::Endpoint& endpoint,
                            const wire::v1::LeafSync& sync) {
  wire::v1::LeafSync reply = MakeSync(from);
  // Also who takes us for a leaf while we know nearer ones.
  bool lacking = sync.shared_hash() != reply.shared_hash() && sync.want_reply();
  if (!sync.have().empty()) {
    lacking = Compare(from, sync, reply) && !sync.answers_have();
    reply.set_answers_have(true);
  }
  if (lacking) AddHave(from, reply);
  if (sync.want_reply()) {
    if (!IsDetour(endpoint)) reply.set_observed(ToText(endpoint.ToBytes()));
    if (sync.state() == wire::v1::MEMBER_STATE_JOINING) reply.set_radius(radius_);
  } else if (!lacking && reply.contacts_size() == 0 && reply.gone_size() == 0) {
    const bool news = !sync.have().empty() || sync.contacts_size() > 0 || sync.gone_size() > 0;
    const bool agree = sync.shared_hash() == reply.shared_hash();
    // Both know the same: less often from now on.
    if (!news && agree && ring_.leaves().Contains(from)) sync_ = std::min(sync_ * 2, kMaxSync);
    return;
  }
  SendSync(now, from, std::move(reply), Weight::kNote);
}

void Membership::TakeReportedGone(Instant now, const wire::v1::LeafSync& sync) {
  for (const uint64_t head : sync.gone()) {
    const NodeRecord* member = ring_.FindHead(head);
    const std::optional<Instant> heard =
        member != nullptr ? links_.LastHeard(member->id()) : std::nullopt;
    if (!heard) continue;
    const NodeId id = member->id();
    reported_gone_[id] = now + kReportLifetime;
    liveness_.OnReport(now, id);
  }
}

void Membership::SyncRandomLeaf(Instant now) {
  next_sync_ = now + rng_.Jitter(sync_);
  const auto& members = ring_.leaves().members();
  if (members.empty()) return;
  NodeId to =
      std::next(members.begin(), static_cast<std::ptrdiff_t>(rng_.Below(members.size())))->first;
  std::erase_if(untold_, [this](const NodeId& id) { return !ring_.leaves().Contains(id); });
  if (!untold_.empty()) to = *untold_.begin();
  wire::v1::LeafSync sync = MakeSync(to);
  sync.set_want_reply(true);
  SendSync(now, to, std::move(sync));
}

// A ring that split heals through those whom we took for dead, and through bootstrap nodes (Rhea et
// al. 2004 run the same check every 60 s).
void Membership::CheckPartition(Instant now) {
  next_partition_check_ = now + rng_.Jitter(kPartitionCheck * calm_);
  const std::vector<NodeRecord> dead = ring_.Dead(now);
  switch (rng_.Below(3)) {
    case 0:
      return ContactBootstrap(now, 1);
    case 1:
      if (!ContactRemembered(now) && !silent_doors_.empty()) ContactBootstrap(now, 1);
      return;
    default:
      if (dead.empty()) return ContactBootstrap(now, 1);
      ContactKnown(now, dead[rng_.Below(dead.size())]);
  }
}

void Membership::Leave(Instant now) {
  SetState(now, JoinState::kLeaving);
  exchange_.Close();
  SayFarewell(now);
  next_round_.reset();
  next_sync_.reset();
  next_partition_check_.reset();
}

void Membership::SayFarewell(Instant now) {
  wire::v1::OverlayMessage message;
  message.mutable_farewell();
  const Bytes bytes = SerializeProto(message);
  for (const NodeId& id : links_.Peers()) {
    if (!links_.Linked(id)) continue;
    links_.Send(now, id, Purpose::kMembership, bytes);
    links_.Drop(now, id, true);
  }
}

void Membership::ChangeRole(Instant now, Role role) {
  options_.role = role;
  if (state_ == JoinState::kLeaving) return;
  cache_.clear();
  for (const NodeId& id : ring_.Members()) {
    const NodeRecord* record = links_.RecordOf(id);
    if (record != nullptr && cache_.size() < kMaxBootstrap) cache_.push_back(*record);
    ring_.Remove(now, id, false);
  }
  ring_.SetRole(role);
  SayFarewell(now);
  candidates_.clear();
  queries_.clear();
  confirmed_.clear();
  answered_ = false;
  rounds_ = 0;
  retry_ = kFirstRetry;
  SetState(now, JoinState::kJoining);
  StartRound(now);
}

// Time.

void Membership::OnTimeout(Instant now) {
  last_step_ = now;
  std::erase_if(candidates_, [&](const auto& entry) {
    if (entry.second.expires > now) return false;
    // It heard of us and said nothing. Its link may go through a third that is gone; a dead link
    // would be in the way of a new one.
    if (entry.second.announcements > 0) liveness_.Suspect(now, entry.first);
    return true;
  });
  std::erase_if(queries_, [now](const auto& entry) { return entry.second.expires <= now; });
  std::erase_if(reported_gone_, [now](const auto& entry) { return entry.second <= now; });
  std::erase_if(died_, [now](const auto& entry) { return entry.second <= now; });
  std::erase_if(unreachable_, [now](const auto& entry) { return entry.second.until <= now; });
  for (auto& [id, candidate] : candidates_) {
    if (candidate.connects > now) continue;
    candidate.connects = Instant::Max();
    links_.Connect(now, candidate.contact);
  }
  for (auto& [id, candidate] : candidates_) {
    if (candidate.announces <= now) AnnounceTo(now, id);
  }
  CheckJoined(now);
  if (next_door_ && *next_door_ <= now) AskNextDoor(now);
  if (next_round_ && *next_round_ <= now) StartRound(now);
  if (next_sync_ && *next_sync_ <= now) SyncRandomLeaf(now);
  if (next_partition_check_ && *next_partition_check_ <= now) CheckPartition(now);
}

std::optional<Instant> Membership::PollTimeout() const {
  std::optional<Instant> out = Earliest(next_round_, Earliest(next_sync_, next_partition_check_));
  out = Earliest(out, next_door_);
  Instant soonest = Instant::Max();
  for (const auto& [id, candidate] : candidates_) {
    const bool blocks = state_ == JoinState::kJoining && candidate.blocks > last_step_;
    soonest = std::min({soonest, blocks ? candidate.blocks : candidate.expires, candidate.connects,
                        candidate.announces});
  }
  for (const auto& [id, query] : queries_) soonest = std::min(soonest, query.expires);
  return soonest == Instant::Max() ? out : Earliest(out, soonest);
}

}  // namespace p2pd::overlay
