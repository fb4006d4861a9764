// Presence: who we are, whom we know, where they are. It keeps identities and contacts, logs in and
// out (user state, authentication and environment objects), resolves an e-mail address to proven
// devices, and keeps the presence of contacts fresh by leases over sessions.
//
// Rules: a presence is believed only after the contact's device answered a hello of purpose
// presence, or while its leases run; an offline contact costs nothing but one subscription at its
// replicas; "no answer" is shown as offline only when the lease ran out and a new hello failed.
// Identities are plural; the first is the default. Nothing about an identity leaves the storage
// unencrypted but what the design publishes. Threads: one owner (core). The owner hands in store
// and session events that are ours. Sources: design §4, §5.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"
#include "libcore/pki/chain.h"
#include "libcore/presence/limits.h"
#include "libcore/session/session.h"
#include "libcore/store/store.h"

namespace p2pd::presence {

enum class Availability { kUnknown, kOffline, kOnline, kAway, kBusy };

enum class IdentityState {
  kNoCertificate,  // key and CSR exist
  kLocked,         // key is under a passphrase that was not given yet
  kLoggedOut,
  kLoggingIn,
  kLoggedIn,
};

struct IdentityInfo {
  std::string email;
  std::string name;
  IdentityState state = IdentityState::kNoCertificate;
  pki::KeyHash user;
  std::optional<pki::CertificateChain> chain;
  pki::DeviceId device;
  Availability shown = Availability::kOnline;  // what we show when logged in
  bool has_passphrase = false;
  bool is_default = false;
  std::string csr_pem;             // empty once a certificate is installed
  store::Sequence state_sequence;  // of the state last acknowledged; 0 before
  absl::Time state_expires = absl::InfinitePast();
  int state_replicas = 0;  // copies that were acknowledged
  std::string problem;     // why a log-in does not succeed, one sentence; empty otherwise
  // kRevoked when a revocation list that is known here names the certificate or one above it.
  pki::ChainFault fault = pki::ChainFault::kNone;
};

struct DeviceEntry {
  pki::DeviceId id;
  std::string label;
  Availability availability = Availability::kUnknown;
  bool this_device = false;
  bool revoked = false;
  absl::Time expires;
  std::vector<net::Endpoint> addresses;
};

struct ContactInfo {
  std::string email;
  std::string name;
  Availability availability = Availability::kUnknown;
  absl::Time last_seen = absl::InfinitePast();
  // Another key than the pinned one was found, or called: shown before anything rings. Stays until
  // the pinned key is seen at work again, or the contact is taken anew.
  bool key_changed = false;
  std::optional<pki::KeyHash> pinned;
  // Whether a device proved by ack or lease that it is there now; else only a stored state says so.
  bool verified = false;
  absl::Time confirmed = absl::InfinitePast();  // when `availability` was last confirmed
  std::optional<pki::CertificateChain> chain;   // the one that was verified
  std::vector<DeviceEntry> devices;             // as far as known, at most 8
  // Why nothing better is known, one of the names at OperationDone::problem; empty when all is
  // well.
  std::string problem;
};

// Who calls one of our identities.
enum class Caller {
  kStranger,
  kContact,   // with the pinned key, or none is pinned yet
  kOtherKey,  // a contact's address and another key than the pinned one: nothing may ring
};

// What resolving found, step by step: the journey that `call dial` and the demo show.
struct JourneyStep {
  enum class Kind {
    kCertificateFound,     // detail: node, hops
    kCertificateVerified,  // detail: CA, revocation
    kStateFound,           // detail: devices, addresses
    kHelloSent,
    kAckVerified,
    kKeysReady,
    kFirstAudio,
  };
  Kind kind;
  absl::Duration since_start;
  std::string detail;
  int hops = 0;         // overlay hops, where there are any
  std::string address;  // "ADDR:PORT" of the node or machine concerned, or empty
};

struct Resolved {
  pki::CertificateChain chain;
  pki::ChainVerdict verdict;
  std::vector<session::RemoteDevice> devices;  // online, away or busy ones; newest sequence each
  Availability availability = Availability::kUnknown;
  std::vector<JourneyStep> steps;
  // The certificate's key is not the one pinned: nothing may ring.
  bool key_changed = false;
};

struct OperationIdTag;
using OperationId = Strong<OperationIdTag, uint64_t>;

// The end of Login, Logout, Resolve, GetPresence, RevokeDevice, ListDevices, PublishCrl, Import.
struct OperationDone {
  OperationId id;
  absl::Status status;  // Resolve: NOT_FOUND no such certificate; UNAVAILABLE offline;
                        // PERMISSION_DENIED see fault
  pki::ChainFault fault = pki::ChainFault::kNone;
  std::optional<Resolved> resolved;
  Availability availability = Availability::kUnknown;
  std::vector<DeviceEntry> devices;
  // Stable reason for the API, empty when all is well: CERTIFICATE_NOT_FOUND, a ChainFaultName,
  // KEY_CHANGED, STATE_NOT_FOUND, STATE_FORGED, STATE_OLD, NOT_ACKNOWLEDGED, DEVICE_REVOKED,
  // DEVICE_UNKNOWN, IDENTITY_UNKNOWN, IDENTITY_LOCKED, IDENTITY_WITHOUT_CERTIFICATE, NOT_LOGGED_IN,
  // CRL_MALFORMED, CRL_WRONG_SIGNATURE, CRL_EXPIRED, EMAIL_INVALID, TOO_MANY, LOOKUP_FAILED.
  std::string problem;
};
struct IdentityChanged {
  std::string email;
};
struct ContactChanged {
  std::string as;  // identity
  std::string email;
  bool removed = false;
};
using Event = std::variant<OperationDone, IdentityChanged, ContactChanged>;

struct PresenceOptions {
  absl::Duration state_lifetime =
      absl::Minutes(10);  // 30 s .. 10 min, of an online state; refreshed at half
  absl::Duration lease = absl::Seconds(30);                 // pushed to watchers at half of it
  absl::Duration environment_interval = absl::Minutes(30);  // stored at least so often
  std::string device_label;                                 // the host's name
  bool strict_revocation = false;  // refuse a certificate of whose CA no CRL was ever seen
};

// Names of settings in the user environment that presence itself obeys.
// Who gets an answer to a hello of purpose presence: "everybody" (the default: whoever has a
// certificate that we trust may check whether we are logged in, but only contacts are sent leases)
// or "contacts".
inline constexpr absl::string_view kPresencePolicySetting = "presence.policy";

class Presence {
 public:
  struct Parts {
    overlay::Node& overlay;
    store::Store& store;
    session::Sessions& sessions;
    Storage& storage;
    pki::Crypto& crypto;
    pki::TrustStore& trust;
    const WallClock& wall;
    Rng& rng;
    Counters& counters;
  };
  Presence(const PresenceOptions& options, const Parts& parts);
  ~Presence();

