// Membership: how a node comes in, keeps its leaf set right, and goes.
//
// Join: links to a few bootstrap nodes, a probe through each to the root of our own id, links to
// the leaves that it names, an announcement to each; active when every leaf that can be reached has
// confirmed (Castro et al. 2004 §3.1, 'consistent join'). Leaf sync: every 4 s with a random leaf,
// a hash of what both should know first, what one of them lacks when it differs (leaf_delta),
// backing off to 64 s while they agree. What a neighbour names is a hint: it enters nothing before
// we have a link to it ourselves. A ring that split is found through the dead and through bootstrap
// nodes. Threads: one owner. Limits: below. Sources: Rhea et al. 2004 §4.1; Freedman et al. 2005
// (non-transitive links).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/exchange.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/liveness.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/record_cache.h"
#include "libcore/overlay/ring.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Membership {
 public:
  // Leaf sync: first period, and the longest while hashes agree (design §3).
  static constexpr absl::Duration kSync = absl::Seconds(4);
  static constexpr absl::Duration kMaxSync = absl::Seconds(64);
  // Join: how long a round may take before the next, at first and at most.
  static constexpr absl::Duration kFirstRetry = absl::Seconds(2);
  static constexpr absl::Duration kMaxRetry = absl::Seconds(60);
  // A probe is given up after this, or so many timeouts of the first hop where that is slow.
  static constexpr absl::Duration kProbeTimeout = absl::Milliseconds(1500);
  static constexpr int kProbeTimeouts = 3;
  // Rounds without an answer from anybody after which we are a ring of our own, and go on trying.
  static constexpr int kAloneAfterRounds = 2;
  // Bootstrap nodes asked in one round, and remembered.
  static constexpr size_t kContactsPerRound = 3;
  static constexpr size_t kMaxBootstrap = 64;
  // The next of those that answered is asked for the leaves after this: an answer has some 3 kB on
  // each of its hops, and the first is enough, but the one who was asked may have just crashed.
  static constexpr absl::Duration kDoorPatience = absl::Milliseconds(800);
  static constexpr absl::Duration kPartitionCheck = absl::Seconds(60);
  // A node that could not be reached at some addresses is left alone there for so long, however
  // often it is named. Addresses of one beyond kMaxTried: at all.
  static constexpr absl::Duration kUnreachableFor = absl::Seconds(30);
  static constexpr size_t kMaxUnreachable = 512;
  static constexpr size_t kMaxTried = 16;
  // Leaves that we found dead within kUnreachableFor: who names one is told so.
  static constexpr size_t kMaxDied = 64;
  // Nodes that somebody named and that did not answer, where a ring that split may be found again.
  static constexpr size_t kMaxUnmet = 64;
  // Nodes that we are getting to know.
  static constexpr size_t kMaxCandidates = 128;
  // Handshakes at places that others named, a second and at once, and at one public address at a
  // time: whoever names a bystander's address makes us send little there.
  static constexpr double kMeetRate = 4;
  static constexpr double kMeetBurst = 64;
  static constexpr int kMeetsPerAddress = 2;
  // A candidate may take this long from its naming to its own announcement; and this long a joining
  // node waits for it, which covers a handshake with one lost datagram.
  static constexpr absl::Duration kCandidateLifetime = absl::Seconds(6);
  static constexpr absl::Duration kCandidatePatience = absl::Milliseconds(1200);
  // An announcement is a note: it goes again when there is no answer within the neighbour's timeout
  // or this, whichever is more, so often in all.
  static constexpr absl::Duration kAnnounceAgain = absl::Milliseconds(300);
  static constexpr int kMaxAnnouncements = 4;
  // Lists on the wire.
  static constexpr int kMaxHints = 64;
  static constexpr int kMaxGone = 16;
  static constexpr absl::Duration kQueryTimeout = absl::Seconds(3);
  // Two nodes that hear of each other as leaves would both make a link. The one with the smaller id
  // waits this long for the other's, which may be joining and know whom it needs; the other one
  // waits three times as long.
  static constexpr absl::Duration kPoliteness = absl::Milliseconds(700);
  // Who was reported dead within this time was announced by the reporter.
  static constexpr absl::Duration kReportLifetime = absl::Seconds(10);
  // Announcements of first-hand deaths: per second, and at once.
  static constexpr double kPushRate = 2;
  static constexpr double kPushBurst = 8;
  // Peers that a client attaches to (design §3).
  static constexpr size_t kClientPeers = 3;

  Membership(const NodeOptions& options, LinkTable& links, Ring& ring, Liveness& liveness,
             Exchange& exchange, RecordCache& records, Rng& rng, Counters& counters);

  void SetSelf(const NodeRecord& self) { self_ = self; }
  // Checks for a ring that split are so many times rarer.
  void SetCalm(int calm) { calm_ = calm; }
  // Our coordinate, packed, for those whom we talk to.
  void SetPlace(uint64_t place) { place_ = place; }
  // How far we know all nodes (WideTable::radius), for newcomers; 0 while we do not.
  void SetRadius(uint64_t radius) { radius_ = radius; }
  void Start(Instant now, const std::vector<net::Endpoint>& bootstrap,
             const std::vector<NodeRecord>& cache);
  void AddBootstrap(Instant now, const net::Endpoint& endpoint);
  // Somebody who may be of another ring, or of one at all: asked once, not remembered.
  void Meet(Instant now, const net::Endpoint& endpoint, Opening opening);
  void Leave(Instant now);
  // Says farewell to all and comes back as another: a client is in nobody's tables.
  void ChangeRole(Instant now, Role role);
  // Tells all neighbours our new record.
  void AnnounceRecord(Instant now);
  JoinState state() const { return state_; }
  // Somebody named it of late, and it is of use to us.
  bool Expects(const NodeId& id) const { return candidates_.count(id) != 0; }
  std::optional<JoinState> TakeStateChange();

  // A peer that somebody named: gets a link and an announcement if it would be of use. `sample`
  // lets it in where its slot is full, too, if it is nearer than who is there.
  void Offer(Instant now, const Contact& contact, bool sample);
  // The same for whom the record shows to be a peer.
  void Offer(Instant now, const NodeRecord& record, bool sample);
  // As Offer, for nodes that `from` named by their heads; where the others are is asked.
  using Heads = google::protobuf::RepeatedField<uint64_t>;
  void OfferHeads(Instant now, const NodeId& from, const Heads& heads, bool sample_one);
  // A probe through this neighbour to the root of our own id. A member asks for its leaves only if
  // the root turns out to be a stranger.
  void ProbeThrough(Instant now, const NodeId& peer, bool want_leaves);

  void OnLinkUp(Instant now, const LinkUp& up);
  void OnConnectFailed(Instant now, const ConnectFailed& failed);
  void OnConnectDeclined(Instant now, const NodeId& id);
  void OnLinkDown(Instant now, const NodeId& id);
  void OnDead(Instant now, const NodeId& id);
  void OnFarewell(Instant now, const NodeId& id);
  void OnLeafSync(Instant now, const NodeId& from, const net::Endpoint& endpoint,
                  const wire::v1::LeafSync& sync);
  void OnContactQuery(Instant now, const NodeId& from, const wire::v1::ContactQuery& query);
  void OnContactList(Instant now, const NodeId& from, const wire::v1::ContactList& list);
  void OnProbe(Instant now, const ProbeRequest& probe);
  // True when the response belongs to a request of ours.
  bool OnResponse(Instant now, const Response& response);
  bool OnRequestFailed(Instant now, const RequestFailed& failed);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

 private:
  wire::v1::LeafSync MakeSync(const NodeId& to) const;
  void AddHave(const NodeId& to, wire::v1::LeafSync& sync);
  // Whom `from` lacks by what it says it has. True when we lack somebody whom it has.
  bool Compare(const NodeId& from, const wire::v1::LeafSync& sync, wire::v1::LeafSync& reply);
  // As a note when what is lost is made up for by the next sync.
  enum class Weight { kMessage, kNote };
  void SendSync(Instant now, const NodeId& to, wire::v1::LeafSync sync,
                Weight weight = Weight::kMessage);
  void Announce(Instant now, const NodeId& to, Weight weight = Weight::kMessage);
  // To one that we are getting to know, and again until it answers.
  void AnnounceTo(Instant now, const NodeId& candidate);
  void StartRound(Instant now);
  void ContactBootstrap(Instant now, size_t count);
  void ContactKnown(Instant now, const NodeRecord& record);
  // False when nobody is remembered.
  bool ContactRemembered(Instant now);
  void AskNextDoor(Instant now);
  void CheckJoined(Instant now);
  void SetState(Instant now, JoinState state);
  void LeavesChanged(Instant now);
  // `id` was one; who comes next on its side is asked for.
  void ForgetClient(Instant now, const NodeId& id);
  void LeafLost(Instant now, const NodeId& id);
  void AnswerSync(Instant now, const NodeId& from, const net::Endpoint& endpoint,
                  const wire::v1::LeafSync& sync);
  void TakeReportedGone(Instant now, const wire::v1::LeafSync& sync);
  // What is malformed, and what there is too much of, is counted.
  using Contacts = google::protobuf::RepeatedPtrField<std::string>;
  void OfferContacts(Instant now, const Contacts& contacts, std::optional<uint64_t> sample);
  bool MayMeet(Instant now, const Contact& contact);
  // Of a leaf.
  Contact ContactOf(const NodeRecord& leaf) const;
  const NodeRecord* RecordByHead(uint64_t head) const;
  bool Blocked(Instant now) const;
  // Those that we are getting to know.
  std::vector<NodeId> Coming() const;
  // Not while enough of those that we are getting to know stand nearer: each link costs a kilobyte.
  bool WantsLeaf(const NodeId& id) const;
  LeafSet::Shared SharedWith(const NodeId& other) const;
  void SyncRandomLeaf(Instant now);
  void CheckPartition(Instant now);
  void SayFarewell(Instant now);
  void PushGone(Instant now, const NodeId& gone, const std::vector<NodeId>& to);
  // Is it beside us on this side?
  bool IsNext(const NodeId& id, bool clockwise) const;
  bool RecentlyUnreachable(Instant now, const Contact& contact) const;
  void NoteUnreachable(Instant now, const Contact& contact);
  // The first of unmet_ at or after `id`, round the ring; there has to be one.
  std::map<NodeId, Contact>::const_iterator UnmetFrom(const NodeId& id) const;
  bool IsMemberEndpoint(const net::Endpoint& endpoint) const;

  NodeOptions options_;
  LinkTable& links_;
  Ring& ring_;
  Liveness& liveness_;
  Exchange& exchange_;
  RecordCache& records_;
  Rng& rng_;
  Counters& counters_;
  std::optional<NodeRecord> self_;
  uint64_t place_ = 0;
  uint64_t radius_ = 0;

  JoinState state_ = JoinState::kAlone;
  std::optional<JoinState> state_change_;
  std::vector<net::Endpoint> bootstrap_;
  std::vector<NodeRecord> cache_;
  std::set<net::Endpoint> silent_doors_;    // bootstrap entries that did not answer when last asked
  std::set<net::Endpoint> self_endpoints_;  // bootstrap entries that turned out to be us

  // Join.
  std::optional<Instant> next_round_;
  absl::Duration retry_ = kFirstRetry;
  int rounds_ = 0;
  bool answered_ = false;               // some root named its leaves
  std::set<NodeId> busy_;               // bootstrap nodes that are joining themselves
  std::set<net::Endpoint> contacting_;  // endpoints through which we want to probe
  std::set<NodeId> probe_through_;      // nodes through which we want to probe
  std::set<NodeId> spare_doors_;        // links to bootstrap nodes that were not asked
  std::optional<Instant> next_door_;    // whose turn is then; empty when it is any time
  struct Probe {
    NodeId through;
    bool want_leaves = false;
  };
  std::map<RequestId, Probe> probes_;

  // Nodes that we are getting to know: link in the making, or announced and not answered yet.
  struct Candidate {
    Instant blocks;  // until then we are not complete without it
    Instant expires;
    // We make the link then, unless the node itself does so before.
    Instant connects = Instant::Max();
    // We say who we are again.
    Instant announces = Instant::Max();
    int announcements = 0;
    Contact contact{};
  };
  struct Query {
    Instant expires;
    std::optional<uint64_t>
        sample;  // the head of a node that is of interest although its slot is full
  };
  struct Unreachable {
    Instant until;
    std::set<net::Endpoint> tried;
  };
  std::map<NodeId, Candidate> candidates_;
  std::map<NodeId, Unreachable> unreachable_;
  std::map<NodeId, Instant> died_;  // until when
  std::map<NodeId, Contact> unmet_;
  std::map<NodeId, Query> queries_;          // ContactQuery under way
  std::set<NodeId> confirmed_;               // leaves that know us
  std::set<NodeId> untold_;                  // who became a leaf of itself: the next to be synced
  std::map<NodeId, Instant> reported_gone_;  // members, until when

  Instant last_step_;

  std::optional<Instant> next_sync_;
  int calm_ = 1;
  absl::Duration sync_ = kSync;
  std::optional<Instant> next_partition_check_;
  TokenBucket push_bucket_{kPushRate, kPushBurst};
  TokenBucket meet_bucket_{kMeetRate, kMeetBurst};
};

}  // namespace p2pd::overlay
