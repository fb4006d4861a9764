// Gossip: tells all nodes who came and who went, so that each can keep a wide table.
//
// Who speaks: a node's nearest counter-clockwise neighbour that is itself announced, first-hand
// only: joins when the node has been its leaf for a minute and asks for it (short-lived nodes cost
// nothing), deaths at once if the node had been announced. It also corrects what is said wrongly of
// the arc between itself and the next announced leaf. How it spreads: an event goes to linked nodes
// at about 2^i places from us, each with the limit up to which it is to pass it on, so that each
// node gets it once in some log2 N steps (D1HT's EDRA with ranges in place of ranks; El-Ansary et
// al. 2003). Near receivers, who get events by the dozen, get them in batches; far ones, who have
// many others to tell, within a second.
//
// Rules for strangers' words: only over links; only what is news is passed on; nobody can name a
// range that reaches past himself; each neighbour has a bucket of events, all together another, and
// what we send a third, so that an event costs us at most some log2 N copies and a flood nothing. A
// death that concerns a link of ours is verified by our own ping. Narrowing: when events cost more
// than their share of the maintenance budget, the radius of the table shrinks, and what we announce
// goes no farther. A ring that the leaf set knows as a whole needs no gossip.
//
// Threads: one owner. Limits: below, each with a counter. Sources: Monnerat and Amorim, 'An
// effective single-hop distributed hash table' (D1HT), 2014; El-Ansary et al., 'Efficient broadcast
// in structured P2P networks', 2003; Li et al. (Accordion), 2005; design §3.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/liveness.h"
#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/wide_table.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Gossip {
 public:
  // A node is announced after so long, by its own word and by its neighbour's watch, which may have
  // begun a little later.
  static constexpr absl::Duration kQuarantine = absl::Seconds(60);
  static constexpr absl::Duration kQuarantineSlack = absl::Seconds(5);
  // Who asked to be announced asks again, the next neighbour, after so long.
  static constexpr absl::Duration kAskAgain = absl::Seconds(20);
  static constexpr size_t kAskedNeighbours = 3;
  // How often the arc that is ours to speak for is looked at; more often in the first half minute,
  // when coordinates still move.
  static constexpr absl::Duration kAudit = absl::Seconds(10);
  static constexpr absl::Duration kYoungAudit = absl::Seconds(2);
  static constexpr absl::Duration kYoung = absl::Seconds(30);
  // A hint in our arc that is none of our leaves is given this long to show up as one.
  static constexpr absl::Duration kMissing = absl::Seconds(20);
  // Where nobody else has announced it, a leaf that is not ours to speak for is announced after so
  // long: whoever should do so may be one of the few who cannot reach it.
  static constexpr absl::Duration kOutOfTurn = absl::Minutes(2);
  // And a hint in our arc that came back after we had said that it is gone is believed so long.
  static constexpr absl::Duration kDispute = absl::Minutes(30);
  static constexpr size_t kMaxDisputes = 256;

  // Whether a neighbour that is said to be gone lives is known after so long at the soonest; what
  // came of it is forgotten in so long, and fewer lies say nothing.
  static constexpr absl::Duration kChecked = absl::Seconds(5);
  static constexpr absl::Duration kReputation = absl::Minutes(10);
  static constexpr double kFewLies = 3;
  static constexpr size_t kMaxReports = 256;

  // A batch waits at least this long for company, and at most that long.
  static constexpr absl::Duration kMinHold = absl::Seconds(1);
  static constexpr absl::Duration kMaxHold = absl::Seconds(30);
  // Seconds of waiting for each event a second: with it a node gets about one datagram with events
  // in four seconds however many events there are.
  static constexpr double kHoldPerRate = 28;
  // A batch waits no longer than this part of a node's mean life, or the tables would be stale.
  static constexpr double kHoldOfLife = 0.01;
  // Bytes of events in one message: with its frame it fits one datagram.
  static constexpr size_t kBatchBytes = 1040;
  // Events that wait to be sent, and batches that wait for an acknowledgement.
  static constexpr size_t kMaxPending = 8192;
  static constexpr size_t kMaxSent = 512;
  // An event whose receiver died is given to the next so often.
  static constexpr int kMaxTries = 3;
  // In one message from a neighbour.
  static constexpr int kMaxGroups = 256;
  static constexpr size_t kMaxEventsPerBatch = 256;
  // Events taken from one neighbour and from all: a second, and at once. When a thousand nodes
  // start together each hears of five hundred from its neighbour.
  static constexpr double kNeighbourRate = 2;
  static constexpr double kNeighbourBurst = 1024;
  static constexpr double kEventRate = 10;
  static constexpr double kEventBurst = 4096;
  // What we announce ourselves.
  static constexpr double kAnnounceRate = 0.5;
  static constexpr double kAnnounceBurst = 16;

  // Share of the maintenance budget for events and for the comparing of tables; beyond it the table
  // narrows. Sent at once at most this many seconds' worth of four times the share.
  static constexpr double kShare = 0.3;
  static constexpr double kBurstSeconds = 120;
  // Some stand where they have more to pass on than others, which a narrower table of theirs does
  // not change; it narrows when the cost is so many times the share, and to kLeastWidth at most.
  static constexpr double kPatience = 2;
  // A minute counts at most as so many times the share, or the usual deaths, since a burst says
  // nothing of what comes.
  static constexpr double kMostCounted = 3;
  // The cost is a mean over so long, and looked at so often.
  static constexpr absl::Duration kCostSpan = absl::Minutes(5);
  static constexpr absl::Duration kNarrow = absl::Minutes(1);
  // How long nodes live is judged over so long; so few deaths in a minute are none too many.
  static constexpr absl::Duration kLifeSpan = absl::Minutes(5);
  static constexpr double kFewDeaths = 4;
  // Where nodes live for kShortLife most hints die before they are of use, and where they live for
  // kLongLife they are worth what they cost: between them the table is as wide as that, the same
  // for all, since all see the same life.
  static constexpr absl::Duration kShortLife = absl::Seconds(100);
  static constexpr absl::Duration kLongLife = absl::Minutes(32);
  static constexpr double kLeastWidth = 0.1;  // of the whole ring
  // Leaves whose radius a newcomer takes for its own, the largest; fewer say nothing.
  static constexpr size_t kEnoughTold = 4;
  static constexpr size_t kMaxTold = 64;
  // Bytes on the wire round a message (frame 15, packet 26, IP and UDP 28, message 6), and of an
  // acknowledgement.
  static constexpr double kMessageCost = 75;
  static constexpr double kAckCost = 62;

  // All outlive it. `bytes_per_second` is the node's maintenance budget.
  Gossip(double bytes_per_second, LinkTable& links, Ring& ring, Liveness& liveness,
         Neighbours& neighbours, WideTable& table, Vivaldi& vivaldi, Rng& rng, Counters& counters);

  void SetSelf(const NodeRecord& self) { self_ = self; }
  // We are an active peer from now on. Only the first call counts.
  void Start(Instant now);
  void Stop();
  // There is more to know than the leaf set does, and we take part.
  bool running() const { return started_.has_value() && !ring_.leaves().Whole(); }
  // The whole table has been fetched once.
  void SetComplete() { complete_ = true; }

  void OnLinkDown(const NodeId& id);
  void OnLeafSetChanged(Instant now, const LeafSetChanged& change);
  // A leaf says how far it knows all nodes; a newcomer begins with what its leaves can afford.
  void OnRadius(const NodeId& leaf, uint64_t radius);
  // First-hand: it is dead, or said farewell.
  void OnGone(Instant now, const NodeId& id);
  // Somebody says so; verified where we have a link.
  void OnReportedGone(Instant now, uint64_t head);
  void OnEventBatch(Instant now, const NodeId& from, const wire::v1::EventBatch& batch);
  void OnAcked(uint64_t handle) { sent_.erase(handle); }
  void OnLost(Instant now, uint64_t handle);
  // Is it a lie that this node is gone? Deaths of those with whom we have links are checked; where
  // most of them were lies, nobody's is taken by hearsay.
  bool Disbelieves(uint64_t head) const;
  // Bytes on the wire that belong to our share.
  void Charge(double bytes) { spent_ += bytes; }

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  // Events a second that were news, over two minutes.
  double EventRate(Instant now) const;
  // Of twenty nodes more than one is too new to be announced; so we think before we know.
  bool Shifting(Instant now) const {
    return !complete_ || MeanLife(EventRate(now)) < 20 * kQuarantine;
  }

 private:
  struct Pending {
    HintEvent event;
    uint64_t limit = 0;
    int tries = 0;
  };
  struct Outbox {
    Instant due = Instant::Max();
    std::vector<Pending> events;
    size_t bytes = 0;
  };
  struct Sent {
    NodeId to;
    std::vector<Pending> events;
  };
  struct Leaf {
    Instant since;
    std::optional<Instant> asked;  // to be announced, last
    bool vouched = false;          // announced by us out of turn
  };
  // A linked node that can be given a part of the ring.
  struct Delegate {
    NodeId id;
    uint64_t distance = 0;  // upwards from us
    int level = 0;          // log2 of its rank
  };

  uint64_t self_head() const { return Head(self_->id()); }
  // In the order of distance, without their levels; remembered until who is eligible changes.
  const std::vector<Delegate>& Eligible();
  // With the level of the one at `index`, by its place among the eligible or its rank among the
  // hints, whichever is more; `ranks` as WideTable::DistancesOfRanks.
  Delegate WithLevel(size_t index, const std::vector<uint64_t>& ranks);
  // One a level, the nearest.
  std::vector<Delegate> Select();
  absl::Duration Hold(Instant now, int level) const;
  // To all in (self, limit), upwards.
  void Forward(Instant now, const HintEvent& event, uint64_t limit);
  // To the nodes between `after` and the limit of `pending`; `after` itself is lost.
  void GiveToNext(Instant now, const NodeId& after, Pending pending);
  void Enqueue(Instant now, const Delegate& to, Pending pending);
  void Flush(Instant now, const NodeId& to);
  void SendBatch(Instant now, const NodeId& to, std::vector<Pending> events);
  bool Send(Instant now, const NodeId& to, const wire::v1::EventBatch& batch,
            std::vector<Pending> events);

  // Somebody says that this node is gone: if it has a link, that is checked, and judged later.
  void NoteReport(Instant now, uint64_t head);
  void CheckReports(Instant now);
  // Takes one event from a neighbour; true when it is to be passed on.
  bool TakeEvent(Instant now, const HintEvent& event);
  void NoteEvent(Instant now, const HintEvent& event);
  void OnAsked(Instant now, const NodeId& from);
  bool Announced(uint64_t head) const { return table_.Find(head) != nullptr; }
  // No announced leaf stands between us and it.
  bool InOurArc(uint64_t head) const;
  void Announce(Instant now, const HintEvent& event);
  void AnnounceThere(Instant now, const NodeId& id);
  void AnnounceGone(Instant now, uint64_t head, uint32_t stamp);
  void AskToBeAnnounced(Instant now);
  void Audit(Instant now);
  void AuditLeaves(Instant now);
  void AuditArc(Instant now, uint64_t end);
  // Whether this leaf is to be announced, once the place is right.
  bool Due(Instant now, const NodeId& id, bool ours) const;
  void Dispute(Instant now, uint64_t head, uint32_t stamp);
  void Narrow(Instant now);
  void Afford(double factor);
  // Events a second as they go on, by the deaths of late; `span` has passed since the last call.
  double LastingRate(absl::Duration span);
  // How wide the table may be by how long nodes live.
  uint64_t WorthwhileRadius(double rate) const;
  // Of all nodes, by how many are heard to come and go in a second; infinite while nothing is.
  absl::Duration MeanLife(double rate) const;

  LinkTable& links_;
  Ring& ring_;
  Liveness& liveness_;
  Neighbours& neighbours_;
  WideTable& table_;
  Vivaldi& vivaldi_;
  Rng& rng_;
  Counters& counters_;
  double share_;  // B/s
  std::optional<NodeRecord> self_;

  std::optional<Instant> started_;
  bool complete_ = false;
  bool announced_ = false;         // by the last word that we heard of ourselves
  std::optional<NodeId> speaker_;  // who stands before us, and was asked first
  size_t asked_times_ = 0;
  std::optional<Instant> next_ask_;
  std::optional<Instant> next_audit_;
  std::optional<Instant> next_narrow_;
  std::map<NodeId, Leaf> leaves_;
  std::map<NodeId, uint64_t> told_;       // radius of leaves, before we start
  std::map<uint64_t, Instant> missing_;   // hints in our arc that are no leaves, since when
  std::map<uint64_t, Instant> disputes_;  // of whom we said that they are gone, until when

  // Who is eligible, and by which versions of what it depends on.
  struct Basis {
    uint64_t neighbours = 0;
    uint64_t members = 0;  // of no account once the table is complete
    uint64_t suspicions = 0;
    uint64_t hints = 0;
    bool complete = false;
    friend bool operator==(const Basis&, const Basis&) = default;
  };
  std::vector<Delegate> eligible_;
  Basis eligible_by_;

  std::map<NodeId, Outbox> outboxes_;
  Instant next_flush_ = Instant::Max();  // the soonest of all outboxes
  size_t pending_ = 0;
  std::map<uint64_t, Sent> sent_;
  std::map<NodeId, TokenBucket> inlets_;
  TokenBucket inlet_{kEventRate, kEventBurst};
  TokenBucket announcements_{kAnnounceRate, kAnnounceBurst};
  TokenBucket outlet_;

  // Linked ones that are said to be gone, since when; and how many were, and were not, of late.
  std::map<NodeId, Instant> reports_;
  double truths_ = 0;
  double lies_ = 0;

  double event_rate_ = 0;
  Instant event_rate_at_;
  size_t deaths_ = 0;                      // since the radius was looked at
  double deaths_lately_ = 0;               // over kLifeSpan,
  double seconds_lately_ = 0;              // and so many seconds
  double spent_ = 0;                       // bytes since it was looked at
  double cost_ = 0;                        // B/s
  uint64_t afforded_ = WideTable::kWhole;  // the radius that we can pay for
  uint64_t given_ = WideTable::kWhole;     // what the table was told last
};

}  // namespace p2pd::overlay