  // Loads identities, roots, CRLs and contacts from storage; logs in again who was logged in, at
  // the first OnTimeout (after the node was started). A damaged blob is named in the log and in
  // Problems(), and what it held is missing; all the rest works.
  absl::Status Load(Instant now);
  const std::vector<std::string>& Problems() const;

  // --- identities. Everything acknowledged is on disk. ---
  // A new P-256 key and its CSR in PEM. AlreadyExists.
  absl::StatusOr<std::string> CreateIdentity(Instant now, absl::string_view email,
                                             absl::string_view name, const SecretBytes& passphrase);
  // PEM (certificate and chain, maybe a key) or PKCS#12. The certificate must fit a key that we
  // have or that comes with it, and lead to a root: one in the file, or a trusted one. Returns the
  // identity.
  // A key that comes along is stored under `storage_passphrase`, or in the clear (mode 0600) when
  // that is empty. InvalidArgument: no certificate or no chain; NotFound: nobody's key;
  // PermissionDenied: wrong passphrase; AlreadyExists: the address has another key here;
  // FailedPrecondition: expired or wrong e-mail, also another one than `email`, when that is given.
  absl::StatusOr<IdentityInfo> InstallCertificate(
      Instant now, ByteView file, const SecretBytes& passphrase,
      const SecretBytes& storage_passphrase = SecretBytes(), absl::string_view email = "");
  // A key alone (PEM): the certificate is fetched from the overlay by `email`. OperationDone
  // follows.
  absl::StatusOr<OperationId> ImportKey(Instant now, absl::string_view email, ByteView pem,
                                        const SecretBytes& passphrase,
                                        const SecretBytes& storage_passphrase = SecretBytes());
  // PKCS#12 under `passphrase` (not empty).
  absl::StatusOr<SecretBytes> Export(absl::string_view email, const SecretBytes& passphrase) const;
  absl::Status Unlock(Instant now, absl::string_view email, const SecretBytes& passphrase);
  absl::Status DeleteIdentity(Instant now, absl::string_view email);
  std::vector<IdentityInfo> Identities() const;
  // Empty `email`: the default identity. NotFound.
  absl::StatusOr<IdentityInfo> Identity(absl::string_view email) const;

