#include "libcore/presence/publisher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/pki/cms.h"
#include "libcore/presence/anchor.h"

namespace p2pd::presence {
namespace {

using wire::v1::UserStateBody;

// A log-in that nobody answers is tried again after this, doubling.
constexpr absl::Duration kFirstBackoff = absl::Seconds(2);
constexpr absl::Duration kLongestBackoff = absl::Minutes(1);
// How long a log-in waits for the node to find its ring before it tries all the same.
constexpr absl::Duration kJoinWait = absl::Seconds(10);
// How long a log-out waits for acknowledgements, as the control API says.
constexpr absl::Duration kLeaveWait = absl::Seconds(5);
// Lifetimes of an online state that storing nodes accept (design §4).
constexpr absl::Duration kShortestState = absl::Seconds(30);
constexpr absl::Duration kLongestState = absl::Minutes(10);
// A device list or an anchor is put anew when less than this is left of its 90 days.
constexpr absl::Duration kRenewStored = absl::Hours(24 * 60);
constexpr size_t kConfigKeySize = 32;

}  // namespace

Publisher::Publisher(const Parts& parts, const PresenceOptions& options, OwnIdentity& identity,
                     Environment environment)
    : parts_(parts),
      options_(options),
      identity_(identity),
      environment_(std::move(environment)),
      sync_(
          {parts.store, parts.subscriptions, parts.storage, parts.wall, parts.rng, parts.counters},
          environment_, options.environment_interval),
      backoff_(kFirstBackoff) {
  options_.state_lifetime = std::clamp(options_.state_lifetime, kShortestState, kLongestState);
}

store::Key Publisher::Place() const { return store::UserKeyPlace(identity_.public_key().spki()); }

uint64_t Publisher::epoch() const { return parts_.overlay.self().epoch(); }

void Publisher::Report(PublisherReport::Kind kind, absl::Status status, absl::string_view problem) {
  reports_.push_back(PublisherReport{kind, std::move(status), std::string(problem)});
}

void Publisher::Refuse(Instant now, PublisherReport::Kind kind, absl::Status status,
                       absl::string_view problem) {
  problem_ = std::string(status.message());
  phase_ = Phase::kOut;
  pass_pending_ = false;
  own_get_.reset();
  retry_at_.reset();
  refresh_at_.reset();
  joining_until_.reset();
  StopWaiting();
  sync_.Stop(now);
  Unsubscribe();
  Report(kind, std::move(status), problem);
}

void Publisher::AskLists(Instant now, absl::Duration fresh) {
  const std::vector<pki::Certificate>& chain = identity_.chain()->certificates();
  for (size_t i = 1; i < chain.size(); ++i) {
    const std::optional<store::OperationId> asked = parts_.revocations.Ask(now, chain[i], fresh);
    if (asked) list_waits_.insert(*asked);
  }
}

void Publisher::StopWaiting() {
  list_waits_.clear();
  write_waits_ = false;
  confirm_waits_ = false;
}

bool Publisher::OnListAnswered(Instant now, store::OperationId id) {
  if (list_waits_.erase(id) == 0) return false;
  if (!list_waits_.empty()) return true;
  const bool write = std::exchange(write_waits_, false);
  const bool confirm = std::exchange(confirm_waits_, false);
  if (write && pass_pending_) WriteAll(now);
  if (confirm && phase_ == Phase::kIn) Report(PublisherReport::Kind::kLoggedIn);
  return true;
}

pki::ChainVerdict Publisher::Judge(Instant now) const {
  const pki::ChainVerdict verdict =
      pki::VerifySelfContained(*identity_.chain(), parts_.wall.At(now), identity_.email());
  return verdict.ok() ? parts_.trust.JudgeRevocation(*identity_.chain()) : verdict;
}

bool Publisher::EndIfInvalid(Instant now) {
  if (!identity_.chain() || phase_ == Phase::kOut || phase_ == Phase::kLeaving) return false;
  const pki::ChainVerdict verdict = Judge(now);
  if (verdict.ok()) return false;
  const absl::Status refused = absl::FailedPreconditionError(verdict.explanation);
  const absl::string_view problem = pki::ChainFaultName(verdict.fault);
  if (!reachable()) {
    Refuse(now, PublisherReport::Kind::kLoginRefused, refused, problem);
    return true;
  }
  P2PD_LOG(presence, kError, identity_.email(), " logs out: ", verdict.explanation);
  Report(PublisherReport::Kind::kLoginRefused, refused, problem);
  Logout(now);
  problem_ = verdict.explanation;
  return true;
}

void Publisher::OnListsChanged(Instant now) { EndIfInvalid(now); }

void Publisher::Login(Instant now, bool by_person) {
  using Kind = PublisherReport::Kind;
  if (EndIfInvalid(now)) return;
  if (phase_ == Phase::kIn) {
    AskLists(now, absl::ZeroDuration());
    confirm_waits_ = !list_waits_.empty();
    if (!confirm_waits_) Report(Kind::kLoggedIn);
    return;
  }
  if (phase_ != Phase::kOut && phase_ != Phase::kLeaving) {
    // Its report is still to come, and soon: whoever asks need not wait for a later try.
    told_delayed_ = false;
    if (retry_at_) StartPass(now);
    return;
  }
  offline_put_.reset();
  leave_until_.reset();
  if (!identity_.chain()) {
    return Refuse(now, Kind::kLoginRefused,
                  absl::FailedPreconditionError("no certificate is installed"),
                  "IDENTITY_WITHOUT_CERTIFICATE");
  }
  if (by_person && !identity_.key()) {
    return Refuse(now, Kind::kLoginRefused,
                  absl::FailedPreconditionError("the key is locked: unlock it first"),
                  "IDENTITY_LOCKED");
  }
  const absl::Time wall = parts_.wall.At(now);
  const pki::ChainVerdict verdict = Judge(now);
  if (!verdict.ok()) {
    return Refuse(now, Kind::kLoginRefused, absl::FailedPreconditionError(verdict.explanation),
                  pki::ChainFaultName(verdict.fault));
  }
  absl::Status ready =
      identity_.PrepareDevice(parts_.storage, parts_.rng, options_.device_label, wall);
  if (ready.ok()) ready = identity_.SetLogin(parts_.storage, true, identity_.shown());
  if (!ready.ok()) {
    const bool locked = absl::IsFailedPrecondition(ready);
    return Refuse(now, Kind::kLoginRefused, std::move(ready), locked ? "IDENTITY_LOCKED" : "");
  }
  problem_.clear();
  told_delayed_ = false;
  backoff_ = kFirstBackoff;
  lists_fresh_ = absl::ZeroDuration();
  phase_ = Phase::kReading;
  Report(Kind::kChanged);
  if (parts_.overlay.join_state() == overlay::JoinState::kJoining) {
    joining_until_ = now + kJoinWait;
  } else {
    StartPass(now);
  }
}

void Publisher::StartPass(Instant now) {
  joining_until_.reset();
  retry_at_.reset();
  pass_pending_ = true;
  write_waits_ = false;
  AskLists(now, std::exchange(lists_fresh_, Revocations::kFresh));
  own_get_ = parts_.store.Get(now, Place(), store::GetOptions());
}

void Publisher::PassUnanswered(Instant now, const absl::Status& status) {
  PassFailed(now, absl::UnavailableError(absl::StrCat("nobody answered: ", status.message())),
             "NOT_ACKNOWLEDGED");
}

void Publisher::PassFailed(Instant now, absl::Status status, absl::string_view problem) {
  pass_pending_ = false;
  write_waits_ = false;
  parts_.counters.Add("presence.login_retried");
  problem_ = std::string(status.message());
  retry_at_ = now + parts_.rng.Jitter(backoff_);
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  if (phase_ != Phase::kIn && !told_delayed_) {
    told_delayed_ = true;
    Report(PublisherReport::Kind::kLoginDelayed, std::move(status), problem);
  }
}

void Publisher::OnOwnPlace(Instant now, const store::GetDone& done) {
  if (!done.status.ok() && !absl::IsNotFound(done.status)) return PassUnanswered(now, done.status);
  const absl::Time wall = parts_.wall.At(now);
  const pki::KeyHash& user = identity_.public_key().hash();
  const StateView view = JudgeStates(done.objects, identity_.public_key(), parts_.seen, wall);
  Remember(view, user, wall, parts_.seen);
  const pki::DeviceId& own = identity_.device_keys().id;
  if (view.revoked.count(own) != 0) {
    if (!identity_.SetLogin(parts_.storage, false, identity_.shown()).ok()) {
      parts_.counters.Add("presence.login_not_saved");
    }
    return Refuse(now, PublisherReport::Kind::kRevoked,
                  absl::PermissionDeniedError("this device was revoked by its owner"),
                  "DEVICE_REVOKED");
  }
  size_t others = 0;
  for (const DeviceState& state : view.devices) {
    if (state.device.id == own) {
      above_ = std::max(above_, state.sequence);
    } else {
      ++others;
    }
  }
  if (others >= kMaxDevices) parts_.counters.Add("presence.too_many_devices");
  LookAtAnchor(view, wall);
  RenewDeviceList(now, view);
  if (phase_ == Phase::kReading) phase_ = Phase::kReadingEnvironment;
  sync_.Read(now, OpenSealedKeys(view));
}

const SecretBytes* Publisher::OpenSealedKey(const Bytes& sealed) {
  if (sealed.empty()) return nullptr;
  const pki::Sha256Digest digest = pki::Sha256(sealed);
  const auto known = opened_.find(digest);
  if (known != opened_.end()) return &known->second;
  if (!identity_.key()) return nullptr;
  absl::StatusOr<SecretBytes> key =
      pki::CmsDecrypt(*identity_.key(), identity_.chain()->leaf(), sealed);
  if (!key.ok() || key->size() != kConfigKeySize) {
    parts_.counters.Add("presence.sealed_key_unreadable");
    return nullptr;
  }
  if (opened_.size() >= kMaxOpened) opened_.erase(opened_.begin());
  return &opened_.emplace(digest, *std::move(key)).first->second;
}

std::vector<SecretBytes> Publisher::OpenSealedKeys(const StateView& view) {
  std::vector<SecretBytes> out;
  const auto add = [this, &out](const DeviceState& state) {
    if (state.revoked) return;
    const SecretBytes* key = OpenSealedKey(state.sealed_config_key);
    if (key != nullptr) out.push_back(key->Clone());
  };
  if (view.anchor) add(*view.anchor);
  for (const DeviceState& state : view.devices) add(state);
  return out;
}

void Publisher::LookAtAnchor(const StateView& view, absl::Time wall) {
  anchor_due_ = true;
  if (!view.anchor) return;
  anchor_above_ = view.anchor->sequence;
  const SecretBytes* inside = OpenSealedKey(view.anchor->sealed_config_key);
  // A locked key cannot look inside, and whoever wrote it could.
  const bool same =
      inside == nullptr ? !identity_.key() : inside->view() == environment_.config_key();
  anchor_due_ = !same || view.anchor->expires - wall < kRenewStored;
}

void Publisher::RenewDeviceList(Instant now, const StateView& view) {
  const absl::Time wall = parts_.wall.At(now);
  if (view.revoked.empty() || !identity_.key()) return;
  if (view.device_list_expires - wall >= kRenewStored) return;
  wire::v1::DeviceListBody body;
  body.set_user_key(ToText(identity_.public_key().spki()));
  body.set_number(view.device_list.value() + 1);
  for (const pki::DeviceId& id : view.revoked) body.add_revoked(id.ToString());
  body.set_expires(absl::ToUnixSeconds(wall + kOfflineFor));
  const absl::StatusOr<store::Object> object = store::MakeDeviceList(*identity_.key(), body, wall);
  if (object.ok()) PutOther(now, *object);
}

void Publisher::Subscribe(Instant now) {
  if (subscribed_) return;
  subscribed_ = true;
  parts_.subscriptions.Add(now, Place(), wire::v1::OBJECT_KIND_USER_STATE);
  parts_.subscriptions.Add(now, Place(), wire::v1::OBJECT_KIND_DEVICE_LIST);
}

void Publisher::Unsubscribe() {
  if (!subscribed_) return;
  subscribed_ = false;
  parts_.subscriptions.Remove(Place(), wire::v1::OBJECT_KIND_USER_STATE);
  parts_.subscriptions.Remove(Place(), wire::v1::OBJECT_KIND_DEVICE_LIST);
}

void Publisher::WriteAll(Instant now) {
  pass_pending_ = false;
  if (phase_ == Phase::kReadingEnvironment) phase_ = Phase::kWriting;
  parts_.sessions.AddIdentity(identity_.ForSessions());
  Subscribe(now);
  PutAuthentication(now);
  sync_.Keep(now, identity_.device_keys().id);
  if (anchor_due_) PutAnchor(now);
  PutState(now);
}

void Publisher::PutOther(Instant now, const store::Object& object) {
  other_puts_.emplace(parts_.store.Put(now, object), object);
}

void Publisher::PutAuthentication(Instant now) { PutOther(now, identity_.authentication()); }

void Publisher::PutAnchor(Instant now) {
  const absl::StatusOr<store::Object> object = MakeAnchor(
      parts_.storage, parts_.crypto, identity_, environment_, anchor_above_, parts_.wall.At(now));
  if (!object.ok()) {
    parts_.counters.Add("presence.anchor_not_made");
    return;
  }
  anchor_due_ = false;
  anchor_above_ = object->sequence();
  PutOther(now, *object);
}

absl::StatusOr<store::Object> Publisher::MakeState(Instant now, bool offline) {
  const absl::Time wall = parts_.wall.At(now);
  UserStateBody body;
  body.set_user_key(ToText(identity_.public_key().spki()));
  *body.mutable_device() = identity_.device_certificate();
  P2PD_ASSIGN_OR_RETURN(const Bytes sealed, environment_.SealedKeyFor(parts_.storage, parts_.crypto,
                                                                      identity_.chain()->leaf()));
  body.set_sealed_config_key(ToText(sealed));
  body.set_epoch(epoch());
  if (offline) {
    body.set_flag(UserStateBody::FLAG_OFFLINE);
    body.set_expires(absl::ToUnixSeconds(wall + kOfflineFor));
  } else {
    body.set_flag(identity_.shown());
    body.set_expires(absl::ToUnixSeconds(wall + options_.state_lifetime));
    const overlay::NodeRecord& self = parts_.overlay.self();
    const std::vector<net::Endpoint>& addresses =
        addresses_.empty() ? self.addresses() : addresses_;
    for (const net::Endpoint& address : addresses) {
      if (body.addresses_size() >= static_cast<int>(overlay::NodeRecord::kMaxAddresses)) break;
      body.add_addresses(ToText(address.ToBytes()));
    }
    for (const overlay::DetourPath& way : parts_.overlay.Ways()) {
      body.add_relays(ToText(way.ToBytes()));
    }
    body.set_node_record(ToText(self.bytes()));
  }
  P2PD_ASSIGN_OR_RETURN(const store::Sequence sequence,
                        identity_.NextSequence(parts_.storage, above_));
  body.set_sequence(sequence.value());
  return store::MakeUserState(identity_.device_keys(), body, wall);
}

void Publisher::PutState(Instant now) {
  if (state_put_) {
    state_dirty_ = true;
    return;
  }
  state_dirty_ = false;
  absl::StatusOr<store::Object> object = MakeState(now, /*offline=*/false);
  if (!object.ok()) {
    parts_.counters.Add("presence.state_not_made");
    PassFailed(now, object.status(), "");
    return;
  }
  state_putting_ = *object;
  state_put_ = parts_.store.Put(now, *object);
  // Should the answer never come, the refresh does.
  refresh_at_ = now + options_.state_lifetime / 2;
}

void Publisher::OnStatePut(Instant now, const store::PutDone& done) {
  state_put_.reset();
  const store::Object object = *std::move(state_putting_);
  state_putting_.reset();
  if (!reachable()) return;
  if (!done.status.ok()) {
    parts_.counters.Add("presence.state_put_failed");
    PassUnanswered(now, done.status);
    return;
  }
  backoff_ = kFirstBackoff;
  problem_.clear();
  parts_.store.KeepAlive(now, object);
  sequence_ = object.sequence();
  expires_ = object.expires();
  replicas_ = done.acks;
  refresh_at_ = now + options_.state_lifetime / 2;
  if (phase_ == Phase::kWriting) {
    phase_ = Phase::kIn;
    P2PD_LOG(presence, kInfo, identity_.email(), " is logged in, ", done.acks, " copies");
    Report(PublisherReport::Kind::kLoggedIn);
  }
  Report(PublisherReport::Kind::kChanged);
  if (state_dirty_) PutState(now);
}

bool Publisher::OnPut(Instant now, const store::PutDone& done) {
  if (state_put_ == done.id) {
    OnStatePut(now, done);
    return true;
  }
  if (offline_put_ == done.id) {
    if (!done.status.ok()) parts_.counters.Add("presence.offline_put_failed");
    offline_put_.reset();
    if (!sync_.storing()) Left();
    return true;
  }
  auto other = other_puts_.extract(done.id);
  if (other.empty()) return false;
  if (done.status.ok()) {
    parts_.store.KeepAlive(now, other.mapped());
  } else if (reachable()) {
    parts_.counters.Add("presence.object_put_failed");
    if (other.mapped().kind() == wire::v1::OBJECT_KIND_USER_STATE) anchor_due_ = true;
    other_retry_at_ = now + parts_.rng.Jitter(kLongestBackoff);
  }
  return true;
}

absl::Status Publisher::ForgetLogin() {
  if (!identity_.logged_in()) return absl::OkStatus();
  const absl::Status saved = identity_.SetLogin(parts_.storage, false, identity_.shown());
  if (saved.ok()) {
    problem_.clear();
    return saved;
  }
  parts_.counters.Add("presence.login_not_saved");
  problem_ = absl::StrCat(saved.message(),
                          ": logged out, but the next start logs in again; mend that and log out "
                          "once more");
  return absl::Status(saved.code(), problem_);
}

void Publisher::Logout(Instant now) {
  if (phase_ == Phase::kLeaving) return;
  const bool was_out = phase_ == Phase::kOut;
  phase_ = Phase::kOut;
  pass_pending_ = false;
  own_get_.reset();
  retry_at_.reset();
  joining_until_.reset();
  refresh_at_.reset();
  other_retry_at_.reset();
  state_put_.reset();
  state_putting_.reset();
  state_dirty_ = false;
  StopWaiting();
  sync_.Stop(now);
  Unsubscribe();
  parts_.sessions.RemoveIdentity(identity_.public_key().hash());
  if (was_out) return Report(PublisherReport::Kind::kLoggedOut);
  const absl::StatusOr<store::Object> object = MakeState(now, /*offline=*/true);
  if (!object.ok()) {
    parts_.counters.Add("presence.state_not_made");
    return Report(PublisherReport::Kind::kLoggedOut);
  }
  phase_ = Phase::kLeaving;
  sequence_ = object->sequence();
  offline_put_ = parts_.store.Put(now, *object);
  parts_.store.KeepAlive(now, *object);
  leave_until_ = now + kLeaveWait;
}

void Publisher::Left() {
  offline_put_.reset();
  leave_until_.reset();
  if (phase_ != Phase::kLeaving) return;
  phase_ = Phase::kOut;
  expires_ = absl::InfinitePast();
  replicas_ = 0;
  P2PD_LOG(presence, kInfo, identity_.email(), " is logged out");
  Report(PublisherReport::Kind::kLoggedOut);
  Report(PublisherReport::Kind::kChanged);
}

absl::Status Publisher::SetShown(Instant now, UserStateBody::Flag shown) {
  if (shown == identity_.shown()) return absl::OkStatus();
  P2PD_RETURN_IF_ERROR(identity_.SetLogin(parts_.storage, identity_.logged_in(), shown));
  Report(PublisherReport::Kind::kChanged);
  if (reachable()) PutState(now);
  return absl::OkStatus();
}

void Publisher::SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses) {
  addresses_ = addresses;
  if (reachable()) PutState(now);
}

