#include "libcore/node/node.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/net/demux.h"
#include "libcore/overlay/detour_path.h"

namespace p2pd::node {
namespace {

constexpr absl::string_view kKeysBlob = "node/keys";
constexpr absl::string_view kEpochBlob = "node/epoch";
constexpr absl::string_view kCacheBlob = "node/bootstrap-cache";
// How often the bootstrap cache is written: what is lost in a crash is at most this old.
constexpr absl::Duration kCacheInterval = absl::Minutes(5);
// What a drain waits for offline states to be acknowledged; beyond it we go and they expire.
constexpr absl::Duration kDrainLimit = absl::Seconds(5);
// Answers of events within one turn; more means two machines that feed each other.
constexpr int kTurnsMax = 10000;
// A raw value leaves room for its frame within an object of 64 KiB.
constexpr size_t kMaxRaw = 60 * 1024;
constexpr absl::Duration kMaxRawTtl = absl::Hours(7 * 24);

absl::StatusOr<overlay::NodeKeys> LoadKeys(Storage& storage, Rng& rng) {
  const absl::StatusOr<Bytes> blob = storage.ReadSecret(kKeysBlob);
  if (blob.ok()) {
    const SecretBytes secret(*blob);
    std::optional<overlay::NodeKeys> keys = overlay::NodeKeys::FromSecret(secret.view());
    if (!keys) {
      return absl::DataLossError(
          absl::StrCat(storage.TitleOf(kKeysBlob),
                       " is damaged: restore it, or remove it and the node gets a new id"));
    }
    return *std::move(keys);
  }
  if (!absl::IsNotFound(blob.status())) return blob.status();
  overlay::NodeKeys keys = overlay::NodeKeys::Generate(rng);
  P2PD_RETURN_IF_ERROR(storage.Write(kKeysBlob, keys.ToSecret().view(), FileMode::kSecret));
  return keys;
}

// Larger than at any earlier start even if the wall clock went back.
absl::StatusOr<uint64_t> NextEpoch(Storage& storage, absl::Time wall) {
  uint64_t last = 0;
  const absl::StatusOr<Bytes> blob = storage.Read(kEpochBlob);
  if (blob.ok()) {
    if (!absl::SimpleAtoi(AsText(*blob), &last)) last = 0;
  } else if (!absl::IsNotFound(blob.status())) {
    return blob.status();
  }
  const uint64_t epoch = std::max(last + 1, static_cast<uint64_t>(absl::ToUnixMillis(wall)));
  P2PD_RETURN_IF_ERROR(storage.Write(kEpochBlob, AsBytes(absl::StrCat(epoch)), FileMode::kPublic));
  return epoch;
}

overlay::NodeOptions OverlayOptions(const NodeOptions& options, uint64_t epoch) {
  overlay::NodeOptions out;
  out.addresses = options.addresses;
  out.role = options.role;
  out.epoch = epoch;
  out.maintenance_bytes_per_second = options.maintenance_bytes_per_second;
  out.passage_bytes_per_second = options.relay_bytes_per_second;
  return out;
}

store::StoreOptions StoreOptionsOf(const NodeOptions& options) {
  store::StoreOptions out;
  out.max_bytes = options.store_max_bytes;
  return out;
}

session::SessionOptions SessionOptionsOf(const NodeOptions& options) {
  session::SessionOptions out;
  out.strict_revocation = options.strict_revocation;
  return out;
}

presence::PresenceOptions PresenceOptionsOf(const NodeOptions& options) {
  presence::PresenceOptions out;
  out.state_lifetime = options.state_lifetime;
  out.device_label = options.device_label;
  out.strict_revocation = options.strict_revocation;
  return out;
}

session::CallOptions CallOptionsOf(const NodeOptions& options) {
  session::CallOptions out;
  out.ring_timeout = options.ring_timeout;
  return out;
}

absl::string_view JoinWord(overlay::JoinState state) {
  switch (state) {
    case overlay::JoinState::kAlone:
      return "alone";
    case overlay::JoinState::kJoining:
      return "joining";
    case overlay::JoinState::kActive:
      return "active";
    case overlay::JoinState::kLeaving:
      return "leaving";
  }
  return "";
}

}  // namespace

class Node::Impl {
 public:
  Impl(const NodeOptions& options, const Parts& parts, Instant now, const overlay::NodeKeys& keys,
       uint64_t epoch);

