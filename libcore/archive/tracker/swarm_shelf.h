// SwarmShelf: where swarms stand: found by info-hash, in the order of their last announce, without
// gaps.
//
// Rules: a swarm is 64 bytes, one line of the cache, and its place is a number that changes when
// another swarm is removed (the last one moves into the gap), so no place is kept over a Remove.
// Hashes are placed by SipHash under a key that the owner shares with nobody, so strangers cannot
// aim at a slot. Threads: the owner's, under its lock. Limits: the owner's, by bytes().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "libcore/archive/torrent/info_hash.h"
#include "libcore/archive/tracker/peer_set.h"
#include "libcore/base/siphash.h"

namespace p2pd::archive::tracker {

// Times are seconds of the table's clock. One line of the cache.
struct alignas(64) Swarm {
  torrent::InfoHash hash;
  uint32_t created = 0;
  uint32_t downloaded = 0;  // `completed` events
  uint32_t newer = 0;       // places in the order of announces
  uint32_t older = 0;
  uint32_t told : 30 = 0;  // when the archive heard of a seed last; 0: never
  uint32_t archived : 1 = 0;
  uint32_t scarce : 1 = 0;  // as the archive said; counts where archived
  PeerSet<PeerV4> v4;
  PeerSet<PeerV6> v6;
};
static_assert(sizeof(Swarm) == 64);

class SwarmShelf {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kSwarmsPerChunk = 64;

  explicit SwarmShelf(const SipHashKey& key) : key_(key) {}

  // What the other calls know a hash by.
  static uint64_t HashOf(const SipHashKey& key, const torrent::InfoHash& hash) {
    return SipHash24(key, hash.view());
  }

  uint32_t size() const { return size_; }
  Swarm& operator[](uint32_t place) {
    return chunks_[place / kSwarmsPerChunk]->swarms[place % kSwarmsPerChunk];
  }
  const Swarm& operator[](uint32_t place) const {
    return chunks_[place / kSwarmsPerChunk]->swarms[place % kSwarmsPerChunk];
  }
  // kNone when it is not there. `hashed` is HashOf(hash) here and below.
  uint32_t Find(const torrent::InfoHash& hash, uint64_t hashed) const;
  // Must not be there. The newest from now on.
  uint32_t Insert(const torrent::InfoHash& hash, uint64_t hashed);
  void Remove(uint32_t place);
  // Makes it the newest.
  void Touch(uint32_t place);
  // The one that is the newest for the longest time ago; kNone when empty.
  uint32_t oldest() const { return oldest_; }
  // What chunks and index take from the allocator; the swarms' own blocks are not in it.
  size_t bytes() const;

 private:
  struct Chunk {
    std::array<Swarm, kSwarmsPerChunk> swarms;
  };

  void Unlink(uint32_t place);
  void LinkNewest(uint32_t place);
  uint32_t SlotOf(uint32_t place) const;
  void FreeSlot(uint32_t slot);
  void Reindex(size_t slot_count);

  const SipHashKey key_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<uint32_t> slots_;  // a power of two of places; kNone: free
  uint32_t size_ = 0;
  uint32_t newest_ = kNone;
  uint32_t oldest_ = kNone;
};

}  // namespace p2pd::archive::tracker
