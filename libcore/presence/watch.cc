#include "libcore/presence/watch.h"

#include <algorithm>
#include <utility>

#include "libcore/base/check.h"

namespace p2pd::presence {
namespace {

using session::EndReason;

// A hello that nobody answered is repeated once after this, with the newest state.
constexpr absl::Duration kSecondTry = absl::Milliseconds(500);
constexpr int kTries = 2;
// Somebody whose state says online and who does not answer is tried again after this, doubling,
// until the state ends.
constexpr absl::Duration kFirstBackoff = absl::Seconds(30);
constexpr absl::Duration kLongestBackoff = absl::Minutes(10);
// A lookup that the overlay could not serve is tried again after this, doubling.
constexpr absl::Duration kFirstLookBackoff = absl::Seconds(5);
// A certificate that was announced is looked for again: the put may still be on its way to the
// other replicas.
constexpr int kEagerLooks = 3;
constexpr absl::Duration kEagerPause = absl::Seconds(2);
// One contact that is not there is looked up so often, whoever's turn it is: the net under lost
// notifications, at a cost that does not depend on how many there are.
constexpr absl::Duration kSweep = absl::Minutes(5);

// The other side said clearly that nobody is there for us: another try would hear the same.
bool IsDefinite(EndReason reason) {
  switch (reason) {
    case EndReason::kNotLoggedInHere:
    case EndReason::kRefusedByPolicy:
    case EndReason::kRefusedUnknownCaller:
    case EndReason::kWrongEmail:
    case EndReason::kCertificateExpired:
    case EndReason::kCertificateRevoked:
    case EndReason::kCertificateUntrusted:
    case EndReason::kCertificateInvalid:
    case EndReason::kRevocationUnknown:
    case EndReason::kWrongIdentity:
    case EndReason::kBadSignature:
      return true;
    case EndReason::kNone:
    case EndReason::kClosedByPeer:
    case EndReason::kClosedByUs:
    case EndReason::kNoAnswer:
    case EndReason::kTimedOut:
    case EndReason::kRefusedBusy:
    case EndReason::kReplayedHello:
    case EndReason::kStaleHello:
    case EndReason::kResealedHello:
    case EndReason::kMalformed:
    case EndReason::kTooMany:
      return false;
  }
  return false;
}

bool SaysThere(const DeviceState& state) {
  return !state.revoked && state.availability != Availability::kOffline &&
         state.availability != Availability::kUnknown && !state.addresses.empty();
}

}  // namespace

Watch::Contact* Watch::Find(const ContactKey& key) {
  const auto own = owns_.find(key.first);
  if (own == owns_.end()) return nullptr;
  const auto contact = own->second.contacts.find(key.second);
  return contact == own->second.contacts.end() ? nullptr : &contact->second;
}

bool Watch::IsContact(const pki::KeyHash& own, absl::string_view email) const {
  const auto it = owns_.find(own);
  return it != owns_.end() && it->second.contacts.count(std::string(email)) != 0;
}

void Watch::SetPolicy(const pki::KeyHash& own, bool everybody) { owns_[own].everybody = everybody; }

void Watch::SetContacts(Instant now, const pki::KeyHash& own,
                        const std::vector<const wire::v1::ContactEntry*>& contacts) {
  Own& mine = owns_[own];
  std::set<std::string> named;
  for (const wire::v1::ContactEntry* entry : contacts) {
    const ContactKey key(own, entry->email());
    named.insert(entry->email());
    const auto [it, fresh] = mine.contacts.try_emplace(entry->email());
    Contact& contact = it->second;
    const bool other_pin = !fresh && contact.entry.pinned_key() != entry->pinned_key();
    contact.entry = *entry;
    if (fresh) contact.backoff = kFirstLookBackoff;
    const bool was_changed = contact.key_changed;
    if (other_pin) contact.key_changed = contact.other_key = false;
    if (mine.here && (fresh || (other_pin && was_changed))) Look(key, contact, false);
  }
  for (auto it = mine.contacts.begin(); it != mine.contacts.end();) {
    if (named.count(it->first) != 0) {
      ++it;
      continue;
    }
    const ContactKey key(own, it->first);
    if (it->second.user) parts_.links.SetContact(now, own, *it->second.user, false);
    Drop(key, it->second);
    it = mine.contacts.erase(it);
  }
  StartLookups(now);
}

void Watch::Arrive(Instant now, const pki::KeyHash& own, const pki::DeviceId& device) {
  Own& mine = owns_[own];
  mine.device = device;
  if (mine.here) return;
  mine.here = true;
  for (auto& [email, contact] : mine.contacts) Look({own, email}, contact, false);
  if (!sweep_at_) sweep_at_ = now + parts_.rng.Jitter(kSweep);
  StartLookups(now);
}

void Watch::Drop(const ContactKey& key, Contact& contact) {
  Unsubscribe(key, contact);
  if (contact.timer) timers_.erase({*contact.timer, key});
  const wire::v1::ContactEntry entry = contact.entry;
  const bool other_key = contact.other_key;
  contact = Contact();
  contact.entry = entry;
  contact.key_changed = contact.other_key = other_key;
  contact.backoff = kFirstLookBackoff;
}

void Watch::Leave(const pki::KeyHash& own) {
  const auto it = owns_.find(own);
  if (it == owns_.end() || !it->second.here) return;
  it->second.here = false;
  for (auto& [email, contact] : it->second.contacts) {
    Drop({own, email}, contact);
    reports_.push_back(WatchReport{WatchReport::Kind::kChanged, own, email, {}});
  }
}

void Watch::Forget(const pki::KeyHash& own) {
  Leave(own);
  owns_.erase(own);
}

void Watch::LookAgain(Instant now) {
  for (auto& [own, mine] : owns_) {
    if (!mine.here) continue;
    for (auto& [email, contact] : mine.contacts) {
      if (!contact.verified) Look({own, email}, contact, false);
    }
  }
  StartLookups(now);
}

void Watch::JudgeAgain(Instant now) {
  const absl::Time wall = parts_.wall.At(now);
  for (auto& [own, mine] : owns_) {
    for (auto& [email, contact] : mine.contacts) {
      if (!contact.chain) continue;
      pki::TrustStore::Options options;
      options.email = email;
      const pki::ChainVerdict verdict = parts_.trust.Verify(*contact.chain, wall, options);
      if (verdict.ok()) continue;
      const ContactKey key(own, email);
      RefuseCertificate(now, key, contact, verdict.fault);
      Evaluate(key, contact);
      // There may be another certificate by now.
      Look(key, contact, true);
    }
  }
  StartLookups(now);
}

void Watch::AddIssuers(std::map<pki::KeyHash, pki::Certificate>& issuers) const {
  for (const auto& [own, mine] : owns_) {
    for (const auto& [email, contact] : mine.contacts) {
      if (!contact.chain) continue;
      const std::vector<pki::Certificate>& chain = contact.chain->certificates();
      for (size_t i = 1; i < chain.size(); ++i) {
        issuers.try_emplace(chain[i].public_key().hash(), chain[i]);
      }
    }
  }
}

void Watch::Look(const ContactKey& key, Contact& contact, bool first) {
  contact.look_at.reset();
  if (contact.queued || contact.looking) return;
  contact.queued = true;
  if (first) {
    queue_.push_front(key);
  } else {
    queue_.push_back(key);
  }
}

void Watch::StartLookups(Instant now) {
  while (!queue_.empty() && lookups_.size() < kMaxParallelLookups) {
    const ContactKey key = queue_.front();
    queue_.pop_front();
    Contact* contact = Find(key);
    if (contact == nullptr || !contact->queued) continue;  // dropped meanwhile
    contact->queued = false;
    if (!owns_.at(key.first).here) continue;
    contact->looking = true;
    LookupRequest request;
    request.email = key.second;
    request.pinned = pki::KeyHash::FromView(AsBytes(contact->entry.pinned_key()));
    lookups_[parts_.resolver.Start(now, std::move(request))] = key;
  }
}

bool Watch::OnLookupDone(Instant now, const LookupDone& done) {
  auto found = lookups_.extract(done.id);
  if (found.empty()) return false;
  const ContactKey key = found.mapped();
  Contact* contact = Find(key);
  if (contact != nullptr && contact->looking) {
    contact->looking = false;
    TakeLookup(now, key, *contact, done);
    Evaluate(key, *contact);
  }
  StartLookups(now);
  return true;
}

void Watch::TakeLookup(Instant now, const ContactKey& key, Contact& contact,
                       const LookupDone& done) {
  contact.problem = done.problem;
  const bool changed = done.resolved && done.resolved->key_changed;
  // A lookup that found nobody takes nothing back.
  const bool shown = changed || contact.other_key || (!done.resolved && contact.key_changed);
  if (shown != contact.key_changed) {
    reports_.push_back(WatchReport{WatchReport::Kind::kChanged, key.first, key.second, {}});
  }
  contact.key_changed = shown;
  if (shown && done.resolved) contact.problem = "KEY_CHANGED";
  const bool failed = done.problem == "LOOKUP_FAILED" || done.problem == "TOO_MANY";
  if (failed) {
    contact.look_at = now + parts_.rng.Jitter(contact.backoff);
    contact.backoff = std::min(contact.backoff * 2, kLongestBackoff);
  } else {
    contact.backoff = kFirstLookBackoff;
  }
  if (done.fault != pki::ChainFault::kNone) {
    RefuseCertificate(now, key, contact, done.fault);
  } else if (!done.resolved || changed) {
    if (!failed) SubscribeEmail(now, key, contact);
  } else {
    TakeCertificate(now, key, contact, *done.resolved);
    if (!failed) TakeStates(now, key, contact, done.view);
  }
  if (!failed && contact.eager > 0) {
    --contact.eager;
    contact.look_at = now + kEagerPause;
  }
  // Who was in doubt and could not be found again is not there.
  for (auto& [id, device] : contact.devices) {
    if (device.doubtful && !device.dial_at &&
        !parts_.links.HasSession({key.first, *contact.user, id})) {
      Refute(now, device);
    }
  }
}

void Watch::RefuseCertificate(Instant now, const ContactKey& key, Contact& contact,
                              pki::ChainFault fault) {
  if (!contact.refused) parts_.counters.Add("presence.contact_refused");
  contact.refused = true;
  contact.problem = std::string(pki::ChainFaultName(fault));
  contact.devices.clear();
  contact.revoked.clear();
  contact.chain.reset();
  if (contact.place) {
    parts_.subscriptions.Remove(*contact.place, wire::v1::OBJECT_KIND_USER_STATE);
    std::erase_if(by_place_, [&](const auto& item) {
      return item.first == *contact.place && item.second == key;
    });
    contact.place.reset();
  }
  SubscribeEmail(now, key, contact);  // another certificate may follow
  if (const std::optional<pki::KeyHash> user = std::exchange(contact.user, std::nullopt)) {
    parts_.links.SetContact(now, key.first, *user, false);
  }
}

void Watch::TakeCertificate(Instant now, const ContactKey& key, Contact& contact,
                            const Resolved& resolved) {
  const pki::KeyHash& user = resolved.chain.leaf().public_key().hash();
  if (contact.user && *contact.user != user) Unsubscribe(key, contact);
  contact.refused = false;
  contact.chain = resolved.chain;
  contact.user = user;
  SubscribePlace(now, key, contact);
  // Another certificate may follow, with another key.
  SubscribeEmail(now, key, contact);
  parts_.links.SetContact(now, key.first, user, true);
  if (contact.entry.pinned_key().empty()) {
    reports_.push_back(WatchReport{WatchReport::Kind::kPin, key.first, key.second, user});
  }
}

void Watch::TakeStates(Instant now, const ContactKey& key, Contact& contact,
                       const StateView& view) {
  contact.revoked = view.revoked;
  std::set<pki::DeviceId> named;
  for (const DeviceState& state : view.devices) {
    named.insert(state.device.id);
    TakeState(now, key, contact, state);
  }
  std::erase_if(contact.devices, [&named](const auto& item) {
    return named.count(item.first) == 0 && !item.second.live;
  });
}

void Watch::TakeState(Instant now, const ContactKey& key, Contact& contact,
                      const DeviceState& state) {
  if (state.device.id == owns_.at(key.first).device) return;  // ourselves
  if (contact.devices.count(state.device.id) == 0 && contact.devices.size() >= 2 * kMaxDevices) {
    parts_.counters.Add("presence.devices_refused_full");
    return;
  }
  Device& device = contact.devices[state.device.id];
  if (device.state && state.sequence < device.state->sequence) return;
  const bool news = !device.state || state.sequence > device.state->sequence;
  const bool restarted = !device.state || state.epoch > device.state->epoch;
  device.state = state;
  if (news && device.refuted) {
    device.refuted = false;
    device.failures = restarted ? 0 : kTries - 1;  // one try is enough at somebody silent
    device.dial_at.reset();
  }
  if (!SaysThere(state)) {
    const bool newer = !device.live || state.sequence > device.live->state_sequence;
    if (newer || state.revoked) {
      device.live.reset();
      device.doubtful = false;
      device.dial_at.reset();
    }
    return;
  }
  if (device.live && !device.doubtful) {
    if (state.sequence > device.live->state_sequence) {
      device.live->availability = state.availability;
      device.live->state_sequence = state.sequence;
    }
    return;
  }
  if (!device.refuted && !device.dial_at) Dial(now, key, contact, state.device.id);
}

void Watch::Dial(Instant now, const ContactKey& key, Contact& contact, const pki::DeviceId& id) {
  Device& device = contact.devices.at(id);
  device.dial_at.reset();
  const LinkKey link{key.first, *contact.user, id};
  if (parts_.links.HasSession(link)) return;
  if (!device.state || !SaysThere(*device.state) || device.state->expires <= parts_.wall.At(now)) {
    if (device.doubtful) Refute(now, device);
    return;
  }
  const session::RemoteDevice to{key.second, contact.chain->leaf().public_key(),
                                 device.state->device, device.state->addresses};
  if (!parts_.links.Dial(now, link, to)) Refute(now, device);
}

void Watch::Refute(Instant now, Device& device) {
  if (device.live) parts_.counters.Add("presence.went_silent");
  device.live.reset();
  device.doubtful = false;
  device.refuted = true;
  if (device.backoff == absl::ZeroDuration()) device.backoff = kFirstBackoff;
  const bool worth_it = device.state && SaysThere(*device.state) &&
                        device.state->expires > parts_.wall.At(now) + device.backoff;
  device.dial_at.reset();
  if (worth_it) device.dial_at = now + parts_.rng.Jitter(device.backoff);
  device.backoff = std::min(device.backoff * 2, kLongestBackoff);
}

// The key that we know is in its owner's hands: whoever had another one is not the contact.
void Watch::PinnedKeyWorks(Instant now, const ContactKey& key, Contact& contact) {
  if (!contact.other_key) return;
  contact.other_key = false;
  if (owns_.at(key.first).here) Look(key, contact, false);
  StartLookups(now);
}

Caller Watch::OnCaller(Instant now, const pki::KeyHash& own, const std::string& email,
                       const pki::KeyHash& user) {
  const ContactKey key(own, email);
  Contact* contact = Find(key);
  if (contact == nullptr) return Caller::kStranger;
  const std::string& pin = contact->entry.pinned_key();
  if (pin.empty()) return Caller::kContact;
  if (AsBytes(pin) == user.view()) {
    PinnedKeyWorks(now, key, *contact);
    return Caller::kContact;
  }
  // A valid certificate, and not the one we know.
  contact->other_key = true;
  contact->problem = "KEY_CHANGED";
  if (!std::exchange(contact->key_changed, true)) {
    reports_.push_back(WatchReport{WatchReport::Kind::kChanged, key.first, key.second, {}});
  }
  return Caller::kOtherKey;
}

void Watch::OnIncomingHello(Instant now, const session::IncomingHello& hello) {
  const auto own = owns_.find(hello.identity);
  if (own == owns_.end() || !own->second.here) {
    parts_.links.Refuse(now, hello, EndReason::kRefusedByPolicy);
    return;
  }
  const bool known =
      OnCaller(now, hello.identity, hello.caller.email, hello.caller.user) == Caller::kContact;
  if (!known && !own->second.everybody) {
    parts_.counters.Add("presence.hello_refused_by_policy");
    parts_.links.Refuse(now, hello, EndReason::kRefusedByPolicy);
    return;
  }
  parts_.links.Accept(now, hello, known);
}

void Watch::OnLinkReport(Instant now, const LinkReport& report) {
  const ContactKey key(report.key.own, report.email);
  Contact* contact = Find(key);
  if (contact == nullptr || !owns_.at(key.first).here) return;
  if (contact->refused) {
    // Sessions let nobody in whose certificate is refused: it has another one now.
    if (report.kind == LinkReport::Kind::kLease) Look(key, *contact, true);
    return StartLookups(now);
  }
  if (contact->user && *contact->user != report.key.user) return;
  const std::string& pin = contact->entry.pinned_key();
  if (!contact->user && !pin.empty() && AsBytes(pin) != report.key.user.view()) return;
  contact->user = report.key.user;
  switch (report.kind) {
    case LinkReport::Kind::kLease:
      TakeLease(now, key, *contact, report);
      break;
    case LinkReport::Kind::kLapsed:
    case LinkReport::Kind::kDown:
      OnDoubt(now, key, *contact, report.key.device);
      break;
    case LinkReport::Kind::kDialFailed:
      OnDialFailed(now, key, *contact, report);
      break;
    case LinkReport::Kind::kChecked:
      return;
  }
  Evaluate(key, *contact);
  StartLookups(now);
}

void Watch::TakeLease(Instant now, const ContactKey& key, Contact& contact,
                      const LinkReport& report) {
  if (contact.revoked.count(report.key.device) != 0) return;
  if (contact.devices.count(report.key.device) == 0 && contact.devices.size() >= 2 * kMaxDevices) {
    parts_.counters.Add("presence.devices_refused_full");
    return;
  }
  const absl::Time wall = parts_.wall.At(now);
  Device& device = contact.devices[report.key.device];
  device.doubtful = false;
  device.failures = 0;
  device.backoff = absl::ZeroDuration();
  device.dial_at.reset();
  contact.confirmed = wall;
  parts_.seen.NoteThere(wall, report.key.user);
  if (report.lease->availability == Availability::kOffline) {
    device.live.reset();
    device.refuted = true;  // until a newer state says otherwise
  } else {
    device.live = *report.lease;
    device.refuted = false;
  }
  // It said hello to us before we looked for it: the lookup brings its addresses, for later.
  if (!contact.chain) Look(key, contact, false);
}

void Watch::OnDoubt(Instant now, const ContactKey& key, Contact& contact, const pki::DeviceId& id) {
  const auto it = contact.devices.find(id);
  if (it == contact.devices.end() || !it->second.live || it->second.doubtful) return;
  Device& device = it->second;
  device.doubtful = true;
  device.failures = 0;
  if (contact.chain && device.state && SaysThere(*device.state) &&
      device.state->expires > parts_.wall.At(now)) {
    Dial(now, key, contact, id);
  } else {
    Look(key, contact, true);
  }
}

void Watch::OnDialFailed(Instant now, const ContactKey& key, Contact& contact,
                         const LinkReport& report) {
  const auto it = contact.devices.find(report.key.device);
  if (it == contact.devices.end()) return;
  Device& device = it->second;
  ++device.failures;
  if (IsDefinite(report.reason) || device.failures >= kTries) {
    Refute(now, device);
    return;
  }
  // Perhaps it moved: the second try goes where its newest state says.
  device.dial_at = now + kSecondTry;
  Look(key, contact, true);
}

void Watch::OnNotification(Instant now, const store::Notification& notification) {
  const auto [begin, end] = by_place_.equal_range(notification.key);
  std::vector<ContactKey> keys;
  for (auto it = begin; it != end; ++it) keys.push_back(it->second);
  for (const ContactKey& key : keys) {
    Contact* contact = Find(key);
    P2PD_CHECK(contact != nullptr);
    if (notification.object.kind() == wire::v1::OBJECT_KIND_AUTHENTICATION) {
      contact->eager = kEagerLooks;
      Look(key, *contact, false);
    } else if (notification.object.kind() == wire::v1::OBJECT_KIND_USER_STATE && contact->chain) {
      const absl::Time wall = parts_.wall.At(now);
      const StateView view = JudgeStates({notification.object}, contact->chain->leaf().public_key(),
                                         parts_.seen, wall);
      Remember(view, *contact->user, wall, parts_.seen);
      for (DeviceState state : view.devices) {
        state.revoked = contact->revoked.count(state.device.id) != 0;
        const auto before = contact->devices.find(state.device.id);
        const bool news = before == contact->devices.end() || !before->second.state ||
                          before->second.state->sequence < state.sequence;
        if (news && !state.revoked) PinnedKeyWorks(now, key, *contact);
        TakeState(now, key, *contact, state);
      }
      if (!view.devices.empty() && !contact->other_key) contact->problem.clear();
      // The key that we know is at work again.
      if (!view.devices.empty() && contact->key_changed) Look(key, *contact, false);
      Evaluate(key, *contact);
    }
  }
  StartLookups(now);
}

void Watch::Evaluate(const ContactKey& key, Contact& contact) {
  Availability best = Availability::kUnknown;
  bool open = false;  // a hello is to decide
  bool verified = false;
  for (const auto& [id, device] : contact.devices) {
    if (device.live) {
      best = MoreReachable(device.live->availability, best);
      verified = verified || !device.doubtful;
    } else if (device.state && SaysThere(*device.state) && !device.refuted) {
      open = open || device.dial_at || parts_.links.HasSession({key.first, *contact.user, id});
    }
  }
  const bool silent = best == Availability::kUnknown;
  if (silent && open) {
    best = contact.availability;
  } else if (silent && contact.chain && !contact.key_changed) {
    best = Availability::kOffline;
  }
  // What is not known now was known before: a lookup that failed refutes nothing.
  if (best == Availability::kUnknown && contact.problem == "LOOKUP_FAILED") {
    best = contact.availability;
  }
  Schedule(key, contact);
  if (verified && contact.problem != "KEY_CHANGED") contact.problem.clear();
  if (best == contact.availability && verified == contact.verified) return;
  contact.availability = best;
  contact.verified = verified;
  reports_.push_back(WatchReport{WatchReport::Kind::kChanged, key.first, key.second, {}});
}

void Watch::Schedule(const ContactKey& key, Contact& contact) {
  if (contact.timer) timers_.erase({*contact.timer, key});
  contact.timer = contact.look_at;
  for (const auto& [id, device] : contact.devices) {
    contact.timer = Earliest(contact.timer, device.dial_at);
  }
  if (contact.timer) timers_.insert({*contact.timer, key});
}

void Watch::SubscribePlace(Instant now, const ContactKey& key, Contact& contact) {
  if (contact.place) return;
  contact.place = store::UserKeyPlace(contact.chain->leaf().public_key().spki());
  parts_.subscriptions.Add(now, *contact.place, wire::v1::OBJECT_KIND_USER_STATE);
  by_place_.emplace(*contact.place, key);
}

void Watch::SubscribeEmail(Instant now, const ContactKey& key, Contact& contact) {
  if (contact.email_place) return;
  contact.email_place = store::AuthenticationKey(key.second);
  parts_.subscriptions.Add(now, *contact.email_place, wire::v1::OBJECT_KIND_AUTHENTICATION);
  by_place_.emplace(*contact.email_place, key);
}

void Watch::Unsubscribe(const ContactKey& key, Contact& contact) {
  std::erase_if(by_place_, [&key](const auto& item) { return item.second == key; });
  if (contact.place) {
    parts_.subscriptions.Remove(*contact.place, wire::v1::OBJECT_KIND_USER_STATE);
  }
  if (contact.email_place) {
    parts_.subscriptions.Remove(*contact.email_place, wire::v1::OBJECT_KIND_AUTHENTICATION);
  }
  contact.place.reset();
  contact.email_place.reset();
}

void Watch::Sweep(Instant now) {
  sweep_at_.reset();
  std::optional<ContactKey> next;
  bool anybody = false;
  for (auto& [own, mine] : owns_) {
    if (!mine.here) continue;
    anybody = true;
    for (auto& [email, contact] : mine.contacts) {
      const ContactKey key(own, email);
      if (contact.verified) continue;
      if (!next || (key > swept_ && *next <= swept_)) next = key;
    }
  }
  if (anybody) sweep_at_ = now + parts_.rng.Jitter(kSweep);
  if (!next) return;
  swept_ = *next;
  Look(*next, *Find(*next), false);
}

void Watch::OnTimeout(Instant now) {
  if (sweep_at_ && *sweep_at_ <= now) Sweep(now);
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const ContactKey key = timers_.begin()->second;
    Contact& contact = *Find(key);
    if (contact.look_at && *contact.look_at <= now) Look(key, contact, false);
    std::vector<pki::DeviceId> due;
    for (auto& [id, device] : contact.devices) {
      if (device.dial_at && *device.dial_at <= now) due.push_back(id);
    }
    for (const pki::DeviceId& id : due) {
      Device& device = contact.devices.at(id);
      device.refuted = false;
      Dial(now, key, contact, id);
    }
    Evaluate(key, contact);
  }
  StartLookups(now);
}

