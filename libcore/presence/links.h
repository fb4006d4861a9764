// Links: sessions of purpose presence between an identity of ours and single devices of other
// people, and the leases that run over them in both directions.
//
// Rules: one link per pair of devices. When both dial at once, both sides keep the session that the
// device with the smaller (user, device) dialled and close the other, and of two dialled by the
// same side the newer; until then either serves. A lease counts if it is newer (epoch, sequence)
// than the last over any session of the link. A link on which no leases were promised holds as long
// as its session, whose own keep-alives notice the end. Contacts are sent leases; others got one
// answer. Whether a hello is welcome, and whether to dial again, is the watch's business. Threads:
// one owner. Limits: kMaxLinks, of them kMaxStrangers of people who are no contacts. Source: design
// §5.
#pragma once

#include <compare>
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
#include "libcore/presence/messages.h"
#include "libcore/session/session.h"

namespace p2pd::presence {

struct LinkKey {
  pki::KeyHash own;
  pki::KeyHash user;
  pki::DeviceId device;
  friend auto operator<=>(const LinkKey&, const LinkKey&) = default;
};

// What an identity of ours shows now.
struct Shown {
  Availability availability = Availability::kOnline;
  uint64_t epoch = 0;
  store::Sequence state_sequence;
  pki::DeviceId device;
};

struct CheckIdTag;
using CheckId = Strong<CheckIdTag, uint64_t>;

struct LinkReport {
  enum class Kind {
    kLease,       // a proof that somebody is there; `lease` says what is shown
    kLapsed,      // the lease ran out, nothing newer came
    kDown,        // no session is left
    kDialFailed,  // a dial ended before keys stood, and there is no other session
    kChecked,     // the end of a Check: `lease` or, if it failed, `reason`
  };
  Kind kind;
  LinkKey key;
  std::string email;  // of the peer, as its certificate proved; empty if it never did
  std::optional<Lease> lease;
  session::EndReason reason = session::EndReason::kNone;
  CheckId check;
  absl::Duration round_trip;
  std::string safety_phrase;
};

class Links {
 public:
  static constexpr size_t kMaxLinks = 4096;
  static constexpr size_t kMaxStrangers = 256;

  // `lease` is the life of what we send; it is sent anew after half of it, and a little sooner with
  // what answers theirs.
  Links(session::Sessions& sessions, Rng& rng, Counters& counters, absl::Duration lease);

  // An identity is there, or shows something else: contacts are told at once.
  void Show(Instant now, const pki::KeyHash& own, const Shown& shown);
  // It goes: everybody who has a link is told, and the links end.
  void Leave(Instant now, const pki::KeyHash& own);

  // Nothing happens when a dial is under way or a session stands. False when there is no room or
  // the session was refused.
  bool Dial(Instant now, const LinkKey& key, const session::RemoteDevice& to);
  // One question, answered by kChecked; no link is left.
  CheckId Check(Instant now, const LinkKey& key, const session::RemoteDevice& to);
  // Answers a hello. A contact gets leases. False when there was no room, and it was refused.
  bool Accept(Instant now, const session::IncomingHello& hello, bool contact);
  // Answers a hello with a no.
  void Refuse(Instant now, const session::IncomingHello& hello, session::EndReason reason);
  // Somebody became a contact, or stopped being one: then the links end.
  void SetContact(Instant now, const pki::KeyHash& own, const pki::KeyHash& user, bool contact);

  // A session stands, or is about to.
  bool HasSession(const LinkKey& key) const;
  size_t links() const { return links_.size(); }

  // All events but IncomingHello. True when the session is ours.
  bool OnSessionEvent(Instant now, const session::Event& event);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<LinkReport> PollReport();

 private:
  struct Session {
    LinkKey key;
    bool dialled = false;  // by us
    bool established = false;
    bool closing = false;
    std::optional<CheckId> check;
    std::optional<Lease> offered;  // the caller's lease, believed once the session stands
    bool leases_follow = false;    // from the other side
    std::string email;
  };
  struct Link {
    std::set<session::SessionId> sessions;
    bool contact = false;
    std::string email;
    uint64_t epoch = 0;  // of the newest lease received
    uint64_t sequence = 0;
    std::optional<Lease> last;
    std::optional<Instant> until;  // the lease received; Max while the session is the proof
    std::optional<Instant> next_push;
    std::optional<Instant> timer;  // as it stands in timers_
  };
  Lease MyLease(const pki::KeyHash& own);
  void Push(Instant now, const LinkKey& key, Link& link);
  void Schedule(const LinkKey& key, Link& link);
  void TakeLease(Instant now, const LinkKey& key, Link& link, const Lease& lease, bool holds);
  void OnEstablished(Instant now, session::SessionId id, Session& session,
                     const session::Established& event);
  void OnEnded(session::SessionId id, const session::Ended& event);
  void CloseSpare(Instant now, Link& link);
  void Close(Instant now, session::SessionId id);
  bool Preferred(const Session& session) const;
  std::optional<session::SessionId> Standing(const Link& link) const;
  void EraseIfEmpty(const LinkKey& key);
  void ReportOf(LinkReport report) { reports_.push_back(std::move(report)); }

  session::Sessions& sessions_;
  Rng& rng_;
  Counters& counters_;
  absl::Duration lease_;
  uint64_t next_check_ = 1;
  std::map<pki::KeyHash, Shown> shown_;
  std::map<pki::KeyHash, uint64_t> lease_sequence_;  // by own identity; bounded by kMaxIdentities
  std::map<session::SessionId, Session> by_session_;
  std::map<LinkKey, Link> links_;
  std::set<std::pair<Instant, LinkKey>> timers_;
  size_t strangers_ = 0;
  std::deque<LinkReport> reports_;
};

}  // namespace p2pd::presence
