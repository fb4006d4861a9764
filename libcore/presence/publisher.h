// Publisher: the life of one identity in the overlay, from log-in to log-out: it reads what the
// user's devices left there, takes up their environment, and keeps this device's state fresh.
//
//   kOut ─Login─► kReading ─own place read─► kReadingEnvironment ─► kWriting ─state acked─► kIn
//    ▲               ▲  └── nobody answered: again after a while ──┘                        │
//    └── acked, or 5 s ── kLeaving ◄──────────────────── Logout, Farewell ──────────────────┘
//
// Rules: nothing is written before the own objects were read, so that a second machine never starts
// an environment beside the one that exists. A state is put anew at half its life, at every change,
// and after the network was lost. user_config_key stands sealed in every state and in the anchor,
// which lies in the store for 90 days whether or not a machine logged out. A device that finds
// itself revoked logs out, and so does an identity whose certificate is: a log-in asks its
// authorities for their lists first. Threads: one owner. Limits: kMaxDevices. Sources: design §4,
// user state; issue "presence".
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/base/time.h"
#include "libcore/overlay/node.h"
#include "libcore/presence/environment.h"
#include "libcore/presence/environment_sync.h"
#include "libcore/presence/identity.h"
#include "libcore/presence/judge.h"
#include "libcore/presence/revocations.h"
#include "libcore/presence/seen.h"
#include "libcore/presence/subscriptions.h"
#include "libcore/session/session.h"
#include "libcore/store/store.h"

namespace p2pd::presence {

// How long an offline state and the anchor lie in the store.
inline constexpr absl::Duration kOfflineFor = absl::Hours(24 * 90);

struct PublisherReport {
  enum class Kind {
    kLoggedIn,         // the state is acknowledged
    kLoginDelayed,     // nobody answered, or the disk is full; it goes on trying
    kLoginRefused,     // given up: see status and problem
    kLoggedOut,        // the offline state is acknowledged, or nobody answered for 5 s
    kRevoked,          // this device is revoked: it is logged out
    kContactsChanged,  // another device's edits came in
    kChanged,          // something else that is shown
  };
  Kind kind;
  absl::Status status;
  std::string problem;
};

class Publisher {
 public:
  enum class Phase { kOut, kReading, kReadingEnvironment, kWriting, kIn, kLeaving };

  struct Parts {
    overlay::Node& overlay;
    store::Store& store;
    session::Sessions& sessions;
    Storage& storage;
    pki::Crypto& crypto;
    const pki::TrustStore& trust;
    Revocations& revocations;
    Subscriptions& subscriptions;
    Seen& seen;
    const WallClock& wall;
    Rng& rng;
    Counters& counters;
  };
  // `identity` outlives the object. `environment` is the one on disk or a fresh one.
  Publisher(const Parts& parts, const PresenceOptions& options, OwnIdentity& identity,
            Environment environment);

  // `by_person`: the key must be open then; a log-in after a restart does with the device's keys.
  void Login(Instant now, bool by_person);
  // The next start does not log in. An error when that could not be kept on disk.
  absl::Status ForgetLogin();
  // Until the next start, unless ForgetLogin.
  void Logout(Instant now);
  absl::Status SetShown(Instant now, wire::v1::UserStateBody::Flag shown);
  void SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses);
  // The node found its ring again: what lies there may have come from another device meanwhile.
  void OnJoined(Instant now);
  // A new certificate was installed, or the key was opened.
  void OnIdentityChanged(Instant now);
  // The certificate, by its own dates, its address and the revocation lists that are known.
  pki::ChainVerdict Judge(Instant now) const;
  // Newer revocation lists are known: logs out whose certificate is in one.
  void OnListsChanged(Instant now);

  Environment& environment() { return environment_; }
  const Environment& environment() const { return environment_; }
  void Edited(Instant now) { sync_.Edited(now); }  // the environment, by the user

