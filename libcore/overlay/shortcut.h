// Shortcut: whom to ask straight away, past the hops between, because hints say that he stands at
// the key; and how long to wait for him.
//
// Rules: hints are hearsay, so a shortcut is a first attempt and no more: who is asked sends a
// request for somebody else on, and his silence costs one timeout. Where a link leads to the key
// already there is no shortcut. The timeout is the round trip that the coordinates predict times
// what such predictions were off by of late, with four deviations (RFC 6298 on ratios in place of
// times): predictions are wrong by a factor that belongs to the network, not to one node. Threads:
// one owner. Sources: Gupta, Liskov, Rodrigues, 'Efficient routing for peer-to-peer overlays', NSDI
// 2004; Dabek et al. (DHash++, time-outs from coordinates), NSDI 2004 §3.3.
#pragma once

#include <optional>
#include <vector>

#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/wide_table.h"

namespace p2pd::overlay {

class Shortcut {
 public:
  // Before anybody answered: measured predictions on PlanetLab are off by a fifth at the median.
  static constexpr double kFirstRatio = 1.2;
  static constexpr double kFirstDeviation = 0.3;
  // Of one sample; a longer answer says more of the service than of the way.
  static constexpr double kMaxRatio = 8;
  // Added to every timeout: scheduling noise, and the receiver's key agreement and signature check.
  static constexpr absl::Duration kSlack = absl::Milliseconds(20);
  // Where nothing is predicted.
  static constexpr absl::Duration kUnknown = absl::Milliseconds(400);

  Shortcut(const Ring& ring, const Neighbours& neighbours, const WideTable& table,
           int replicas_per_side)
      : ring_(ring),
        neighbours_(neighbours),
        table_(table),
        per_side_(static_cast<size_t>(replicas_per_side)) {}

  // The table has been fetched: who is not in it is not there. Before there are no shortcuts.
  void SetComplete(bool complete) { complete_ = complete; }

  // Nodes live for minutes: so many stand on the ring who are not announced yet that the outermost
  // replicas by the hints often are none. They come last.
  void SetShifting(bool shifting) { shifting_ = shifting; }

  struct Choice {
    LetterTarget target;
    std::optional<absl::Duration> expected;  // round trip
    absl::Duration patience;                 // 30 ms to 1 s
  };
  // The root of `key` as hints have it; with `any_replica` the nearest to us of its replicas.
  // nullopt where our own links know as much, or the hints do not cover the key.
  std::optional<Choice> For(const Key& key, bool any_replica) const;
  // When the root was silent: the nearest to us of those that stand beside it, who have a link to
  // it and know who comes after it. nullopt where one of them has a link to us, too.
  std::optional<Choice> Beside(const Key& key, uint64_t root) const;
  // The replicas of `key` as hints have it, in the order of their distance from us.
  std::vector<NearNode> Replicas(const Key& key) const;
  // The same of hints that somebody else has, of nodes round the key.
  std::vector<NearNode> Replicas(const Key& key, std::vector<Hint> hints) const;
  // How long to wait for an answer that takes this long by prediction.
  absl::Duration Patience(std::optional<absl::Duration> expected) const;
  // A letter was answered.
  void OnAnswered(std::optional<absl::Duration> expected, absl::Duration took);

 private:
  const Ring& ring_;
  const Neighbours& neighbours_;
  const WideTable& table_;
  size_t per_side_;
  bool complete_ = false;
  bool shifting_ = false;
  double ratio_ = kFirstRatio;
  double deviation_ = kFirstDeviation;
};

}  // namespace p2pd::overlay
