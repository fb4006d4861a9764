// Node: the assembly. One object of the sans-I/O shape that holds overlay, store, sessions,
// presence and calls, hands each one the events of the layers below, and offers what the control
// API does as use cases.
//
// It is the only constructor that knows everyone. The daemon drives it with a socket and a clock,
// the simulator with a simulated network; nothing in it can tell the difference. Threads: one owner
// (core). Media runs elsewhere: PollMedia says what to start and stop, OnMedia reports back.
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
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"
#include "libcore/node/call_desk.h"
#include "libcore/node/event_log.h"
#include "libcore/overlay/node.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/crypto.h"
#include "libcore/presence/presence.h"
#include "libcore/session/calls.h"
#include "libcore/session/session.h"
#include "libcore/store/object_table.h"
#include "libcore/store/store.h"

namespace p2pd::node {

struct NodeOptions {
  std::vector<net::Endpoint> addresses;  // how others reach us; 1..4
  std::vector<net::Endpoint> bootstrap;
  overlay::Role role = overlay::Role::kPeer;
  std::string device_label;
  double maintenance_bytes_per_second = 400;  // 100..4,000
  // What is passed on for nodes that others cannot reach; 0: nothing.
  double relay_bytes_per_second = 256 << 10;
  size_t store_max_bytes = 256 << 20;
  absl::Duration state_lifetime = absl::Minutes(10);
  absl::Duration ring_timeout = absl::Seconds(60);
  absl::Duration rekey = absl::Hours(1);  // between two changes of a call's media keys
  media::CallMediaOptions media;
  bool strict_revocation = false;
  RingRules ring;
  // Calls that do not ring are taken by somebody (CallView::quiet).
  bool answering = false;
  // Whether the other side of a call may send us to somebody else.
  bool follow_transfers = true;
};

// What ended, for the one who asked. Ids are those that the use cases below return.
struct OperationIdTag;
using OperationId = Strong<OperationIdTag, uint64_t>;
struct Completed {
  OperationId id;
  absl::Status status;
  // Exactly one is set when status is OK and the operation gives one; presence's result also on
  // failure.
  std::optional<presence::OperationDone> presence;
  std::optional<store::PutDone> put;
  std::optional<store::GetDone> get;
  std::optional<overlay::Response> route;
  std::vector<overlay::TraceHop> trace;
};

// A service record of ours.
struct ServiceOffer {
  std::string name;
  Bytes description;
  uint64_t sequence = 0;  // not 0
  absl::Duration lifetime;
};

class Node {
 public:
  struct Parts {
    Storage& storage;           // identities, contacts, trust, node keys, bootstrap cache
    store::ObjectTable& table;  // objects kept for others
    Rng& rng;
    WallClock& wall;
  };
  // Loads or makes the node's keys. DataLoss when they are damaged; an error of the storage.
  static absl::StatusOr<std::unique_ptr<Node>> Create(const NodeOptions& options,
                                                      const Parts& parts, Instant now);
  ~Node();

  // Loads what an earlier run left and joins. DataLoss or FailedPrecondition name the blob that
  // cannot be read.
  absl::Status Start(Instant now);
  // Ends calls, writes offline states, leaves the overlay. Done when Drained().
  void Drain(Instant now);
  bool Drained() const;
  // Addresses of the machine changed.
  void SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses);
  // One more node to join through: a name of the configuration was resolved.
  void AddBootstrap(Instant now, const net::Endpoint& endpoint);

  void OnDatagram(Instant now, const net::Endpoint& from,
                  ByteView datagram);  // overlay, session and STUN kinds
  void OnMedia(Instant now, const MediaReport& report);
  void OnTimeout(Instant now);
  // What goes to a way through another node is not among them.
  std::optional<net::Transmit> PollTransmit(Instant now);
  // Media that came through another node; at most kMaxRelayed wait.
  static constexpr size_t kMaxRelayed = 256;
  struct RelayedMedia {
    net::Endpoint from;
    Bytes datagram;
  };
  std::optional<RelayedMedia> PollRelayedMedia();
  // Media to a way through another node (overlay::IsDetour).
  void SendRelayedMedia(Instant now, const net::Endpoint& to, ByteView datagram);
  std::optional<Instant> PollTimeout() const;
  std::optional<Completed> PollCompleted();
  std::optional<MediaCommand> PollMedia();
  const EventLog& events() const;

  // --- overlay use cases ---
  OperationId Lookup(Instant now, const overlay::Key& key, bool trace);  // Completed.route, .trace
  // A raw value: at most 60 KiB, ttl 1 s .. 7 days; `secret` empty: cannot be removed.
  absl::StatusOr<OperationId> PutRaw(Instant now, const overlay::Key& key, ByteView data,
                                     absl::Duration ttl, ByteView secret);
  OperationId Get(Instant now, const overlay::Key& key);
  OperationId RemoveRaw(Instant now, const overlay::Key& key, const pki::Sha256Digest& data_digest,
                        ByteView secret);