std::optional<Instant> Watch::PollTimeout() const {
  if (timers_.empty()) return sweep_at_;
  return Earliest(sweep_at_, timers_.begin()->first);
}

std::optional<WatchReport> Watch::PollReport() {
  if (reports_.empty()) return std::nullopt;
  WatchReport report = std::move(reports_.front());
  reports_.pop_front();
  return report;
}

std::vector<ContactInfo> Watch::Contacts(const pki::KeyHash& own) const {
  std::vector<ContactInfo> out;
  const auto it = owns_.find(own);
  if (it == owns_.end()) return out;
  for (const auto& [email, contact] : it->second.contacts) {
    ContactInfo info;
    info.email = email;
    info.name = contact.entry.name();
    if (info.name.empty() && contact.chain) info.name = contact.chain->leaf().name();
    info.availability = contact.availability;
    info.verified = contact.verified;
    info.key_changed = contact.key_changed;
    info.confirmed = contact.confirmed;
    info.problem = contact.problem;
    info.chain = contact.chain;
    info.pinned = pki::KeyHash::FromView(AsBytes(contact.entry.pinned_key()));
    if (contact.user) info.last_seen = parts_.seen.LastSeen(*contact.user);
    if (!contact.user && info.pinned) info.last_seen = parts_.seen.LastSeen(*info.pinned);
    for (const auto& [id, device] : contact.devices) {
      DeviceEntry entry;
      if (device.state) entry = ToEntry(*device.state);
      entry.id = id;
      entry.availability = device.live ? device.live->availability : Availability::kOffline;
      if (info.devices.size() < kMaxDevices) info.devices.push_back(std::move(entry));
    }
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace p2pd::presence
