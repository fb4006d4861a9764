// TableSync: fetches the wide table from others, and later compares it with theirs, a piece at a
// time.
//
// A query names a range of the ring and 16-bit fingerprints of the heads that the asker has there;
// the answer brings hints that he lacks and the names of those that he should forget. A newcomer
// does so piece by piece, a second apart, once it has lived through the quarantine and is itself
// told of new events; afterwards one piece in half a minute, in two minutes while nothing is found.
// Asked is any neighbour that is announced itself, not leaves alone: leaves stand where the same
// branch of the tree feeds them, and so lack the same events.
//
// Rules: what is fetched is not passed on. An answer never exceeds one datagram; answers are given
// from a bucket per neighbour and one for all. An answer is taken from whom we asked, for the range
// that we asked for, once. Threads: one owner. Limits: below, each with a counter. Source: Demers
// et al., 'Epidemic algorithms for replicated database maintenance', 1987 (anti-entropy and death
// certificates).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/gossip.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/wide_table.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class TableSync {
 public:
  // After we became active: the quarantine, and half a minute in which all have heard of us, so
  // that events reach us while we fetch.
  static constexpr absl::Duration kFetchAfter = absl::Seconds(90);
  // Between two pieces of the first fetch.
  static constexpr absl::Duration kFetchPace = absl::Seconds(1);
  // Between two comparisons: at first and after a difference, and at most.
  static constexpr absl::Duration kCompare = absl::Seconds(30);
  static constexpr absl::Duration kMaxCompare = absl::Minutes(2);
  static constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
  // Heads in one query, 2 bytes each; and bytes of events in an answer.
  static constexpr size_t kMaxFingerprints = 128;
  static constexpr size_t kMaxAnswerBytes = 1040;
  static constexpr size_t kMaxAnswerEvents = 128;
  // Answers of those who have no table themselves that are not counted during the fetch; when so
  // many came, nobody has one.
  static constexpr int kMaxUnready = 8;
  // Who answers how far he knows all; a whole table comes in fewer answers.
  static constexpr size_t kMaxRadii = 256;
  // Answers given: a second, and at once, to one neighbour and to all.
  static constexpr double kNeighbourRate = 1;
  static constexpr double kNeighbourBurst = 4;
  static constexpr double kAnswerRate = 5;
  static constexpr double kAnswerBurst = 20;

  TableSync(LinkTable& links, Ring& ring, Neighbours& neighbours, WideTable& table, Gossip& gossip,
            Vivaldi& vivaldi, Rng& rng, Counters& counters)
      : links_(links),
        ring_(ring),
        neighbours_(neighbours),
        table_(table),
        gossip_(gossip),
        vivaldi_(vivaldi),
        rng_(rng),
        counters_(counters) {}

  void SetSelf(const NodeRecord& self) { self_head_ = Head(self.id()); }
  // We are an active peer from now on. Only the first call counts.
  void Start(Instant now);
  void Stop() { next_.reset(); }
  void OnLinkDown(const NodeId& id) { inlets_.erase(id); }

  void OnTableQuery(Instant now, const NodeId& from, const wire::v1::TableQuery& query);
  void OnTableAnswer(Instant now, const NodeId& from, const wire::v1::TableAnswer& answer);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const { return next_; }
  // The table has been fetched.
  bool complete() const { return complete_; }

 private:
  struct Question {
    NodeId to;
    uint64_t from = 0;
    uint64_t until = 0;
  };
  std::optional<NodeId> Partner();
  void Step(Instant now);
  // The next piece starts where this one ended; true when that was once round.
  bool Advance(uint64_t until);
  // How far our table reaches from here on.
  void Settle();
  size_t TakeEvents(Instant now, const std::vector<HintEvent>& events);

  LinkTable& links_;
  Ring& ring_;
  Neighbours& neighbours_;
  WideTable& table_;
  Gossip& gossip_;
  Vivaldi& vivaldi_;
  Rng& rng_;
  Counters& counters_;
  uint64_t self_head_ = 0;

  bool started_ = false;
  bool complete_ = false;
  int unready_ = 0;
  std::vector<uint64_t> radii_;  // of those who answered, while we fetch
  // Where the next piece starts and where this round ends; nullopt between two rounds.
  std::optional<uint64_t> cursor_;
  uint64_t end_ = 0;
  std::optional<Question> question_;
  absl::Duration pace_ = kCompare;
  bool found_ = false;  // a difference, since the last question
  std::optional<Instant> next_;
  std::map<NodeId, TokenBucket> inlets_;
  TokenBucket inlet_{kAnswerRate, kAnswerBurst};
};

}  // namespace p2pd::overlay