  absl::Status Start(Instant now);
  void Drain(Instant now);
  bool Drained(Instant now) const;
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  // Tells whoever looks for us when the ways to us are others than before.
  void PublishWays(Instant now);
  // Hands every event to whom it belongs until all is quiet.
  void Pump(Instant now);

  OperationId Track(presence::OperationId id) { return presence_operations_[id] = NextOperation(); }
  OperationId Track(store::OperationId id) { return store_operations_[id] = NextOperation(); }
  OperationId Track(overlay::RequestId id) { return route_operations_[id] = NextOperation(); }

  NodeOptions options_;
  Parts parts_;
  Counters counters_;
  std::unique_ptr<pki::Crypto> crypto_;
  pki::TrustStore trust_;
  overlay::Node overlay_;
  store::Store store_;
  session::Sessions sessions_;
  session::Calls calls_;
  Paths paths_;
  presence::Presence presence_;
  EventLog events_;
  CallDesk desk_;
  std::deque<Completed> completed_;
  const overlay::NodeKeys keys_;
  std::set<overlay::Service> served_;
  std::deque<overlay::IncomingRequest> requests_;
  std::deque<Node::RelayedMedia> relayed_media_;
  std::vector<net::Endpoint> addresses_;  // the machine's own

 private:
  OperationId NextOperation() { return last_operation_ = last_operation_.Next(); }
  bool TurnOverlay(Instant now);
  bool TurnStore(Instant now);
  bool TurnSessions(Instant now);
  bool TurnCalls(Instant now);
  bool TurnPaths(Instant now);
  bool TurnPresence(Instant now);
  void OnOverlayEvent(Instant now, const overlay::Event& event);
  void OnStoreEvent(Instant now, const store::Event& event);
  void OnPresenceEvent(Instant now, const presence::Event& event);
  void OnPassage(Instant now, overlay::PassageReceived passage);
  void OnRoute(const overlay::Response& response);
  void SaveCache();

