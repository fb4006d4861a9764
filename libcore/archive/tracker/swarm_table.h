// SwarmTable: all swarms of a tracker: who is in them, and which list of peers an announce gets.
//
// Rules: a reply never holds the asker, gives no seeds to a seed, takes peers whose connectability
// was verified first, and is otherwise a uniform choice without replacement. Where the archive has
// pieces of a torrent it tells so by SetArchive; with `always` it is in every reply to a leecher,
// before all peers, even where one peer was wanted: nobody has to ask again until chance shows the
// archive. A peer that did not announce for `peer_life` is forgotten. Memory is bounded: beyond
// max_bytes the swarm that was quiet for longest goes, and where there is only one, its oldest
// peers. Hashes and addresses are placed by a secret, so strangers cannot aim at one shard or slot.
// Threads: any; a shard's mutex is held for one announce or for a look at 1/64 of the swarms.
// Limits: max_bytes of Options for swarms and peers; kMaxListings archive listings beside it.
// Sources: BEP 3, 7, 15, 23; the S-tracker paper (2017) for the archive in the list.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/archive/tracker/peer_set.h"
#include "libcore/archive/tracker/sample.h"
#include "libcore/archive/tracker/swarm_shelf.h"
#include "libcore/base/mutex.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::tracker {

using torrent::InfoHash;

// Peers of a reply; the archive's endpoints count as such. BitTorrent's clients ask for 50 to 200.
inline constexpr uint32_t kMaxPeersInReply = 50;

// What the archive says of one torrent.
struct ArchiveListing {
  // More S-trackers than this would leave no room for organic peers in a small reply.
  static constexpr size_t kMaxEndpoints = 4;

  // Where BitTorrent connections to archives with pieces of it are taken; v4 and v6 alike.
  std::vector<net::Endpoint> endpoints;
  // Organic availability is below the target: in every reply to a leecher. Else by chance, like any
  // other peer.
  bool always = false;
};

// BEP 3 `event`, BEP 15 in this order.
enum class AnnounceEvent : uint8_t { kNone, kCompleted, kStarted, kStopped };

struct PeerAnnounce {
  InfoHash hash;
  net::Endpoint peer;  // where the datagram or connection came from, with the announced port
  AnnounceEvent event = AnnounceEvent::kNone;
  bool seed = false;  // left == 0
  uint32_t wanted = kMaxPeersInReply;
  // IPv4 and IPv6 peers (HTTP, BEP 7); else the asker's family (BEP 15).
  bool both_families = false;
};

// Compact peers (BEP 23, BEP 7), without a heap: an owner reuses it for each announce.
template <class Record>
struct CompactList {
  std::array<uint8_t, kMaxPeersInReply * Record::kWireBytes> bytes;
  size_t used = 0;

  ByteView view() const { return ByteView(bytes.data(), used); }
  size_t count() const { return used / Record::kWireBytes; }
  void Add(const typename Record::Wire& wire) {
    std::memcpy(bytes.data() + used, wire.data(), Record::kWireBytes);
    used += Record::kWireBytes;
  }
};

struct SwarmCounts {
  uint32_t complete = 0;
  uint32_t incomplete = 0;
  uint32_t downloaded = 0;
};

struct SwarmReply {
  SwarmCounts counts;
  CompactList<PeerV4> v4;
  CompactList<PeerV6> v6;
  absl::Duration age;          // since the swarm's first announce
  bool archived = false;       // the archive has pieces of it
  bool scarce = false;         // organic availability is below the target
  bool archive_given = false;  // it is in the list
  bool tell_seed = false;      // the archive should look at this seed, see kTellAgain
};

// One peer and one swarm as they are written down.
struct PeerSnapshot {
  net::Endpoint endpoint;
  PeerClass peer_class = PeerClass::kLeecher;
  uint32_t age_seconds = 0;  // since its last announce
};
struct SwarmSnapshot {
  InfoHash hash;
  uint32_t age_seconds = 0;  // since its first announce
  uint32_t downloaded = 0;
  std::vector<PeerSnapshot> peers;
};

class SwarmTable {
 public:
  static constexpr size_t kShards = 64;
  // Listings of the archive: ten times the catalogue that a node is made for.
  static constexpr size_t kMaxListings = 1'000'000;
  // The archive hears of a seed of one torrent so often: it may need another seed than the first,
  // but not all of a large swarm.
  static constexpr absl::Duration kTellAgain = absl::Seconds(30);
  // Ages are told apart up to 2^16 s; a life beyond half of it could wrap between two sweeps.
  static constexpr absl::Duration kMaxPeerLife = absl::Hours(9);