  Phase phase() const { return phase_; }
  bool logged_in() const { return phase_ == Phase::kIn; }
  // Hellos to this identity are answered.
  bool reachable() const { return phase_ == Phase::kIn || phase_ == Phase::kWriting; }
  store::Sequence sequence() const { return sequence_; }
  absl::Time expires() const { return expires_; }
  int replicas() const { return replicas_; }
  const std::string& problem() const { return problem_; }
  uint64_t epoch() const;

  // After Revocations has seen the event and OnListsChanged was called if need be.
  bool OnStoreEvent(Instant now, const store::Event& event);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<PublisherReport> PollReport();

 private:
  store::Key Place() const;
  void AskLists(Instant now, absl::Duration fresh);
  bool OnListAnswered(Instant now, store::OperationId id);
  void StopWaiting();
  void StartPass(Instant now);
  void OnOwnPlace(Instant now, const store::GetDone& done);
  std::vector<SecretBytes> OpenSealedKeys(const StateView& view);
  const SecretBytes* OpenSealedKey(const Bytes& sealed);
  void LookAtAnchor(const StateView& view, absl::Time wall);
  void RenewDeviceList(Instant now, const StateView& view);
  void PassUnanswered(Instant now, const absl::Status& status);
  void PassFailed(Instant now, absl::Status status, absl::string_view problem);
  void Refuse(Instant now, PublisherReport::Kind kind, absl::Status status,
              absl::string_view problem);
  void WriteAll(Instant now);
  void PutAuthentication(Instant now);
  void PutAnchor(Instant now);
  void PutOther(Instant now, const store::Object& object);
  void PutState(Instant now);
  absl::StatusOr<store::Object> MakeState(Instant now, bool offline);
  void OnStatePut(Instant now, const store::PutDone& done);
  bool OnPut(Instant now, const store::PutDone& done);
  bool OnNotification(Instant now, const store::Notification& notification);
  void OnOtherDevice(Instant now, const store::Object& object);
  void Subscribe(Instant now);
  void Unsubscribe();
  void Left();
  // Logs out whose certificate is not valid any more; true then.
  bool EndIfInvalid(Instant now);
  void Report(PublisherReport::Kind kind, absl::Status status = absl::OkStatus(),
              absl::string_view problem = "");

  Parts parts_;
  PresenceOptions options_;
  OwnIdentity& identity_;
  Environment environment_;
  EnvironmentSync sync_;
  Phase phase_ = Phase::kOut;
  std::vector<net::Endpoint> addresses_;  // none: those of the node's record
  std::string problem_;

  std::optional<store::OperationId> own_get_;
  bool pass_pending_ = false;  // a pass runs: own place, then environment
  bool told_delayed_ = false;
  std::optional<Instant> retry_at_;
  std::optional<Instant> joining_until_;
  absl::Duration backoff_;
  absl::Duration lists_fresh_ = Revocations::kFresh;  // enough for the next pass
  std::set<store::OperationId> list_waits_;           // of our authorities, before we go on
  bool write_waits_ = false;                          // the pass has read all else
  bool confirm_waits_ = false;  // a log-in that only asks whether it still stands
  store::Sequence above_;       // largest sequence of this device seen in the store
  bool anchor_due_ = false;
  store::Sequence anchor_above_;
  // What was inside sealed keys that we opened, by their digest; at most kMaxOpened.
  static constexpr size_t kMaxOpened = 32;
  std::map<pki::Sha256Digest, SecretBytes> opened_;

  std::optional<store::OperationId> state_put_;
  std::optional<store::Object> state_putting_;
  bool state_dirty_ = false;
  std::optional<Instant> refresh_at_;
  store::Sequence sequence_;
  absl::Time expires_ = absl::InfinitePast();
  int replicas_ = 0;
  std::map<store::OperationId, store::Object> other_puts_;  // authentication, anchor, device list
  std::optional<Instant> other_retry_at_;
  std::optional<store::OperationId> offline_put_;
  std::optional<Instant> leave_until_;
  bool subscribed_ = false;
  std::deque<PublisherReport> reports_;
};

}  // namespace p2pd::presence