  // Where others are told that we are.
  std::vector<net::Endpoint> published_ = addresses_;
  std::vector<overlay::DetourPath> published_ways_;
  OperationId last_operation_;
  std::map<presence::OperationId, OperationId> presence_operations_;
  std::map<store::OperationId, OperationId> store_operations_;
  std::map<overlay::RequestId, OperationId> route_operations_;
  std::optional<Instant> save_cache_at_;
  std::optional<Instant> drain_until_;
  bool left_ = false;
};

Node::Impl::Impl(const NodeOptions& options, const Parts& parts, Instant now,
                 const overlay::NodeKeys& keys, uint64_t epoch)
    : options_(options),
      parts_(parts),
      crypto_(pki::Crypto::Create(parts.rng)),
      overlay_(OverlayOptions(options, epoch), keys, parts.rng, counters_),
      store_(StoreOptionsOf(options), overlay_, parts.table, parts.wall, parts.rng, counters_),
      sessions_(SessionOptionsOf(options), trust_, *crypto_, parts.wall, parts.rng, counters_,
                parts.wall.At(now)),
      calls_(CallOptionsOf(options), sessions_, parts.wall, parts.rng, counters_),
      paths_(Paths::Parts{sessions_, calls_, overlay_, parts.rng, counters_}),
      presence_(PresenceOptionsOf(options),
                presence::Presence::Parts{overlay_, store_, sessions_, parts.storage, *crypto_,
                                          trust_, parts.wall, parts.rng, counters_}),
      events_(epoch),
      desk_(CallDesk::Options{options.ring, options.answering, options.follow_transfers,
                              options.rekey, options.media},
            CallDesk::Parts{sessions_, calls_, presence_, paths_, events_, parts.wall, parts.rng,
                            counters_}),
      keys_{keys.signing_key.Clone(), keys.sealing_key.Clone()},
      addresses_(options.addresses) {
  paths_.SetAddresses(now, addresses_);
}

absl::Status Node::Impl::Start(Instant now) {
  P2PD_RETURN_IF_ERROR(presence_.Load(now));
  Bytes cache;
  const absl::StatusOr<Bytes> kept = parts_.storage.Read(kCacheBlob);
  if (kept.ok()) cache = *kept;
  overlay_.Start(now, options_.bootstrap, cache);
  save_cache_at_ = now + kCacheInterval;
  Pump(now);
  return absl::OkStatus();
}

void Node::Impl::SaveCache() {
  const absl::Status saved =
      parts_.storage.Write(kCacheBlob, overlay_.SaveCache(), FileMode::kPublic);
  if (!saved.ok()) P2PD_LOG(node, kWarn, "cannot keep the bootstrap cache: ", saved.message());
}

void Node::Impl::Drain(Instant now) {
  if (drain_until_) return;
  drain_until_ = now + kDrainLimit;
  SaveCache();
  desk_.HangUpAll(now);
  presence_.Farewell(now);
  Pump(now);
}

bool Node::Impl::Drained(Instant) const { return left_; }

void Node::Impl::OnTimeout(Instant now) {
  overlay_.OnTimeout(now);
  store_.OnTimeout(now);
  sessions_.OnTimeout(now);
  calls_.OnTimeout(now);
  presence_.OnTimeout(now);
  paths_.OnTimeout(now);
  desk_.OnTimeout(now);
  PublishWays(now);
  if (save_cache_at_ && now >= *save_cache_at_) {
    save_cache_at_ = now + kCacheInterval;
    SaveCache();
  }
  Pump(now);
}

std::optional<Instant> Node::Impl::PollTimeout() const {
  std::optional<Instant> next = Earliest(overlay_.PollTimeout(), store_.PollTimeout());
  next = Earliest(next, sessions_.PollTimeout());
  next = Earliest(next, calls_.PollTimeout());
  next = Earliest(next, presence_.PollTimeout());
  next = Earliest(next, desk_.PollTimeout());
  next = Earliest(next, paths_.PollTimeout());
  next = Earliest(next, save_cache_at_);
  return left_ ? next : Earliest(next, drain_until_);
}

void Node::Impl::Pump(Instant now) {
  for (int turn = 0;; ++turn) {
    P2PD_CHECK(turn < kTurnsMax);
    bool busy = TurnOverlay(now);
    busy = TurnStore(now) || busy;
    busy = TurnSessions(now) || busy;
    busy = TurnCalls(now) || busy;
    busy = TurnPaths(now) || busy;
    busy = TurnPresence(now) || busy;
    if (!busy) break;
  }
  if (drain_until_ && !left_ && (presence_.PendingFarewells() == 0 || now >= *drain_until_)) {
    left_ = true;
    overlay_.Leave(now);
  }
}

bool Node::Impl::TurnOverlay(Instant now) {
  bool any = false;
  while (const std::optional<overlay::Event> event = overlay_.PollEvent()) {
    any = true;
    OnOverlayEvent(now, *event);
  }
  return any;
}

void Node::Impl::OnOverlayEvent(Instant now, const overlay::Event& event) {
  if (const auto* passage = std::get_if<overlay::PassageReceived>(&event)) {
    OnPassage(now, *passage);
  } else if (const auto* request = std::get_if<overlay::IncomingRequest>(&event)) {
    if (request->service == overlay::Service::kStore) {
      store_.OnRequest(now, *request);
    } else if (served_.contains(request->service) && requests_.size() < Node::kMaxRequests) {
      requests_.push_back(*request);
    } else {
      // A lookup of the API asks for nothing but who answers; services that nobody offers answer
      // the same.
      overlay_.Answer(now, request->token, Bytes());
    }
  } else if (const auto* response = std::get_if<overlay::Response>(&event)) {
    if (store_.Owns(response->id)) {
      store_.OnResponse(now, *response);
    } else {
      OnRoute(*response);
    }
  } else if (const auto* failed = std::get_if<overlay::RequestFailed>(&event)) {
    if (store_.Owns(failed->id)) {
      store_.OnRequestFailed(now, *failed);
    } else if (auto found = route_operations_.extract(failed->id)) {
      Completed completed;
      completed.id = found.mapped();
      completed.status = failed->status;
      completed_.push_back(std::move(completed));
    }
  } else if (const auto* found = std::get_if<overlay::ReplicasFound>(&event)) {
    store_.OnReplicasFound(now, *found);
  } else if (const auto* changed = std::get_if<overlay::LeafSetChanged>(&event)) {
    store_.OnLeafSetChanged(now, *changed);
    events_.Add(Topic::kOverlay, "",
                absl::StrCat("neighbours: ", changed->joined.size(), " came, ",
                             changed->left.size(), " went"),
                parts_.wall.At(now));
  } else if (const auto* joined = std::get_if<overlay::JoinStateChanged>(&event)) {
    presence_.OnJoinStateChanged(now, joined->state);
    events_.Add(Topic::kOverlay, "", std::string(JoinWord(joined->state)), parts_.wall.At(now));
    P2PD_LOG(node, kInfo, "overlay: ", JoinWord(joined->state));
  }
}

void Node::Impl::OnPassage(Instant now, overlay::PassageReceived passage) {
  switch (net::Classify(passage.datagram)) {
    case net::DatagramKind::kSession:
      return sessions_.OnDatagram(now, passage.from, passage.datagram);
    case net::DatagramKind::kStun:
      return paths_.OnDatagram(now, passage.from, passage.datagram);
    case net::DatagramKind::kRtp:
    case net::DatagramKind::kRtcp:
      if (relayed_media_.size() >= Node::kMaxRelayed) {
        return counters_.Add("node.dropped_relayed_media");
      }
      relayed_media_.push_back({passage.from, std::move(passage.datagram)});
      return;
    case net::DatagramKind::kDtls:
    case net::DatagramKind::kTurn:
    case net::DatagramKind::kOverlay:
    case net::DatagramKind::kUnknown:
      break;
  }
  counters_.Add("node.dropped_passages");
}

void Node::Impl::PublishWays(Instant now) {
  std::vector<net::Endpoint> reached = addresses_;
  if (const auto seen = overlay_.ObservedAddress();
      seen && std::find(reached.begin(), reached.end(), *seen) == reached.end()) {
    if (reached.size() >= overlay::NodeRecord::kMaxAddresses) reached.pop_back();
    reached.insert(reached.begin(), *seen);
  }
  std::vector<overlay::DetourPath> ways = overlay_.Ways();
  if (reached == published_ && ways == published_ways_) return;
  published_ = reached;
  published_ways_ = std::move(ways);
  presence_.SetAddresses(now, published_);
}

void Node::Impl::OnRoute(const overlay::Response& response) {
  auto found = route_operations_.extract(response.id);
  if (!found) return;
  Completed completed;
  completed.id = found.mapped();
  completed.route = response;
  completed.trace = overlay_.TraceOf(response.id);
  completed_.push_back(std::move(completed));
}

bool Node::Impl::TurnStore(Instant now) {
  bool any = false;
  while (const std::optional<store::Event> event = store_.PollEvent()) {
    any = true;
    OnStoreEvent(now, *event);
  }
  return any;
}

void Node::Impl::OnStoreEvent(Instant now, const store::Event& event) {
  if (presence_.OnStoreEvent(now, event)) return;
  Completed completed;
  store::OperationId id;
  if (const auto* put = std::get_if<store::PutDone>(&event)) {
    id = put->id;
    completed.status = put->status;
    completed.put = *put;
  } else if (const auto* get = std::get_if<store::GetDone>(&event)) {
    id = get->id;
    completed.status = get->status;
    completed.get = *get;
  } else if (const auto* removed = std::get_if<store::RemoveDone>(&event)) {
    id = removed->id;
    completed.status = removed->status;
  }
  auto found = store_operations_.extract(id);
  if (!found) return;
  completed.id = found.mapped();
  completed_.push_back(std::move(completed));
}

bool Node::Impl::TurnSessions(Instant now) {
  bool any = false;
  while (const std::optional<session::Event> event = sessions_.PollEvent()) {
    any = true;
    if (const auto* moved = std::get_if<session::RemoteMoved>(&*event))
      desk_.OnRemoteMoved(now, *moved);
    if (calls_.OnSessionEvent(now, *event) || presence_.OnSessionEvent(now, *event)) continue;
    if (const auto* hello = std::get_if<session::IncomingHello>(&*event)) {
      counters_.Add("node.refused_purpose");
      sessions_.Refuse(now, hello->id, session::EndReason::kRefusedByPolicy);
    }
  }
  return any;
}

bool Node::Impl::TurnCalls(Instant now) {
  bool any = false;
  while (const std::optional<session::CallEvent> event = calls_.PollEvent()) {
    any = true;
    desk_.OnCallEvent(now, *event);
  }
  return any;
}

bool Node::Impl::TurnPaths(Instant now) {
  bool any = false;
  while (const std::optional<PathChanged> changed = paths_.PollEvent()) {
    any = true;
    desk_.OnPath(now, *changed);
  }
  return any;
}

bool Node::Impl::TurnPresence(Instant now) {
  bool any = false;
  while (const std::optional<presence::Event> event = presence_.PollEvent()) {
    any = true;
    OnPresenceEvent(now, *event);
  }
  return any;
}

void Node::Impl::OnPresenceEvent(Instant now, const presence::Event& event) {
  if (const auto* done = std::get_if<presence::OperationDone>(&event)) {
    if (desk_.OnPresence(now, *done)) return;
    auto found = presence_operations_.extract(done->id);
    if (!found) return;
    Completed completed;
    completed.id = found.mapped();
    completed.status = done->status;
    completed.presence = *done;
    completed_.push_back(std::move(completed));
  } else if (const auto* identity = std::get_if<presence::IdentityChanged>(&event)) {
    events_.Add(Topic::kIdentity, identity->email, "changed", parts_.wall.At(now));
    desk_.OnIdentityChanged(now, identity->email);
  } else if (const auto* contact = std::get_if<presence::ContactChanged>(&event)) {
    events_.Add(Topic::kContact, absl::StrCat(contact->as, "/", contact->email),
                contact->removed ? "removed" : "changed", parts_.wall.At(now));
  }
}

absl::StatusOr<std::unique_ptr<Node>> Node::Create(const NodeOptions& options, const Parts& parts,
                                                   Instant now) {
  P2PD_ASSIGN_OR_RETURN(const overlay::NodeKeys keys, LoadKeys(parts.storage, parts.rng));
  P2PD_ASSIGN_OR_RETURN(const uint64_t epoch, NextEpoch(parts.storage, parts.wall.At(now)));
  return std::unique_ptr<Node>(new Node(std::make_unique<Impl>(options, parts, now, keys, epoch)));
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

absl::Status Node::Start(Instant now) { return impl_->Start(now); }
void Node::Drain(Instant now) { impl_->Drain(now); }
bool Node::Drained() const { return impl_->Drained(Instant()); }

void Node::SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses) {
  impl_->addresses_ = addresses;
  impl_->overlay_.SetAddresses(now, addresses);
  impl_->PublishWays(now);
  impl_->sessions_.OnNetworkChanged(now);
  impl_->paths_.SetAddresses(now, addresses);
  impl_->Pump(now);
}

void Node::AddBootstrap(Instant now, const net::Endpoint& endpoint) {
  impl_->overlay_.AddBootstrap(now, endpoint);
  impl_->Pump(now);
}

void Node::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const net::DatagramKind kind = net::Classify(datagram);
  if (overlay::IsDetour(from)) {
    // No socket has such an address; a way through another is the overlay's word alone.
    impl_->counters_.Add("net.dropped_bad_source");
    return;
  }
  if (kind == net::DatagramKind::kStun) {
    impl_->paths_.OnDatagram(now, from, datagram);
  } else if (kind == net::DatagramKind::kOverlay) {
    impl_->overlay_.OnDatagram(now, from, datagram);
  } else if (kind == net::DatagramKind::kSession) {
    impl_->sessions_.OnDatagram(now, from, datagram);
  } else {
    impl_->counters_.Add("net.dropped_unknown_kind");
    return;
  }
  impl_->Pump(now);
}

