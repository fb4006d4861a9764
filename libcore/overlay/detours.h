// Detours: links to leaves that answer us only through a third (Freedman et al. 2005: some pairs of
// nodes cannot talk, though both are well). The datagrams of such a link, handshake and packets,
// travel in messages to a leaf of both, the voucher, who passes them on over its own link.
//
// Rules: when a wanted leaf does not answer a knock, and when a leaf is about to be declared dead,
// a voucher is asked to pass one datagram on; what comes back is proved by the far node's own key,
// so that nobody can make us keep a ghost, and whoever passes on reads nothing and can only drop. A
// link that goes round keeps looking for the straight way, and takes another voucher as soon as its
// own is gone or silent. We pass on for leaves of ours, to leaves of ours, over straight links: one
// hop, one datagram for each, no more bytes than came. Whoever is seen through another counts as
// one of the voucher's network. Threads: one owner. Limits: below, each with a counter. Sources:
// Freedman et al., 'Non-transitive connectivity and DHTs', 2005; Gupta, Birman et al. (SWIM), 2002.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/detour_path.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/ring.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Detours {
 public:
  // Leaves that are tried as vouchers, those between the two first, since both are leaves of theirs
  // for sure, then the nearest to the far node: that they cannot talk with it either happens to one
  // in forty.
  static constexpr size_t kVouchers = 3;
  // What we pass on: bytes a second and at once, for one asker and for all. Beyond it the link that
  // goes round takes it for loss and slows down.
  static constexpr double kAskerRate = 16 << 10;
  static constexpr double kAskerBurst = 128 << 10;
  static constexpr double kRate = 64 << 10;
  static constexpr double kBurst = 512 << 10;
  // How often the straight way is tried, with one packet; and how soon for a new link.
  static constexpr absl::Duration kTryStraight = absl::Seconds(60);
  static constexpr absl::Duration kTryNew = absl::Seconds(4);

  // All outlive it.
  Detours(LinkTable& links, Ring& ring, Rng& rng, Counters& counters)
      : links_(links), ring_(ring), rng_(rng), counters_(counters) {}

  void SetSelf(const NodeRecord& self) { self_ = self; }

  // A way round to a leaf, or to who would be one; nullopt where nobody can vouch. `nth` counts the
  // tries.
  std::optional<net::Endpoint> WayTo(const NodeId& id, size_t nth) const;
  // Where to knock at a wanted leaf that was silent `nth` + 1 times: whoever joins waits for its
  // leaves, so at once; others the second time, by any of the vouchers, since most who are named
  // and silent are dead, and who is not will be named again.
  std::optional<net::Endpoint> KnockRound(const NodeId& id, size_t nth);
  // One ping to a linked leaf through another: if it lives, it answers there.
  void PingRound(const NodeId& id, size_t nth);
  // True when the link goes round.
  bool Round(const NodeId& id) const { return links_.DetourTo(id).has_value(); }

  // A datagram of ours for `transmit.to`, a detour.
  void Send(Instant now, const net::Transmit& transmit);
  // A neighbour gave us one: to be passed on, or (then it is returned) to be taken as if it came
  // from `from`.
  struct Arrived {
    net::Endpoint from;
    Bytes datagram;
  };
  std::optional<Arrived> OnDetour(Instant now, const NodeId& from, const wire::v1::Detour& detour);
  void OnLinkDown(const NodeId& id);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const { return next_try_; }

 private:
  void PingStraight(const NodeId& id);
  // Linked straight, and a leaf that is not silent.
  bool CanVouch(const NodeId& id) const;
  const NodeRecord* LeafByHead(uint64_t head) const;
  void PassOn(Instant now, const NodeId& from, const wire::v1::Detour& detour);
  void Say(Instant now, const NodeId& to, uint64_t peer, bool passed_on, ByteView datagram);
  bool Allowed(Instant now, const NodeId& asker, size_t size);

  LinkTable& links_;
  Ring& ring_;
  Rng& rng_;
  Counters& counters_;
  std::optional<NodeRecord> self_;
  std::map<NodeId, TokenBucket> askers_;  // leaves
  TokenBucket bucket_{kRate, kBurst};
  std::optional<Instant> next_try_;
};

}  // namespace p2pd::overlay
