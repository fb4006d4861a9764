// Scout: asks neighbours who stands round a key where our own hints do not reach: a newcomer
// has no table yet, and where nodes live for minutes tables are narrow.
//
// Rules: asked are at once the two nearest to us of those linked nodes that are likely to know, and
// the one nearest the key; then others near the key, one for each that does not know. Who has no
// such neighbours, as a newcomer, or has asked them in vain, asks the two quickest of all, and
// these ask their neighbours for him, no farther. An answer is taken from whom we asked, once; the
// first that names anybody ends the search. What comes is hearsay, as all hints are, enters no
// table, and is for whom to ask first. Each search ends in exactly one Found, or one answer to the
// neighbour for whom it was. Threads: one owner. Limits: below, each with a counter.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/wide_table.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Scout {
 public:
  static constexpr size_t kMaxSearches = 256;  // of ours
  static constexpr size_t kMaxErrands = 128;   // of our neighbours
  // Neighbours asked at once, beside the one nearest the key; and in all.
  static constexpr size_t kNearUs = 2;
  static constexpr size_t kMaxAsked = 4;
  // The quickest, beyond those, who ask for us.
  static constexpr size_t kMessengers = 2;
  // As far as most see where nodes live for minutes.
  static constexpr uint64_t kLikely = WideTable::kWhole / 4;
  // Named on either side of the key: as many as there are replicas, and one to spare.
  static constexpr size_t kPerSide = 5;
  // How long it is believed how far somebody sees, and that he has no table yet.
  static constexpr absl::Duration kRemembered = absl::Minutes(5);
  static constexpr absl::Duration kYoung = absl::Seconds(30);
  // An answer with fewer nodes is none.
  static constexpr size_t kFewest = 4;
  // Questions answered to one neighbour: a second, and at once.
  static constexpr double kRate = 10;
  static constexpr double kBurst = 40;

  // What we know ourselves: who stands round a key, nobody when we do not know all; and how far we
  // know all, 0 while we have no table.
  struct Knowledge {
    std::vector<Hint> hints;
    uint64_t radius = 0;
  };
  using Knows = std::function<Knowledge(const Key& key)>;

  Scout(LinkTable& links, const Ring& ring, const Neighbours& neighbours, const WideTable& table,
        Knows knows, Counters& counters)
      : links_(links),
        ring_(ring),
        neighbours_(neighbours),
        table_(table),
        knows_(std::move(knows)),
        counters_(counters) {}

  // False when there is nobody to ask.
  bool Start(Instant now, RequestId id, const Key& key);
  void OnHintQuery(Instant now, const NodeId& from, const wire::v1::HintQuery& query);
  void OnHintAnswer(Instant now, const NodeId& from, const wire::v1::HintAnswer& answer);
  void OnLinkDown(const NodeId& id);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

  struct Found {
    RequestId id;
    Key key;
    std::vector<Hint> hints;  // none when nobody knew
  };
  std::optional<Found> PollFound();

 private:
  struct Reach {
    uint64_t radius = 0;
    Instant until;  // it is believed
  };
  struct Search {
    std::optional<RequestId> id;   // ours, or else
    std::optional<NodeId> errand;  // for this neighbour
    Key key;
    std::set<NodeId> asked;
    std::set<NodeId> open;  // of those, who has not answered
    Instant late;           // when their silence is too long
    bool sent_out = false;  // messengers
    bool ended = false;     // and others may still answer
  };
  // Linked ones that were not asked yet and see the key: as far as they said, else as far as is
  // `likely`.
  std::vector<NodeId> Askable(Instant now, const Search& search, uint64_t likely) const;
  // The quickest to answer of those, and the nearest to the key.
  std::optional<NodeId> NearUs(Instant now, const Search& search) const;
  std::optional<NodeId> NearKey(Instant now, const Search& search) const;
  // False when nobody is asked.
  bool Ask(Instant now, Search& search, const std::optional<NodeId>& whom);
  // Has the quickest ask for us, once; false when nobody is asked.
  bool SendOut(Instant now, Search& search);
  bool Send(Instant now, Search& search, const NodeId& whom, bool pass_on);
  // Those who are likely to know; false when there is nobody.
  bool AskFirst(Instant now, Search& search);
  // Asks on for a neighbour; false when that cannot be.
  bool RunErrand(Instant now, const NodeId& from, const Key& key);
  void Answer(Instant now, const NodeId& to, const Key& key, const Knowledge& known);
  // A link that we dropped ourselves is not reported: what is remembered of it goes here.
  template <class T>
  void KeepLinked(std::map<NodeId, T>& by_neighbour) const {
    if (by_neighbour.size() <= LinkTable::kMaxPeers) return;
    std::erase_if(by_neighbour, [this](const auto& entry) { return !links_.Linked(entry.first); });
  }
  // Takes what was answered, or asks another.
  void Judge(Instant now, ByteView encoded, Search& search);
  void End(Instant now, Search& search, std::vector<Hint> hints);
  std::map<uint64_t, Search>::iterator Forget(std::map<uint64_t, Search>::iterator search);

  LinkTable& links_;
  const Ring& ring_;
  const Neighbours& neighbours_;
  const WideTable& table_;
  Knows knows_;
  Counters& counters_;
  uint64_t next_search_ = 1;
  std::map<uint64_t, Search> searches_;
  size_t errands_ = 0;               // of those
  std::map<NodeId, Reach> reaches_;  // of linked ones
  std::map<NodeId, TokenBucket> inlets_;
  std::deque<Found> found_;
};

}  // namespace p2pd::overlay