void Node::OnMedia(Instant now, const MediaReport& report) {
  impl_->desk_.OnMedia(now, report);
  impl_->Pump(now);
}

void Node::OnTimeout(Instant now) { impl_->OnTimeout(now); }

std::optional<net::Transmit> Node::PollTransmit(Instant now) {
  for (;;) {
    std::optional<net::Transmit> transmit = impl_->sessions_.PollTransmit(now);
    if (!transmit) transmit = impl_->paths_.PollTransmit();
    if (!transmit) return impl_->overlay_.PollTransmit(now);
    const std::optional<overlay::DetourPath> way = overlay::DetourPath::From(transmit->to);
    if (!way) return transmit;
    impl_->overlay_.SendPassage(now, *way, transmit->datagram);
  }
}

std::optional<Node::RelayedMedia> Node::PollRelayedMedia() {
  if (impl_->relayed_media_.empty()) return std::nullopt;
  RelayedMedia out = std::move(impl_->relayed_media_.front());
  impl_->relayed_media_.pop_front();
  return out;
}

void Node::SendRelayedMedia(Instant now, const net::Endpoint& to, ByteView datagram) {
  if (const auto way = overlay::DetourPath::From(to))
    impl_->overlay_.SendPassage(now, *way, datagram);
}

std::optional<Instant> Node::PollTimeout() const { return impl_->PollTimeout(); }