  // With the key of an identity; the default one when `as` is empty. Words at the beginning of
  // `message` say what for, and no two purposes have the same. NotFound; FailedPrecondition while
  // it is locked or has no certificate.
  struct Signed {
    pki::CertificateChain chain;
    Bytes signature;
  };
  absl::StatusOr<Signed> Sign(absl::string_view as, ByteView message) const;

  OperationId Login(Instant now, absl::string_view email);
  OperationId Logout(Instant now, absl::string_view email);
  // Logs out everybody for shutdown without forgetting that they were logged in. Done when
  // PendingFarewells() is 0.
  void Farewell(Instant now);
  size_t PendingFarewells() const;
  absl::Status SetAvailability(Instant now, absl::string_view email, Availability shown);
  // Our addresses changed: states are put anew.
  void SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses);

  OperationId ListDevices(Instant now, absl::string_view email);
  OperationId RevokeDevice(Instant now, absl::string_view email, const pki::DeviceId& device);

  // --- trust. ---
  absl::Status AddRoot(Instant now, ByteView pem);
  absl::Status RemoveRoot(const pki::CertificateHash& fingerprint);
  OperationId PublishCrl(Instant now, ByteView crl_pem, ByteView ca_pem);

  // --- contacts of one identity. InvalidArgument also for the identity's own address. ---
  absl::Status AddContact(Instant now, absl::string_view as, absl::string_view email,
                          absl::string_view name);
  absl::Status RemoveContact(Instant now, absl::string_view as, absl::string_view email);
  std::vector<ContactInfo> Contacts(absl::string_view as) const;
  bool IsContact(absl::string_view as, absl::string_view email) const;
  // Whether this is a contact, and `key` the one pinned for it.
  bool IsPinned(absl::string_view as, absl::string_view email, const pki::KeyHash& key) const;
  // `key` was proven by a hello. A contact's other key is shown from then on.
  Caller JudgeCaller(Instant now, absl::string_view as, absl::string_view email,
                     const pki::KeyHash& key);
  // Named settings of the user environment; they travel to the user's other devices. Empty when
  // not set. At most 64, names of 64 bytes, values of 1,024.
  std::string Setting(absl::string_view as, absl::string_view name) const;
  absl::Status SetSetting(Instant now, absl::string_view as, absl::string_view name,
                          absl::string_view value);

  // --- finding people. ---
  // Certificate, verification, state: what a dial needs. `as` is whose eyes (pins) are used.
  OperationId Resolve(Instant now, absl::string_view as, absl::string_view email);
  // Like Resolve, then a hello of purpose presence to each device.
  OperationId GetPresence(Instant now, absl::string_view as, absl::string_view email);

  // --- inputs. Each returns true when the event was ours. ---
  bool OnStoreEvent(Instant now, const store::Event& event);
  bool OnSessionEvent(Instant now, const session::Event& event);
  void OnJoinStateChanged(Instant now, overlay::JoinState state);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Event> PollEvent();

 private:
  class Impl;  // presence_impl.h
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::presence