  struct Options {
    size_t max_bytes = size_t{1} << 30;
    absl::Duration peer_life = absl::Seconds(3600);  // 2 × the interval
    // Seeds that make a swarm no longer scarce while the archive has not said anything of it.
    uint32_t target_seeds = 1;
  };

  // `start` is the table's first second; no later call is given an earlier time. `rng` is used here
  // only.
  SwarmTable(const Options& options, Instant start, Rng& rng);
  ~SwarmTable();
  SwarmTable(const SwarmTable&) = delete;
  SwarmTable& operator=(const SwarmTable&) = delete;

  // Enters, renews or removes the peer and fills `reply`. The first announce makes the swarm.
  void Announce(Instant now, const PeerAnnounce& announce, SampleStream& random, SwarmReply& reply);
  // Zeros for a swarm that is not known.
  SwarmCounts Scrape(const InfoHash& hash) const;

  // The archive tells that it has pieces of `hash`, or with nullopt that it has none. A listing
  // holds until replaced, also while nobody is in the swarm. False when kMaxListings are held or it
  // has more than kMaxEndpoints.
  bool SetArchive(const InfoHash& hash, std::optional<ArchiveListing> listing);
  // A connection to the peer succeeded (true) or failed (false). False when it is not in the swarm.
  bool MarkConnectable(const InfoHash& hash, const net::Endpoint& peer, bool connectable);

  // Forgets peers that are silent for longer than peer_life, and then swarms without peers, in one
  // shard of kShards. A call for each shard once a minute keeps ages below an hour exact.
  void Sweep(Instant now, size_t shard);
  // Removes a swarm: its torrent is denied.
  void Remove(const InfoHash& hash);

  // Each swarm of one shard, for the state file. `visit` must not call the table.
  void Visit(Instant now, size_t shard, absl::FunctionRef<void(const SwarmSnapshot&)> visit) const;
  // Takes over what Visit gave, with ages grown by the time between; peers that are too old are
  // left out. Peers that are there already stay as they are.
  void Restore(Instant now, const SwarmSnapshot& swarm, absl::Duration passed);

  struct Stats {
    uint64_t bytes = 0;  // what swarms and peers take from the allocator
    uint64_t swarms = 0;
    uint64_t peers_v4 = 0;
    uint64_t peers_v6 = 0;
    uint64_t listings = 0;
    uint64_t expired_peers = 0;
    uint64_t evicted_swarms = 0;
    uint64_t evicted_peers = 0;
  };
  Stats stats() const;

 private:
  struct Shard;

  uint32_t Seconds(Instant now) const;
  Shard& ShardOf(uint64_t hashed) const;
  uint64_t HashOf(const InfoHash& hash) const { return SwarmShelf::HashOf(key_, hash); }
  // Enters or renews the asker; its place in the set of its family.
  template <class Record>
  uint32_t Enter(Swarm& swarm, PeerSet<Record>& set, const PeerAnnounce& announce,
                 uint32_t seconds);
  void Leave(Shard& shard, const PeerAnnounce& announce, SwarmReply& reply);
  template <class Record>
  void RestorePeer(PeerSet<Record>& set, const PeerSnapshot& peer, uint32_t seconds);
  // Erases who was silent for longer than `life`; how many.
  template <class Record>
  size_t ForgetSilent(PeerSet<Record>& set, uint32_t seconds, uint16_t life);
  void MakeRoom(uint32_t seconds);
  Swarm& FindOrMake(Shard& shard, const InfoHash& hash, uint64_t hashed, uint32_t seconds);
  size_t ForgetOldest(Swarm& swarm, uint32_t seconds);
  size_t ForgetHalf(Swarm& swarm);
  void RemoveAt(Shard& shard, uint32_t place);
  void Charge(size_t before, size_t after) {
    if (before != after) bytes_.fetch_add(after - before, std::memory_order_relaxed);
  }
  template <class Record>
  class Change;

  const Options options_;
  const Instant start_;
  const uint16_t life_;  // seconds
  const SipHashKey key_;
  const uint64_t seed_;  // of the peers' indexes
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> peers_v4_{0};
  std::atomic<size_t> peers_v6_{0};
  std::atomic<size_t> listings_{0};
  std::atomic<size_t> next_eviction_{0};  // shard
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace p2pd::archive::tracker