std::optional<Completed> Node::PollCompleted() {
  if (impl_->completed_.empty()) return std::nullopt;
  std::optional<Completed> completed(std::move(impl_->completed_.front()));
  impl_->completed_.pop_front();
  return completed;
}

std::optional<MediaCommand> Node::PollMedia() { return impl_->desk_.PollMedia(); }
const EventLog& Node::events() const { return impl_->events_; }

OperationId Node::Lookup(Instant now, const overlay::Key& key, bool trace) {
  overlay::RouteOptions options;
  options.trace = trace;
  const OperationId id = impl_->Track(
      impl_->overlay_.Route(now, key, overlay::Service::kApplication, Bytes(), options));
  impl_->Pump(now);
  return id;
}

absl::StatusOr<OperationId> Node::PutRaw(Instant now, const overlay::Key& key, ByteView data,
                                         absl::Duration ttl, ByteView secret) {
  if (data.size() > kMaxRaw) {
    return absl::InvalidArgumentError(
        absl::StrCat("a value has at most ", kMaxRaw, " bytes, this has ", data.size()));
  }
  if (ttl < absl::Seconds(1) || ttl > kMaxRawTtl) {
    return absl::InvalidArgumentError("the time to live is between 1 second and 7 days");
  }
  Bytes secret_hash;
  if (!secret.empty()) secret_hash = ToBytes(pki::Sha256(secret).view());
  const absl::Time wall = impl_->parts_.wall.At(now);
  P2PD_ASSIGN_OR_RETURN(const store::Object object,
                        store::MakeRaw(key, data, secret_hash, wall + ttl, wall));
  const OperationId id = impl_->Track(impl_->store_.Put(now, object));
  impl_->Pump(now);
  return id;
}