  // --- services that nodes offer each other ---
  // Says in the overlay that we offer the service (design §4, 'service record'), and keeps that up
  // until it expires or a record of a larger `sequence` replaces it. InvalidArgument for a name of
  // more than 64 bytes, a description of more than 512, or a life of more than 7 days.
  absl::StatusOr<OperationId> OfferService(Instant now, const ServiceOffer& offer);
  // Everybody's records under this name, in Completed.get.
  OperationId FindService(Instant now, absl::string_view name);
  // Asks one node over an encrypted link; at most 72 KiB each way. Its answer is Completed.route.
  OperationId AskNode(Instant now, const overlay::NodeRecord& peer, overlay::Service service,
                      Bytes payload, absl::Duration timeout);
  // From now on requests of others for this service come out of PollRequest, at most kMaxRequests
  // at a time, and are answered by Answer within 10 s; before, and beyond, the answer is empty.
  static constexpr size_t kMaxRequests = 256;
  void Serve(overlay::Service service);
  std::optional<overlay::IncomingRequest> PollRequest();
  void Answer(Instant now, overlay::AnswerToken token, Bytes payload);

  // --- presence use cases that take time; the quick ones are on presence() ---
  OperationId Login(Instant now, absl::string_view email);
  OperationId Logout(Instant now, absl::string_view email);
  OperationId GetPresence(Instant now, absl::string_view as, absl::string_view email);
  OperationId ListDevices(Instant now, absl::string_view email);
  OperationId RevokeDevice(Instant now, absl::string_view email, const pki::DeviceId& device);
  OperationId PublishCrl(Instant now, ByteView crl_pem, ByteView ca_pem);
  absl::StatusOr<OperationId> ImportKey(Instant now, absl::string_view email, ByteView pem,
                                        const SecretBytes& passphrase,
                                        const SecretBytes& storage_passphrase = SecretBytes());
  presence::Presence& presence();
  // To be called after a use case on presence() directly, so that its events are handed round.
  void Pump(Instant now);

  // --- calls ---
  // Returns at once; follow the call through events() and FindCall. A log-in that is under way is
  // waited for, at most CallDesk::kLoginWait. FailedPrecondition when the identity is not logged in
  // or its certificate has expired or was revoked, InvalidArgument for its own address,
  // ResourceExhausted at the limit.
  absl::StatusOr<session::CallId> Dial(Instant now, absl::string_view as, absl::string_view email);
  // Also one that the answering machine has taken.
  absl::Status Accept(Instant now, const session::CallId& call);
  // The answering machine accepts a call that rings (CallView::voicemail).
  absl::Status TakeMessage(Instant now, const session::CallId& call);
  absl::Status Reject(Instant now, const session::CallId& call);
  absl::Status HangUp(Instant now, const session::CallId& call);
  absl::Status Hold(Instant now, const session::CallId& call, bool hold);
  absl::Status Mute(Instant now, const session::CallId& call, bool muted);
  absl::Status SendDtmf(Instant now, const session::CallId& call, absl::string_view digits);
  // Tells the other side of an active call that it is recorded here, or no more. NotFound,
  // FailedPrecondition.
  absl::Status SetRecorded(Instant now, const session::CallId& call, bool recorded);
  // From now on these calls, and those of the conferences that they are in already, hear each
  // other; who was on hold here no longer is. NotFound; FailedPrecondition where one is not active;
  // InvalidArgument for less than two; ResourceExhausted beyond media::Conference::kMaxSeats.
  absl::Status Confer(Instant now, absl::Span<const session::CallId> calls);
  // NotFound; FailedPrecondition when it is in none.
  absl::Status LeaveConference(Instant now, const session::CallId& call);
  // Sends the other side of an active call to somebody else (CallView::transfer says how it goes):
  // to an address, or to whom another active call is with, whose place the new one takes. NotFound;
  // FailedPrecondition where one is not active or is being transferred; InvalidArgument for no
  // address, or that of one of the two who talk.
  absl::Status Transfer(Instant now, const session::CallId& call, absl::string_view target);
  absl::Status TransferTo(Instant now, const session::CallId& call, const session::CallId& target);
  std::optional<CallView> FindCall(const session::CallId& call) const;
  std::vector<CallView> ListCalls() const;  // oldest first

  // --- state ---
  const overlay::Node& overlay() const;
  const pki::TrustStore& trust() const;
  const Counters& counters() const;
  pki::Crypto& crypto();
  size_t stored_objects() const;
  size_t stored_bytes() const;

 private:
  class Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::node
