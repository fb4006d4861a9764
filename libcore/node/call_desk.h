// CallDesk: what a call is to its user, from an e-mail address to its end. It finds the person
// through presence, dials through session::Calls, decides whether an incoming call may ring, and
// tells the media thread what to do.
//
// Rules: a call has its id before anybody was found, so a client can follow it from the first
// moment. Media starts when the call is accepted, not before. Threads: one owner (core). Limits:
// session::CallOptions for calls; those of RingPolicy.
#pragma once

#include <deque>
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
#include "libcore/base/time.h"
#include "libcore/base/token_bucket.h"
#include "libcore/media/call_media.h"
#include "libcore/media/negotiation.h"
#include "libcore/net/endpoint.h"
#include "libcore/node/event_log.h"
#include "libcore/node/paths.h"
#include "libcore/node/ring_policy.h"
#include "libcore/pki/chain.h"
#include "libcore/presence/presence.h"
#include "libcore/session/calls.h"
#include "libcore/session/referral.h"
#include "libcore/session/session.h"

namespace p2pd::node {

// How the last transfer of a call goes. On the side that sent, the call ends with it; on the side
// that was sent, it goes on with the target.
struct TransferView {
  std::string target;
  wire::v1::ReferState state = wire::v1::REFER_STATE_TRYING;
  bool by_peer = false;  // the other side of the call wanted it
};

// A call as the API shows it.
struct CallView {
  session::CallInfo info;
  std::string identity_email;
  absl::Time created;
  std::optional<absl::Time> accepted;
  std::optional<absl::Time> ended;
  std::vector<presence::JourneyStep> steps;
  std::optional<media::CallStats> media;  // as last reported
  bool figures_pending = false;           // it has ended, and the last figures are on their way
  bool quiet = false;                     // incoming: nobody is to be disturbed by it
  bool voicemail = false;                 // incoming: the answering machine took it
  bool muted = false;
  uint64_t conference = 0;       // calls of the same number hear each other; 0: none
  bool voice_both_ways = false;  // audio was sent and decoded
  // Why it ended before a session could say so: resolving failed. `problem` is a stable reason as
  // presence::OperationDone has it.
  absl::Status resolve_status;
  std::string problem;
  bool incompatible = false;    // no codec in common after all
  std::string received_digits;  // DTMF of the peer, the last 64
  std::optional<TransferView> transfer;
  std::string referred_by;  // incoming: the contact who sent the caller here, proved
  // Where the voice goes; none before media starts and while there is no way. Relayed: a way as
  // overlay::DetourPath has it.
  std::optional<net::Endpoint> remote;
  bool relayed = false;
  std::string key_fingerprint;  // 16 hex digits, equal on both sides; empty before media starts
  pki::ChainFault fault = pki::ChainFault::kNone;
};

// What the media thread is to do. MediaStart: keys, SSRCs, remote endpoint; sources and sinks are
// the daemon's.
struct MediaStart {
  session::CallId call;
  media::CallMediaConfig config;
};
// The call goes on with another end: what it plays and hears stays as it is.
struct MediaSwitch {
  session::CallId call;
  media::CallMediaConfig config;
};
struct MediaRemote {
  session::CallId call;
  std::optional<net::Endpoint> remote;  // nullopt: there is none, and nothing may be sent
};
struct MediaHold {
  session::CallId call;
  bool by_us = false;
  bool by_peer = false;
};
struct MediaMute {
  session::CallId call;
  bool muted = false;
};
// Its place among the calls that hear each other.
struct MediaSeat {
  session::CallId call;
  uint64_t conference = 0;  // 0: it is alone again
};
struct MediaStop {
  session::CallId call;
};

// The fresh keys of a call. `send`: at once; else when the peer has been heard under them.
struct MediaRekey {
  session::CallId call;
  media::CallMediaKeys keys;
  uint32_t epoch = 0;
  bool send = false;
};
using MediaCommand = std::variant<MediaStart, MediaSwitch, MediaRemote, MediaHold, MediaMute,
                                  MediaSeat, MediaRekey, MediaStop>;

// What the media thread says.
struct MediaReport {
  session::CallId call;
  std::optional<media::CallStats> stats;
  bool first_audio = false;  // the first frame was decoded
  bool source_finished = false;
  bool stalled = false;
  bool stopped = false;  // the answer to MediaStop: nothing follows
};

class CallDesk {
 public:
  // A call is sent elsewhere by its other side at most so often.
  static constexpr double kReferralsPerMinute = 3;
  // Referrals that counted and have not expired; more are not believed.
  static constexpr size_t kReferralsRemembered = 1024;
  // How long a call waits for the caller's own log-in: as long as the API says that one takes.
  static constexpr absl::Duration kLoginWait = absl::Seconds(20);
  // How long the end of a call waits for its last figures, which need a beat of the media thread.
  static constexpr absl::Duration kFiguresWait = absl::Seconds(1);