OperationId Node::Get(Instant now, const overlay::Key& key) {
  const OperationId id = impl_->Track(impl_->store_.Get(now, key, store::GetOptions()));
  impl_->Pump(now);
  return id;
}

OperationId Node::RemoveRaw(Instant now, const overlay::Key& key,
                            const pki::Sha256Digest& data_digest, ByteView secret) {
  const OperationId id = impl_->Track(impl_->store_.RemoveRaw(now, key, data_digest, secret));
  impl_->Pump(now);
  return id;
}

absl::StatusOr<OperationId> Node::OfferService(Instant now, const ServiceOffer& offer) {
  const absl::Time wall = impl_->parts_.wall.At(now);
  wire::v1::ServiceBody body;
  body.set_name(offer.name);
  body.set_node_record(ToText(impl_->overlay_.self().bytes()));
  body.set_description(ToText(offer.description));
  body.set_sequence(offer.sequence);
  body.set_expires(absl::ToUnixSeconds(wall + offer.lifetime));
  P2PD_ASSIGN_OR_RETURN(const store::Object object, store::MakeService(impl_->keys_, body, wall));
  const OperationId id = impl_->Track(impl_->store_.Put(now, object));
  impl_->store_.KeepAlive(now, object);
  impl_->Pump(now);
  return id;
}