void Publisher::OnJoined(Instant now) {
  if (phase_ == Phase::kOut || phase_ == Phase::kLeaving || pass_pending_) return;
  backoff_ = kFirstBackoff;
  StartPass(now);
}

void Publisher::OnIdentityChanged(Instant now) {
  // What kept the last log-in from succeeding may be over; the next one tells.
  if (phase_ == Phase::kOut) problem_.clear();
  Report(PublisherReport::Kind::kChanged);
  if (phase_ == Phase::kOut || phase_ == Phase::kLeaving) return;
  const absl::Status ready = identity_.PrepareDevice(parts_.storage, parts_.rng,
                                                     options_.device_label, parts_.wall.At(now));
  if (!ready.ok()) parts_.counters.Add("presence.device_not_made");
  if (!pass_pending_) StartPass(now);
}

void Publisher::OnOtherDevice(Instant now, const store::Object& object) {
  const pki::DeviceInfo& device = object.device();
  const pki::KeyHash& user = identity_.public_key().hash();
  if (device.user != user || device.id == identity_.device_keys().id) return;
  const absl::Time wall = parts_.wall.At(now);
  parts_.seen.NoteDevice(wall, user, device.id, object.sequence());
  const SecretBytes* key = OpenSealedKey(ToBytes(object.user_state().sealed_config_key()));
  // Another of our devices stands by another environment: read both and come together.
  if (key != nullptr && key->view() != environment_.config_key() && !pass_pending_) StartPass(now);
}