  struct Options {
    RingRules ring;
    // Somebody takes calls that do not ring (CallView::quiet); else the caller hears that we are
    // busy.
    bool answering = false;
    // Go on with whom the other side of a call sends us to, or sends to us.
    bool follow_transfers = true;
    absl::Duration rekey = absl::Hours(1);  // between two changes of a call's media keys
    media::CallMediaOptions media;
  };
  struct Parts {
    session::Sessions& sessions;
    session::Calls& calls;
    presence::Presence& presence;
    Paths& paths;
    EventLog& events;
    const WallClock& wall;
    Rng& rng;
    Counters& counters;
  };
  CallDesk(const Options& options, const Parts& parts);

  // See Node.
  absl::StatusOr<session::CallId> Dial(Instant now, absl::string_view as, absl::string_view email);
  absl::Status Accept(Instant now, const session::CallId& call);
  absl::Status TakeMessage(Instant now, const session::CallId& call);
  absl::Status Reject(Instant now, const session::CallId& call);
  absl::Status HangUp(Instant now, const session::CallId& call);
  absl::Status Hold(Instant now, const session::CallId& call, bool hold);
  absl::Status Mute(Instant now, const session::CallId& call, bool muted);
  absl::Status SendDtmf(Instant now, const session::CallId& call, absl::string_view digits);
  absl::Status SetRecorded(Instant now, const session::CallId& call, bool recorded);
  absl::Status Confer(Instant now, absl::Span<const session::CallId> calls);
  absl::Status LeaveConference(Instant now, const session::CallId& call);
  absl::Status Transfer(Instant now, const session::CallId& call, absl::string_view target);
  absl::Status TransferTo(Instant now, const session::CallId& call, const session::CallId& target);
  std::optional<CallView> Find(const session::CallId& call) const;
  std::vector<CallView> List() const;

  // Ends all calls and takes no new ones.
  void HangUpAll(Instant now);
  bool draining() const { return draining_; }
  // No call is under way any more, and the figures of all are the last.
  bool Idle() const;

  // An identity logged in or out, or did not manage to.
  void OnIdentityChanged(Instant now, const std::string& email);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  // True when the operation was one of ours: the end of a Resolve.
  bool OnPresence(Instant now, const presence::OperationDone& done);
  void OnCallEvent(Instant now, const session::CallEvent& event);
  void OnRemoteMoved(Instant now, const session::RemoteMoved& moved);
  void OnPath(Instant now, const PathChanged& changed);
  void OnMedia(Instant now, const MediaReport& report);
  std::optional<MediaCommand> PollMedia();

