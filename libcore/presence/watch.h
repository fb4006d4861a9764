// Watch: the presence of each contact of each identity that is logged in, kept fresh at a cost that
// does not grow with the contacts who are not there.
//
//   lookup ─► state says online ─► hello ─► answered: leases (links.h) ─► lease ran out ─► hello
//     ▲              │                └── twice unanswered ──► offline ◄── unanswered ────────┘
//     └── a put at the contact's place is notified by its replicas; nothing else is ever polled but
//         one contact every five minutes, whoever's turn it is
//
// Rules: a person is shown as there only on a proof: an ack, or a lease. A person is shown as
// offline when the lease ran out and a new hello failed, or when the contact's newest word says so.
// Until a hello decided, what was shown before stays. A contact that cannot be reached though its
// state says online is tried again at each new state, and in between ever more rarely. A
// certificate that was believed is judged again when revocation lists or roots change; whose is
// refused is shown as unknown with the reason, and the links to them end. Another key than the
// pinned one is shown as soon as it is found or calls; it is forgotten when the pinned key is seen
// at work after that, not because it can still be found. Threads: one owner. Limits: kMaxContacts
// an identity, kMaxParallelLookups. Sources: design §5; notes on false presence and idle traffic of
// Jami and Tox.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/presence/links.h"
#include "libcore/presence/resolver.h"
#include "libcore/presence/subscriptions.h"
#include "p2pd/wire/v1/objects.pb.h"

namespace p2pd::presence {

struct WatchReport {
  enum class Kind { kChanged, kPin };
  Kind kind;
  pki::KeyHash own;
  std::string email;
  pki::KeyHash key;  // kPin: the key seen first
};

class Watch {
 public:
  // Contacts looked up at a time; the rest waits its turn.
  static constexpr size_t kMaxParallelLookups = 8;

  struct Parts {
    Resolver& resolver;
    Links& links;
    Subscriptions& subscriptions;
    Seen& seen;
    const pki::TrustStore& trust;
    const WallClock& wall;
    Rng& rng;
    Counters& counters;
  };
  explicit Watch(const Parts& parts) : parts_(parts) {}

  // The contacts of an identity, whether it is logged in or not.
  void SetContacts(Instant now, const pki::KeyHash& own,
                   const std::vector<const wire::v1::ContactEntry*>& contacts);
  // `everybody`: strangers' questions are answered too.
  void SetPolicy(const pki::KeyHash& own, bool everybody);
  void Arrive(Instant now, const pki::KeyHash& own, const pki::DeviceId& device);
  void Leave(const pki::KeyHash& own);
  void Forget(const pki::KeyHash& own);  // the identity was deleted
  // The network came back, or whom we trust changed: whoever is not proven to be there is looked
  // up.
  void LookAgain(Instant now);
  // Whom we trust, or what is revoked, changed: each certificate that was believed is judged again.
  void JudgeAgain(Instant now);
  // Adds the authorities that certified contacts, by their keys.
  void AddIssuers(std::map<pki::KeyHash, pki::Certificate>& issuers) const;

  std::vector<ContactInfo> Contacts(const pki::KeyHash& own) const;
  bool IsContact(const pki::KeyHash& own, absl::string_view email) const;

  // Somebody proved by a hello to hold `user`, certified for `email`.
  Caller OnCaller(Instant now, const pki::KeyHash& own, const std::string& email,
                  const pki::KeyHash& user);
  void OnIncomingHello(Instant now, const session::IncomingHello& hello);
  bool OnLookupDone(Instant now, const LookupDone& done);
  void OnLinkReport(Instant now, const LinkReport& report);
  void OnNotification(Instant now, const store::Notification& notification);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<WatchReport> PollReport();

 private:
  using ContactKey = std::pair<pki::KeyHash, std::string>;
  struct Device {
    std::optional<DeviceState> state;
    std::optional<Lease> live;  // the newest proof
    bool doubtful = false;      // it ran out; a hello is to decide
    bool refuted = false;       // two hellos failed since the newest state
    int failures = 0;
    std::optional<Instant> dial_at;
    absl::Duration backoff;
  };
  struct Contact {
    wire::v1::ContactEntry entry;
    std::optional<pki::CertificateChain> chain;
    std::optional<pki::KeyHash> user;
    std::optional<store::Key> place;  // subscribed to
    std::optional<store::Key> email_place;
    std::map<pki::DeviceId, Device> devices;
    std::set<pki::DeviceId> revoked;
    bool queued = false;
    bool looking = false;
    bool refused = false;  // its certificate, since `problem`; nothing of it is believed
    int eager = 0;         // lookups still to be tried soon, since a certificate was announced
    std::optional<Instant> look_at;
    absl::Duration backoff;
    Availability availability = Availability::kUnknown;
    bool verified = false;
    bool key_changed = false;
    bool other_key = false;  // called; until the pinned key is seen at work
    absl::Time confirmed = absl::InfinitePast();
    std::string problem;
    std::optional<Instant> timer;
  };
  struct Own {
    std::map<std::string, Contact> contacts;
    bool here = false;
    bool everybody = true;
    pki::DeviceId device;
  };

  Contact* Find(const ContactKey& key);
  void PinnedKeyWorks(Instant now, const ContactKey& key, Contact& contact);
  void Look(const ContactKey& key, Contact& contact, bool first);
  void StartLookups(Instant now);
  void TakeLookup(Instant now, const ContactKey& key, Contact& contact, const LookupDone& done);
  void RefuseCertificate(Instant now, const ContactKey& key, Contact& contact,
                         pki::ChainFault fault);
  void TakeCertificate(Instant now, const ContactKey& key, Contact& contact,
                       const Resolved& resolved);
  void TakeStates(Instant now, const ContactKey& key, Contact& contact, const StateView& view);
  void TakeState(Instant now, const ContactKey& key, Contact& contact, const DeviceState& state);
  void TakeLease(Instant now, const ContactKey& key, Contact& contact, const LinkReport& report);
  void OnDoubt(Instant now, const ContactKey& key, Contact& contact, const pki::DeviceId& id);
  void OnDialFailed(Instant now, const ContactKey& key, Contact& contact, const LinkReport& report);
  void Dial(Instant now, const ContactKey& key, Contact& contact, const pki::DeviceId& id);
  void Refute(Instant now, Device& device);
  void Evaluate(const ContactKey& key, Contact& contact);
  void Schedule(const ContactKey& key, Contact& contact);
  void SubscribePlace(Instant now, const ContactKey& key, Contact& contact);
  void SubscribeEmail(Instant now, const ContactKey& key, Contact& contact);
  void Unsubscribe(const ContactKey& key, Contact& contact);
  void Drop(const ContactKey& key, Contact& contact);
  void Sweep(Instant now);

  Parts parts_;
  std::map<pki::KeyHash, Own> owns_;
  std::map<LookupId, ContactKey> lookups_;
  std::deque<ContactKey> queue_;
  std::multimap<store::Key, ContactKey> by_place_;
  std::set<std::pair<Instant, ContactKey>> timers_;
  std::optional<Instant> sweep_at_;
  ContactKey swept_;  // whose turn it was last
  std::deque<WatchReport> reports_;
};

}  // namespace p2pd::presence