bool Publisher::OnNotification(Instant now, const store::Notification& notification) {
  if (!subscribed_ || notification.key != Place()) return false;
  if (notification.object.kind() == wire::v1::OBJECT_KIND_DEVICE_LIST) {
    if (!pass_pending_) StartPass(now);
  } else if (notification.object.kind() == wire::v1::OBJECT_KIND_USER_STATE) {
    OnOtherDevice(now, notification.object);
  }
  return false;  // two identities may watch each other's place: everybody hears of it
}

bool Publisher::OnStoreEvent(Instant now, const store::Event& event) {
  bool ours = sync_.OnStoreEvent(now, event);
  if (ours && phase_ == Phase::kLeaving && !offline_put_ && !sync_.storing()) Left();
  if (const auto* get = std::get_if<store::GetDone>(&event)) {
    if (own_get_ == get->id) {
      own_get_.reset();
      ours = true;
      OnOwnPlace(now, *get);
    }
    ours = OnListAnswered(now, get->id) || ours;
  } else if (const auto* put = std::get_if<store::PutDone>(&event)) {
    ours = ours || OnPut(now, *put);
  } else if (const auto* notification = std::get_if<store::Notification>(&event)) {
    ours = OnNotification(now, *notification) || ours;
  }
  while (const std::optional<EnvironmentSync::Report> report = sync_.PollReport()) {
    switch (*report) {
      case EnvironmentSync::Report::kRead:
        write_waits_ = pass_pending_ && !list_waits_.empty();
        if (pass_pending_ && !write_waits_) WriteAll(now);
        break;
      case EnvironmentSync::Report::kReadFailed:
        if (pass_pending_) {
          PassUnanswered(now, absl::UnavailableError("the environment was not read"));
        }
        break;
      case EnvironmentSync::Report::kMerged:
        Report(PublisherReport::Kind::kContactsChanged);
        break;
      case EnvironmentSync::Report::kAdopted:
        anchor_due_ = anchor_due_ || anchor_above_.value() == 0;
        break;
    }
  }
  return ours;
}

void Publisher::OnTimeout(Instant now) {
  sync_.OnTimeout(now);
  if (joining_until_ && *joining_until_ <= now) StartPass(now);
  if (retry_at_ && *retry_at_ <= now) StartPass(now);
  if (leave_until_ && *leave_until_ <= now) Left();
  if (other_retry_at_ && *other_retry_at_ <= now) {
    other_retry_at_.reset();
    PutAuthentication(now);
    if (anchor_due_) PutAnchor(now);
  }
  if (refresh_at_ && *refresh_at_ <= now && !EndIfInvalid(now)) {
    refresh_at_ = now + options_.state_lifetime / 2;
    state_put_.reset();
    state_putting_.reset();
    PutState(now);
  }
}

std::optional<Instant> Publisher::PollTimeout() const {
  std::optional<Instant> at = Earliest(sync_.PollTimeout(), joining_until_);
  at = Earliest(at, Earliest(retry_at_, leave_until_));
  return Earliest(at, Earliest(other_retry_at_, refresh_at_));
}

std::optional<PublisherReport> Publisher::PollReport() {
  if (reports_.empty()) return std::nullopt;
  PublisherReport report = std::move(reports_.front());
  reports_.pop_front();
  return report;
}

}  // namespace p2pd::presence
