// WideTable: the membership cache. Hints of as many nodes as the budget allows, in the order of the
// ring, and what was said lately of who came and went.
//
// Rules: all of whom we heard within `radius` of us are kept; beyond it ever fewer, one in
// distance / radius, and for ten minutes only, since nobody tells us when they go (Accordion keeps
// the same density). A hint that failed is dropped at once and not taken back for two minutes. Who
// went is remembered for ten minutes, so that a slower message does not bring it back. Diversity of
// networks is not asked of the table, only of those whom it names round a key (Around). But letters
// go where hints say, so of one public address hearsay names a few nodes only, and what names more
// is not passed on: whoever stands there besides is reached hop by hop. Threads: one owner. Limits:
// below, each with a counter. Sources: Li et al., 'Bandwidth-efficient management of DHT routing
// tables' (Accordion), NSDI 2005; design §3.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "libcore/base/counters.h"
#include "libcore/overlay/hint.h"

namespace p2pd::overlay {

class WideTable {
 public:
  // Hints kept, of some 90 bytes; beyond it the radius shrinks.
  static constexpr size_t kMaxHints = 4096;
  // Heads whose last event is remembered beside the hints; beyond it the oldest is forgotten.
  static constexpr size_t kMaxNews = 4096;
  static constexpr absl::Duration kNewsLifetime = absl::Minutes(10);
  static constexpr absl::Duration kFarLifetime = absl::Minutes(10);
  // Nodes at one endpoint (it came back under another id, and nobody saw it go), and at one public
  // address, of IPv6 one /64; beyond it hearsay is dropped. Private ranges are exempt.
  static constexpr size_t kMaxPerEndpoint = 2;
  static constexpr size_t kMaxPerAddress = 8;
  // Hints that failed: until when they are not believed again; beyond so many the first goes.
  static constexpr absl::Duration kFailedFor = absl::Minutes(2);
  static constexpr size_t kMaxFailed = 512;
  // Radius, as a distance: half the ring is all of it; and the least that it shrinks to.
  static constexpr uint64_t kWhole = uint64_t{1} << 63;
  static constexpr uint64_t kMinRadius = kWhole >> 5;

  // `self` is our own head, which is never kept.
  WideTable(uint64_t self, Counters& counters, size_t capacity = kMaxHints)
      : self_(self), capacity_(capacity), counters_(counters) {}

  // What somebody says. True when it is news: later than what we knew of this head. Only news is
  // worth passing on.
  bool Take(Instant now, const HintEvent& event);
  // The same of what we saw ourselves: how many there are at one address is no matter then.
  bool Witness(Instant now, const HintEvent& event);
  // What another has in its table. True when we lacked it and keep it now: it may have been dropped
  // when the table was narrower; but who went is believed to be back by a later stamp only.
  bool Fetch(Instant now, const Hint& hint);
  // It did not answer.
  void Fail(Instant now, uint64_t head);
  // Forgets what is too old.
  void Sweep(Instant now);

  void SetRadius(uint64_t radius);
  uint64_t radius() const { return radius_; }
  // True where all nodes are to be expected in the table.
  bool Covers(uint64_t position) const { return HeadDistance(self_, position) <= radius_; }

  // Valid until the next change.
  const Hint* Find(uint64_t head) const;
  // The nearest to `position`, nearest first, of each network as many as Around takes.
  std::vector<Hint> Nearest(uint64_t position, size_t count) const;
  // Up to `per_side` on each side of `position`, nearest first; one that stands on it counts among
  // those above. The replica set of a key as the hints see it.
  std::vector<Hint> Around(uint64_t position, size_t per_side) const;
  // Those in [from, to) upwards, in their order, at most `most`. from = to is the whole ring.
  std::vector<Hint> Range(uint64_t from, uint64_t to, size_t most) const;
  // The same, each shown to `visit` until that returns false.
  template <class Visit>
  void Walk(uint64_t from, uint64_t to, const Visit& visit) const {
    size_t at = At(from);
    for (size_t i = 0; i < heads_.size(); ++i, ++at) {
      if (at == heads_.size()) at = 0;
      if (!Within(from, to, heads_[at]) || !visit((*this)[at])) return;
    }
  }
  // How far upwards from us the hints of the ranks 1, 2, 4 and so on are.
  std::vector<uint64_t> DistancesOfRanks() const;
  // watched() grows whenever a hint of one of these, in ascending order, comes or goes: for who
  // remembers something that depends on them.
  void Watch(std::vector<uint64_t> heads) { watch_ = std::move(heads); }
  uint64_t watched() const { return watched_; }
  // In the order of heads, from 0 to size() - 1.
  const Hint& operator[](size_t index) const { return hints_[places_[index]]; }
  size_t size() const { return heads_.size(); }

  // The last stamp known for this head.
  std::optional<uint32_t> StampOf(uint64_t head) const;
  // When we last heard somebody say that it came or went; nullopt when long ago.
  std::optional<Instant> LastNewsOf(uint64_t head) const;
  // Who went lately, in [from, to) upwards: what to say to somebody who still has them.
  std::vector<HintEvent> GoneIn(uint64_t from, uint64_t to) const;
  // Heads and stamps of those that failed us there.
  std::vector<HintEvent> FailedIn(uint64_t from, uint64_t to) const;

 private:
  struct News {
    uint32_t stamp = 0;
    bool there = false;
    Instant at;
  };
  struct Failed {
    uint32_t stamp = 0;
    Instant until;
  };
  // Is `head` in [from, to), upwards? All are when from = to.
  static bool Within(uint64_t from, uint64_t to, uint64_t head) {
    return from == to || ClockwiseHeads(from, head) < ClockwiseHeads(from, to);
  }
  // Index of the first hint whose head is not below this one.
  size_t At(uint64_t head) const;
  bool Stands(size_t index, uint64_t head) const {
    return index < heads_.size() && heads_[index] == head;
  }
  bool Keeps(uint64_t head) const;
  // Would it be kept, and too many others are said to be there? Counted.
  bool Crowded(const HintEvent& event);
  // The hint at this index of hints_ came, or goes.
  void Count(const Hint& hint);
  void Uncount(const Hint& hint);
  void Accept(Instant now, const HintEvent& event);
  void Remember(Instant now, const HintEvent& event);
  void Erase(uint64_t head);
  // `drop` is asked by index.
  template <class Drop>
  void EraseIf(const Drop& drop);
  void Put(const Hint& hint);
  void ShrinkToCapacity();
  void Changed(uint64_t head);

  uint64_t self_;
  size_t capacity_;
  Counters& counters_;
  uint64_t radius_ = kWhole;
  // Heads in ascending order, and where the hint of each is: what moves when one comes or goes is
  // small, and whoever looks for one sees heads only.
  std::vector<uint64_t> heads_;
  std::vector<uint32_t> places_;  // in hints_
  std::vector<Hint> hints_;
  std::vector<uint32_t> free_;  // of hints_
  // How many hints name a public endpoint, and an address (port 0).
  absl::flat_hash_map<net::Endpoint, size_t> named_;
  absl::btree_map<uint64_t, News> news_;
  std::deque<std::pair<Instant, uint64_t>> news_order_;
  std::map<uint64_t, Failed> failed_;
  std::vector<uint64_t> watch_;
  uint64_t watched_ = 1;
};

}  // namespace p2pd::overlay