 private:
  // The call that is to take the place of the one with the peer, while that goes on.
  struct Onward {
    std::string email;
    Bytes referral;  // what we show there; empty when somebody was sent to us
    std::optional<presence::OperationId> resolving;
    std::optional<session::CallId> wire;
    std::optional<media::Offer> offer;
    std::optional<media::Answer> answer;
  };
  struct Record {
    CallView view;
    Instant dialled;
    std::optional<Instant> login_until;  // nobody is looked for before we are logged in
    std::optional<presence::OperationId> resolving;
    std::optional<session::CallId> wire;  // id in session::Calls
    std::optional<Onward> onward;
    std::optional<session::CallId> consulted;  // attended: the call with the target
    TokenBucket referrals{kReferralsPerMinute / 60, kReferralsPerMinute};
    std::optional<media::Offer> offer;    // outgoing
    std::optional<media::Answer> answer;  // incoming
    bool contact = false;                 // incoming: somebody we know
    bool media_started = false;
    media::SrtpSuite suite = media::SrtpSuite::kAeadAes128Gcm;  // of the media that started
    bool first_audio = false;
    std::optional<Instant> figures_until;  // see CallView::figures_pending
  };
  Record* FindRecord(const session::CallId& call);
  const Record* FindRecord(const session::CallId& call) const;
  Record* FindByWire(const session::CallId& wire);
  Record* FindByOnward(const session::CallId& wire);
  absl::StatusOr<session::CallId> WireOf(const session::CallId& call) const;
  void Changed(Instant now, Record& record, absl::string_view what);
  std::vector<Record*> InConference(uint64_t conference);
  void Seat(Instant now, Record& record, uint64_t conference);
  // One call alone is no conference.
  void BreakUp(Instant now, uint64_t conference);
  void StartResolving(Instant now, Record& record);
  void AddStep(Instant now, Record& record, presence::JourneyStep::Kind kind, std::string detail);
  // Else ends the call and says why.
  bool StillLoggedIn(Instant now, Record& record);
  void TakeLastFigures(Record& record);
  void EndUnresolved(Instant now, Record& record, absl::Status status, std::string problem,
                     pki::ChainFault fault);
  void OnOffered(Instant now, const session::CallId& wire);
  void OnKeysReady(Instant now, const session::CallKeysReady& ready);
  void OnChanged(Instant now, const session::CallId& wire);
  void OnEnded(Instant now, Record& record);
  // Of the call's present wire; nullopt and a counter when the two ends do not fit.
  std::optional<media::CallMediaConfig> MediaConfig(Instant now, Record& record);
  void StartMedia(Instant now, Record& record);
  // call_transfer.cc
  absl::Status Send(Instant now, Record& record, const std::string& target, Record* consulted);
  void SetTransfer(Instant now, Record& record, wire::v1::ReferState state);
  void OnRefer(Instant now, const session::ReferReceived& refer);
  void OnReferState(Instant now, const session::ReferStateReceived& told);
  void EndSending(Instant now, Record& record, wire::v1::ReferState state);
  bool Follow(Instant now, Record& record, const session::Referral& referral, Bytes encoded);
  void DialOnward(Instant now, Record& record, const presence::OperationDone& done);
  void OnOnwardChanged(Instant now, Record& record);
  void FailOnward(Instant now, Record& record, wire::v1::ReferState why);
  void GoOn(Instant now, Record& record);
  // The one with the peer is over while the next is under way.
  void CutLoose(Instant now, Record& record);
  std::optional<session::Referral> ReadReferral(Instant now, const session::CallInfo& info);
  bool TakeOver(Instant now, const session::CallInfo& info, const session::Referral& referral);
  std::string EmailOf(const pki::KeyHash& identity) const;
  // Of the present epoch.
  media::CallMediaKeys MediaKeys(const session::CallInfo& wire, media::SrtpSuite suite) const;
  void OnRekeyed(Instant now, const session::CallRekeyed& rekeyed);
  // From now on the voice goes there; nullopt: nowhere.
  void SetRemote(Record& record, const std::optional<net::Endpoint>& remote);
  // The voice of this session's call goes there from now on.
  void MoveMedia(Instant now, session::SessionId session,
                 const std::optional<net::Endpoint>& remote);
  std::optional<presence::Caller> JudgeCaller(Instant now, const session::CallInfo& info);
  RingPolicy::Verdict MayRing(Instant now, const session::CallInfo& info, bool referred);
  void Forget();

  Options options_;
  Parts parts_;
  std::map<session::CallId, Record> records_;
  std::deque<session::CallId> order_;  // oldest first
  RingPolicy ring_policy_;
  std::map<session::ReferralNonce, absl::Time> referrals_;  // those that counted, until they expire
  std::deque<MediaCommand> media_;
  uint64_t last_conference_ = 0;
  bool draining_ = false;
};

}  // namespace p2pd::node