OperationId Node::FindService(Instant now, absl::string_view name) {
  store::GetOptions options;
  options.kind = store::ObjectKind::OBJECT_KIND_SERVICE;
  const OperationId id = impl_->Track(impl_->store_.Get(now, store::ServiceKey(name), options));
  impl_->Pump(now);
  return id;
}

OperationId Node::AskNode(Instant now, const overlay::NodeRecord& peer, overlay::Service service,
                          Bytes payload, absl::Duration timeout) {
  // Nobody waits for it at a telephone.
  const OperationId id = impl_->Track(
      impl_->overlay_.Ask(now, peer, service, std::move(payload), timeout, /*repair=*/true));
  impl_->Pump(now);
  return id;
}

void Node::Serve(overlay::Service service) { impl_->served_.insert(service); }

std::optional<overlay::IncomingRequest> Node::PollRequest() {
  if (impl_->requests_.empty()) return std::nullopt;
  std::optional<overlay::IncomingRequest> out(std::move(impl_->requests_.front()));
  impl_->requests_.pop_front();
  return out;
}

void Node::Answer(Instant now, overlay::AnswerToken token, Bytes payload) {
  impl_->overlay_.Answer(now, token, std::move(payload));
  impl_->Pump(now);
}

OperationId Node::Login(Instant now, absl::string_view email) {
  const OperationId id = impl_->Track(impl_->presence_.Login(now, email));
  impl_->Pump(now);
  return id;
}

OperationId Node::Logout(Instant now, absl::string_view email) {
  const OperationId id = impl_->Track(impl_->presence_.Logout(now, email));
  impl_->Pump(now);
  return id;
}

OperationId Node::GetPresence(Instant now, absl::string_view as, absl::string_view email) {
  const OperationId id = impl_->Track(impl_->presence_.GetPresence(now, as, email));
  impl_->Pump(now);
  return id;
}

OperationId Node::ListDevices(Instant now, absl::string_view email) {
  const OperationId id = impl_->Track(impl_->presence_.ListDevices(now, email));
  impl_->Pump(now);
  return id;
}

OperationId Node::RevokeDevice(Instant now, absl::string_view email, const pki::DeviceId& device) {
  const OperationId id = impl_->Track(impl_->presence_.RevokeDevice(now, email, device));
  impl_->Pump(now);
  return id;
}

OperationId Node::PublishCrl(Instant now, ByteView crl_pem, ByteView ca_pem) {
  const OperationId id = impl_->Track(impl_->presence_.PublishCrl(now, crl_pem, ca_pem));
  impl_->Pump(now);
  return id;
}

