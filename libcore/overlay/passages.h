// Passages: datagrams of calls and sessions to who cannot be reached, through a node that both ends
// have links with. A node behind a translator asks up to kRelays of its linked peers to pass on for
// it and tells others their names; who wants to reach it makes a link to one of these and hands it
// the datagram.
//
// Rules: we pass on to who asked us to, from anybody with a link: he has proved his key and that he
// gets what is sent to his address. Back goes only what is for somebody who wrote to the other end
// within kPermission. One hop, one datagram for each, no more bytes than came, a budget for each
// who asked and one for all. What travels is sealed between the two ends; who passes on can drop it
// and reads nothing. A way is written as an endpoint (detour_path.h). Threads: one owner. Limits:
// below, each with a counter. Sources: RFC 8656 (permissions), design §5.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/detour_path.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/record_cache.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Passages {
 public:
  // Who passes on for us.
  static constexpr size_t kRelays = 2;
  // How often that is asked for, and how long it holds.
  static constexpr absl::Duration kAsk = absl::Seconds(20);
  static constexpr absl::Duration kHolds = absl::Seconds(70);
  // Who did not agree, or did no more, is not asked again so soon.
  static constexpr absl::Duration kAskAgain = absl::Minutes(1);
  // Those for whom we pass on; beyond it nobody new.
  static constexpr size_t kMaxServed = 256;
  // Who may be written to by one of them, of those who wrote; beyond it the oldest is forgotten.
  static constexpr size_t kMaxWriters = 64;
  static constexpr absl::Duration kPermission = absl::Minutes(5);
  // Bytes a second and at once for one who asked, both ways: three calls of 64 kbit/s.
  static constexpr double kServedRate = 64 << 10;
  static constexpr double kServedBurst = 128 << 10;
  // Datagrams that wait for a link to who is to pass them on, and for how long.
  static constexpr size_t kMaxWaiting = 64;
  static constexpr absl::Duration kWait = absl::Seconds(2);

  // All outlive it. `bytes_per_second` is what we pass on for all; 0: for nobody.
  Passages(double bytes_per_second, LinkTable& links, RecordCache& records, Rng& rng,
           Counters& counters);

  void SetSelf(const NodeRecord& self) { self_ = self; }
  // Whether others can reach us only so, and whether we can be reached to pass on for others.
  void SetNeed(Instant now, bool needed, bool can_serve);

  // The ways to us, at most kRelays.
  std::vector<DetourPath> ways() const;

  // To `path.far`, by `path.via`; a link to that one is made if there is none.
  void Send(Instant now, const DetourPath& path, ByteView datagram);
  struct Arrived {
    DetourPath from;
    Bytes datagram;
  };
  std::optional<Arrived> OnPassage(Instant now, const NodeId& from,
                                   const wire::v1::Passage& passage);
  void OnLinkUp(Instant now, const NodeId& id);
  void OnLinkDown(const NodeId& id);
  // The head of a node whose record is needed; OnRecord brings it.
  std::optional<uint64_t> TakeWanted();
  void OnRecord(Instant now, const NodeRecord& record);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

 private:
  struct Relay {
    bool agreed = false;
    Instant until;  // given up when it does not answer by then
  };
  struct Served {
    Instant until;
    TokenBucket bucket{kServedRate, kServedBurst};
    std::map<uint64_t, Instant> writers;  // heads, and until when they may be answered
  };
  struct Waiting {
    DetourPath path;
    Bytes datagram;
    Instant until;
  };

  bool WaitsFor(uint64_t via) const;
  void AskAround(Instant now);
  void OnAsked(Instant now, const NodeId& from);
  void PassOn(Instant now, const NodeId& from, const wire::v1::Passage& passage);
  bool Allowed(Instant now, const NodeId& from, const NodeId& to, size_t size);
  void Say(Instant now, const NodeId& to, uint64_t peer, bool passed_on, ByteView datagram);

  LinkTable& links_;
  RecordCache& records_;
  Rng& rng_;
  Counters& counters_;
  const bool relays_at_all_;
  TokenBucket bucket_;
  std::optional<NodeRecord> self_;
  bool needed_ = false;
  bool can_serve_ = false;
  std::map<NodeId, Relay> relays_;     // ours
  std::map<NodeId, Instant> in_vain_;  // who said nothing when asked, with a link; until then
  std::optional<Instant> next_ask_;
  std::map<NodeId, Served> served_;
  std::deque<Waiting> waiting_;
  std::set<uint64_t> wanted_;
  std::set<uint64_t> looked_for_;
};

}  // namespace p2pd::overlay
