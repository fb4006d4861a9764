// Inventory: which groups of pieces a member holds, told to the others by what changed since they
// asked last; and what one heard of another's.
//
//   page   epoch 8 | reaches 8 | newest 8 | torrents 4 | digest 32 | flags 1: 1 full | used 8 |
//   entries entry  info-hash 20 | groups 4 | form 1: 0 none, 1 all, 2 a bitmap follows, its first
//   bit the highest
//
// Rules: each change of a torrent gets the next revision; a page has what changed after a revision,
// oldest first, so that many small ones are as good as a large one. The epoch is another after each
// start, and then everything is told anew; what was heard before counts until that is complete.
// The digest is the exclusive or of a hash of each entry: who heard all of it comes to the same,
// else something was lost or lied, and everything is asked for again. A torrent without any group
// is one that is known; one with no groups at all is gone. Threads: one owner each. Limits: below.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive::federation {

// One bit for each group of a torrent.
using Groups = std::vector<bool>;

// Groups of one torrent; one with more is not told of. At 16 MiB a group that is 4 TiB.
inline constexpr uint32_t kMaxGroups = 1 << 18;
// Bytes of the entries in a page; the largest entry fits.
inline constexpr size_t kMaxPage = 60 * 1024;

struct InventoryEntry {
  torrent::InfoHash hash;
  Groups groups;  // empty: gone
};

struct InventoryPage {
  uint64_t epoch = 0;    // never 0
  uint64_t reaches = 0;  // the revision of its last entry, or of the state where it has none
  uint64_t newest = 0;   // equal when this was the last page
  uint32_t torrents = 0;
  pki::Sha256Digest digest;
  bool full = false;  // takes nothing new for want of room
  uint64_t used = 0;  // bytes on disk
  std::vector<InventoryEntry> entries;

  bool last() const { return reaches == newest; }
};
void WriteInventoryPage(const InventoryPage& page, Bytes& out);
// nullopt for what WriteInventoryPage does not make.
std::optional<InventoryPage> ParseInventoryPage(ByteView bytes);

pki::Sha256Digest DigestOf(const torrent::InfoHash& hash, const Groups& groups);

// Ours.
class Inventory {
 public:
  // Torrents that went are remembered, so that others hear of it; beyond so many an epoch begins.
  static constexpr size_t kMaxGone = 10'000;

  // `epoch`: not 0, and larger than at an earlier start.
  explicit Inventory(uint64_t epoch) : epoch_(epoch) {}

  // `groups` empty: it is gone. False when nothing changed, or when there are more than kMaxGroups.
  bool Set(const torrent::InfoHash& hash, Groups groups);
  size_t torrents() const { return entries_.size() - gone_; }
  // Groups held, in all torrents.
  uint64_t held() const { return held_; }
  // What changed after `revision` of `epoch`; everything where the epoch is another.
  InventoryPage PageAfter(uint64_t epoch, uint64_t revision, size_t max_bytes = kMaxPage) const;

 private:
  struct Entry {
    Groups groups;
    uint64_t revision = 0;
  };
  void Toggle(const torrent::InfoHash& hash, const Groups& groups);
  void BeginEpoch();

  uint64_t epoch_;
  uint64_t revision_ = 0;
  size_t gone_ = 0;
  uint64_t held_ = 0;
  pki::Sha256Digest digest_;
  std::map<torrent::InfoHash, Entry> entries_;
  std::map<uint64_t, torrent::InfoHash> order_;  // by revision
};

// Another member's, as far as it was heard.
class HeardInventory {
 public:
  // What a member may tell of; more is refused.
  static constexpr size_t kMaxTorrents = 100'000;
  static constexpr size_t kMaxGroupsInAll = size_t{64} << 23;  // 64 MiB of bits

  enum class Taken {
    kMore,      // ask for the next page
    kComplete,  // that was all
    kRefused,   // not what was asked, too much, or the digest is another: all is asked for again
  };
  // `changed` gets the torrents that are told otherwise than before.
  Taken Take(const InventoryPage& page, std::vector<torrent::InfoHash>& changed);

  // What to ask for next.
  uint64_t epoch() const { return reading_ ? reading_->epoch : heard_.epoch; }
  uint64_t revision() const { return reading_ ? reading_->revision : heard_.revision; }
  // It was heard to its end once.
  bool complete() const { return heard_.epoch != 0; }
  size_t torrents() const { return heard_.torrents.size(); }
  // Groups that it holds, in all torrents.
  uint64_t groups() const { return heard_.held; }
  // nullptr: it does not know the torrent.
  const Groups* Find(const torrent::InfoHash& hash) const;
  const std::map<torrent::InfoHash, Groups>& all() const { return heard_.torrents; }

 private:
  struct State {
    uint64_t epoch = 0;
    uint64_t revision = 0;
    uint64_t held = 0;  // groups
    size_t bits = 0;
    pki::Sha256Digest digest;
    std::map<torrent::InfoHash, Groups> torrents;
  };
  static bool Apply(const InventoryEntry& entry, State& state);
  Taken Refuse();

  State heard_;
  std::optional<State> reading_;  // of another epoch, until it is complete
  bool refused_ = false;          // the last one, so that another refusal forgets all
};

}  // namespace p2pd::archive::federation