absl::StatusOr<OperationId> Node::ImportKey(Instant now, absl::string_view email, ByteView pem,
                                            const SecretBytes& passphrase,
                                            const SecretBytes& storage_passphrase) {
  P2PD_ASSIGN_OR_RETURN(
      const presence::OperationId started,
      impl_->presence_.ImportKey(now, email, pem, passphrase, storage_passphrase));
  const OperationId id = impl_->Track(started);
  impl_->Pump(now);
  return id;
}

presence::Presence& Node::presence() { return impl_->presence_; }
void Node::Pump(Instant now) { impl_->Pump(now); }

absl::StatusOr<session::CallId> Node::Dial(Instant now, absl::string_view as,
                                           absl::string_view email) {
  if (impl_->desk_.draining()) return absl::UnavailableError("the daemon is shutting down");
  auto call = impl_->desk_.Dial(now, as, email);
  impl_->Pump(now);
  return call;
}

absl::Status Node::Accept(Instant now, const session::CallId& call) {
  const absl::Status status = impl_->desk_.Accept(now, call);
  impl_->Pump(now);
  return status;
}

absl::Status Node::TakeMessage(Instant now, const session::CallId& call) {
  const absl::Status status = impl_->desk_.TakeMessage(now, call);
  impl_->Pump(now);
  return status;
}

absl::Status Node::Reject(Instant now, const session::CallId& call) {
  const absl::Status status = impl_->desk_.Reject(now, call);
  impl_->Pump(now);
  return status;
}

absl::Status Node::HangUp(Instant now, const session::CallId& call) {
  const absl::Status status = impl_->desk_.HangUp(now, call);
  impl_->Pump(now);
  return status;
}

absl::Status Node::Hold(Instant now, const session::CallId& call, bool hold) {
  const absl::Status status = impl_->desk_.Hold(now, call, hold);
  impl_->Pump(now);
  return status;
}

absl::Status Node::Mute(Instant now, const session::CallId& call, bool muted) {
  return impl_->desk_.Mute(now, call, muted);
}

absl::Status Node::SendDtmf(Instant now, const session::CallId& call, absl::string_view digits) {
  const absl::Status status = impl_->desk_.SendDtmf(now, call, digits);
  impl_->Pump(now);
  return status;
}

absl::Status Node::SetRecorded(Instant now, const session::CallId& call, bool recorded) {
  const absl::Status status = impl_->desk_.SetRecorded(now, call, recorded);
  impl_->Pump(now);
  return status;
}

absl::Status Node::Confer(Instant now, absl::Span<const session::CallId> calls) {
  const absl::Status status = impl_->desk_.Confer(now, calls);
  impl_->Pump(now);
  return status;
}

absl::Status Node::LeaveConference(Instant now, const session::CallId& call) {
  return impl_->desk_.LeaveConference(now, call);
}

absl::Status Node::Transfer(Instant now, const session::CallId& call, absl::string_view target) {
  const absl::Status status = impl_->desk_.Transfer(now, call, target);
  impl_->Pump(now);
  return status;
}

absl::Status Node::TransferTo(Instant now, const session::CallId& call,
                              const session::CallId& target) {
  const absl::Status status = impl_->desk_.TransferTo(now, call, target);
  impl_->Pump(now);
  return status;
}

std::optional<CallView> Node::FindCall(const session::CallId& call) const {
  return impl_->desk_.Find(call);
}
std::vector<CallView> Node::ListCalls() const { return impl_->desk_.List(); }
const overlay::Node& Node::overlay() const { return impl_->overlay_; }
const pki::TrustStore& Node::trust() const { return impl_->trust_; }
const Counters& Node::counters() const { return impl_->counters_; }
pki::Crypto& Node::crypto() { return *impl_->crypto_; }
size_t Node::stored_objects() const { return impl_->parts_.table.total_objects(); }
size_t Node::stored_bytes() const { return impl_->parts_.table.total_bytes(); }

}  // namespace p2pd::node
