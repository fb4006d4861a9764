// Scout: asks a near neighbour who stands round a key where our own hints do not reach: a newcomer
// has no table yet, and where nodes live for minutes tables are narrow.
//
// Rules: asked are linked nodes that stand so near the key that a table as wide as ours covers it,
// the nearest to us first, two at once. It is a TableQuery for the few nodes round the key, and the
// answer is taken from whom we asked, once; it counts if its sender has the whole of his table and
// it covers the key. What comes is hearsay, as all hints are, enters no table, and is for whom to
// ask first. Each search ends in exactly one Found. Threads: one owner. Limits: below, each with a
// counter.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/wide_table.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Scout {
 public:
  static constexpr size_t kMaxSearches = 256;
  // Neighbours asked at once, and in all.
  static constexpr size_t kAtOnce = 2;
  static constexpr size_t kMaxAsked = 5;
  // The piece that is asked for, in mean distances between nodes: as many replicas on either side,
  // and some to spare. All of it fits one datagram.
  static constexpr double kBelow = 7;
  static constexpr double kAbove = 8;
  // Who could not say is not asked again for so long.
  static constexpr absl::Duration kIgnorant = absl::Seconds(30);
  // An answer with fewer nodes is none.
  static constexpr size_t kFewest = 4;

  Scout(LinkTable& links, const Ring& ring, const Neighbours& neighbours, const WideTable& table,
        Counters& counters)
      : links_(links), ring_(ring), neighbours_(neighbours), table_(table), counters_(counters) {}

  void SetSelf(const NodeRecord& self) { self_ = self; }
  // False when there is nobody to ask.
  bool Start(Instant now, RequestId id, const Key& key);
  // True when the answer was to a question of ours.
  bool OnTableAnswer(Instant now, const NodeId& from, const wire::v1::TableAnswer& answer);
  void OnLinkDown(const NodeId& id) { ignorant_.erase(id); }
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

  struct Found {
    RequestId id;
    Key key;
    std::vector<Hint> hints;  // none when nobody knew
  };
  std::optional<Found> PollFound();

 private:
  struct Search {
    RequestId id;
    Key key;
    uint64_t from = 0;
    uint64_t until = 0;
    std::set<NodeId> asked;
    std::set<NodeId> open;  // of those, who has not answered
    Instant late;           // when their silence is too long
  };
  // False when nobody is left.
  bool AskNext(Instant now, Search& search);
  void End(const Search& search, std::vector<Hint> hints);

  LinkTable& links_;
  const Ring& ring_;
  const Neighbours& neighbours_;
  const WideTable& table_;
  Counters& counters_;
  std::optional<NodeRecord> self_;
  std::map<uint64_t, Search> searches_;  // by request id
  std::map<NodeId, Instant> ignorant_;   // linked ones, until when
  std::deque<Found> found_;
};

}  // namespace p2pd::overlay
