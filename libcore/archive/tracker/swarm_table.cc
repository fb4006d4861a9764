#include "libcore/archive/tracker/swarm_table.h"

#include <algorithm>
#include <utility>

namespace p2pd::archive::tracker {
namespace {

// So many seconds lie before the start, for what a state file brings along: 12 days.
constexpr uint32_t kFirstSecond = 1 << 20;
// Swarm::told has 30 bits: 34 years.
constexpr uint32_t kToldMask = (1 << 30) - 1;
// Of one announce under memory pressure, so that none takes long: twice round the shards, since
// some may be empty.
constexpr int kEvictionsAtOnce = 2 * SwarmTable::kShards;

template <class Record>
typename Record::Wire WireOf(const net::Endpoint& endpoint) {
  typename Record::Wire wire;
  const ByteView address = endpoint.address.bytes();
  std::copy(address.begin(), address.end(), wire.begin());
  wire[address.size()] = static_cast<uint8_t>(endpoint.port >> 8);
  wire[address.size() + 1] = static_cast<uint8_t>(endpoint.port);
  return wire;
}

net::Endpoint EndpointOf(const PeerV4& record) {
  const auto& w = record.wire;
  return {.address = net::IpAddress::V4({w[0], w[1], w[2], w[3]}),
          .port = static_cast<uint16_t>(w[4] << 8 | w[5])};
}

net::Endpoint EndpointOf(const PeerV6& record) {
  std::array<uint8_t, 16> address;
  std::copy(record.wire.begin(), record.wire.begin() + 16, address.begin());
  return {.address = net::IpAddress::V6(address),
          .port = static_cast<uint16_t>(record.wire[16] << 8 | record.wire[17])};
}

uint16_t AgeOf(ShortTime seen, uint32_t seconds) {
  return static_cast<uint16_t>(static_cast<uint16_t>(seconds) - seen);
}

SwarmCounts CountsOf(const Swarm& swarm) {
  SwarmCounts counts;
  for (const PeerClass c : {PeerClass::kConnectableSeed, PeerClass::kSeed}) {
    counts.complete += swarm.v4.Count(c) + swarm.v6.Count(c);
  }
  counts.incomplete = swarm.v4.size() + swarm.v6.size() - counts.complete;
  counts.downloaded = swarm.downloaded;
  return counts;
}

// Peers that may be chosen, as ranges of positions; the asker is left out.
class Candidates {
 public:
  // Of one family; `asker` is a position of it, or of none of them.
  void Add(bool v6, uint32_t begin, uint32_t end, uint32_t asker) {
    if (asker >= begin && asker < end) {
      AddRange(v6, begin, asker);
      begin = asker + 1;
    }
    AddRange(v6, begin, end);
  }
  uint32_t size() const { return size_; }
  // Which family and position the i-th is.
  std::pair<bool, uint32_t> At(uint32_t i) const {
    size_t range = 0;
    while (i >= ranges_[range].count) i -= ranges_[range++].count;
    return {ranges_[range].v6, ranges_[range].begin + i};
  }

 private:
  struct Range {
    uint32_t begin;
    uint32_t count;
    bool v6;
  };
  void AddRange(bool v6, uint32_t begin, uint32_t end) {
    if (begin == end) return;
    ranges_[used_++] = {.begin = begin, .count = end - begin, .v6 = v6};
    size_ += end - begin;
  }

  // Leechers and seeds of two families, one of them cut in two by the asker.
  std::array<Range, 5> ranges_;
  size_t used_ = 0;
  uint32_t size_ = 0;
};

struct Asker {
  const PeerAnnounce& announce;
  uint32_t place;  // in the set of its family

  bool v6() const { return !announce.peer.address.is_v4(); }
};

Candidates CandidatesOf(const Swarm& swarm, const Asker& asker, bool connectable) {
  Candidates out;
  const auto add = [&](bool v6, const auto& set) {
    if (v6 != asker.v6() && !asker.announce.both_families) return;
    const uint32_t self = v6 == asker.v6() ? asker.place : SwarmShelf::kNone;
    const PeerClass leechers = ClassOf(false, connectable);
    out.Add(v6, set.Begin(leechers), set.End(leechers), self);
    if (asker.announce.seed) return;
    const PeerClass seeds = ClassOf(true, connectable);
    out.Add(v6, set.Begin(seeds), set.End(seeds), self);
  };
  add(false, swarm.v4);
  add(true, swarm.v6);
  return out;
}

void AddEndpoint(const net::Endpoint& endpoint, SwarmReply& reply) {
  if (endpoint.address.is_v4()) {
    reply.v4.Add(WireOf<PeerV4>(endpoint));
  } else {
    reply.v6.Add(WireOf<PeerV6>(endpoint));
  }
}

// Puts up to `wanted` of the archive's endpoints into the list, those of the asker's family first;
// how many.
uint32_t AddArchive(const ArchiveListing& listing, const Asker& asker, uint32_t wanted,
                    SampleStream& random, SwarmReply& reply) {
  const auto count = static_cast<uint32_t>(listing.endpoints.size());
  if (count == 0) return 0;
  const uint32_t first = random.Below(count);
  uint32_t added = 0;
  for (const bool own : {true, false}) {
    if (!own && !asker.announce.both_families) break;
    for (uint32_t i = 0; i < count && added < wanted; ++i) {
      const net::Endpoint& endpoint = listing.endpoints[(first + i) % count];
      if ((endpoint.address.is_v4() != asker.v6()) != own) continue;
      if (endpoint == asker.announce.peer) continue;
      AddEndpoint(endpoint, reply);
      ++added;
    }
  }
  return added;
}

// What the archive's own endpoints, which may have announced too, are not to be listed twice by.
bool IsListed(const SwarmReply& reply, size_t listed_v4, const PeerV4& record) {
  for (size_t at = 0; at < listed_v4; at += PeerV4::kWireBytes) {
    if (std::memcmp(reply.v4.bytes.data() + at, record.wire.data(), PeerV4::kWireBytes) == 0) {
      return true;
    }
  }
  return false;
}
bool IsListed(const SwarmReply& reply, size_t listed_v6, const PeerV6& record) {
  for (size_t at = 0; at < listed_v6; at += PeerV6::kWireBytes) {
    if (std::memcmp(reply.v6.bytes.data() + at, record.wire.data(), PeerV6::kWireBytes) == 0) {
      return true;
    }
  }
  return false;
}

// Adds `wanted` of the candidates; two passes, so that the records of a large swarm are fetched
// from memory at once and not one after the other.
void AddSample(const Swarm& swarm, const Candidates& candidates, uint32_t wanted,
               SampleStream& random, SwarmReply& reply) {
  std::array<std::pair<bool, uint32_t>, kMaxPeersInReply> chosen;
  size_t count = 0;
  Sample(random, candidates.size(), wanted, [&](uint32_t i) {
    const auto at = candidates.At(i);
    __builtin_prefetch(at.first ? static_cast<const void*>(&swarm.v6[at.second])
                                : static_cast<const void*>(&swarm.v4[at.second]));
    chosen[count++] = at;
  });
  const size_t listed_v4 = reply.v4.used;
  const size_t listed_v6 = reply.v6.used;
  for (size_t i = 0; i < count; ++i) {
    const auto [v6, position] = chosen[i];
    if (v6) {
      const PeerV6& record = swarm.v6[position];
      if (!IsListed(reply, listed_v6, record)) reply.v6.Add(record.wire);
    } else {
      const PeerV4& record = swarm.v4[position];
      if (!IsListed(reply, listed_v4, record)) reply.v4.Add(record.wire);
    }
  }
}

}  // namespace

struct SwarmTable::Shard {
  explicit Shard(const SipHashKey& key) : shelf(key) {}

  mutable Mutex mutex;
  SwarmShelf shelf ABSL_GUARDED_BY(mutex);
  // Looked up by hash only.
  absl::flat_hash_map<InfoHash, ArchiveListing> listings ABSL_GUARDED_BY(mutex);
  uint64_t expired_peers ABSL_GUARDED_BY(mutex) = 0;
  uint64_t evicted_swarms ABSL_GUARDED_BY(mutex) = 0;
  uint64_t evicted_peers ABSL_GUARDED_BY(mutex) = 0;
};

// Charges what becomes of a set while this lives.
template <class Record>
class SwarmTable::Change {
 public:
  Change(SwarmTable& table, const PeerSet<Record>& set)
      : table_(table), set_(set), bytes_(set.bytes()), size_(set.size()) {}
  ~Change() {
    table_.Charge(bytes_, set_.bytes());
    if (set_.size() == size_) return;
    std::atomic<size_t>& peers =
        sizeof(Record) == sizeof(PeerV4) ? table_.peers_v4_ : table_.peers_v6_;
    peers.fetch_add(set_.size() - size_, std::memory_order_relaxed);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

 private:
  SwarmTable& table_;
  const PeerSet<Record>& set_;
  const size_t bytes_;
  const size_t size_;
};

SwarmTable::SwarmTable(const Options& options, Instant start, Rng& rng)
    : options_(options),
      start_(start),
      life_(static_cast<uint16_t>(absl::ToInt64Seconds(std::min(options.peer_life, kMaxPeerLife)))),
      key_([&rng] {
        SipHashKey key;
        rng.Fill(MutableByteView(key.data(), key.size()));
        return key;
      }()),
      seed_(rng.Next()) {
  for (size_t i = 0; i < kShards; ++i) shards_.push_back(std::make_unique<Shard>(key_));
}

SwarmTable::~SwarmTable() = default;

uint32_t SwarmTable::Seconds(Instant now) const {
  return kFirstSecond +
         static_cast<uint32_t>(std::max<int64_t>(0, absl::ToInt64Seconds(now - start_)));
}

// Lower bits of the hash place a swarm in its shard's index, the uppermost choose the shard.
SwarmTable::Shard& SwarmTable::ShardOf(uint64_t hashed) const {
  static_assert(kShards == 1 << 6);
  return *shards_[hashed >> (64 - 6)];
}

template <class Record>
uint32_t SwarmTable::Enter(Swarm& swarm, PeerSet<Record>& set, const PeerAnnounce& announce,
                           uint32_t seconds) {
  const typename Record::Wire wire = WireOf<Record>(announce.peer);
  const auto seen = static_cast<ShortTime>(seconds);
  std::optional<uint32_t> place = set.Find(wire, seed_);
  const bool was_seed = place && IsSeed(set.ClassAt(*place));
  if (announce.event == AnnounceEvent::kCompleted && !was_seed) ++swarm.downloaded;
  if (place) {
    set.Touch(*place, seen);
    if (was_seed == announce.seed) return *place;
    const bool connectable = IsConnectable(set.ClassAt(*place));
    return set.Reclass(*place, ClassOf(announce.seed, connectable), seed_);
  }
  const Change<Record> change(*this, set);
  return set.Insert({.wire = wire, .seen = seen}, ClassOf(announce.seed, false), seed_);
}

void SwarmTable::Leave(Shard& shard, const PeerAnnounce& announce, SwarmReply& reply)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex) {
  const uint32_t at = shard.shelf.Find(announce.hash, HashOf(announce.hash));
  if (at == SwarmShelf::kNone) return;
  Swarm& swarm = shard.shelf[at];
  const auto erase = [&]<class Record>(PeerSet<Record>& set) {
    const auto place = set.Find(WireOf<Record>(announce.peer), seed_);
    if (!place) return;
    const Change<Record> change(*this, set);
    set.Erase(*place, seed_);
  };
  if (announce.peer.address.is_v4()) {
    erase(swarm.v4);
  } else {
    erase(swarm.v6);
  }
  reply.counts = CountsOf(swarm);
  if (swarm.v4.empty() && swarm.v6.empty()) RemoveAt(shard, at);
}

void SwarmTable::Announce(Instant now, const PeerAnnounce& announce, SampleStream& random,
                          SwarmReply& reply) {
  reply.counts = {};
  reply.v4.used = 0;
  reply.v6.used = 0;
  reply.age = absl::ZeroDuration();
  reply.archived = reply.scarce = reply.archive_given = reply.tell_seed = false;
  const uint64_t hashed = HashOf(announce.hash);
  const uint32_t seconds = Seconds(now);
  MakeRoom(seconds);
  Shard& shard = ShardOf(hashed);
  const MutexLock lock(&shard.mutex);
  if (announce.event == AnnounceEvent::kStopped) {
    Leave(shard, announce, reply);
    return;
  }
  Swarm& swarm = FindOrMake(shard, announce.hash, hashed, seconds);
  const Asker asker{.announce = announce,
                    .place = announce.peer.address.is_v4()
                                 ? Enter(swarm, swarm.v4, announce, seconds)
                                 : Enter(swarm, swarm.v6, announce, seconds)};
  reply.counts = CountsOf(swarm);
  reply.age = absl::Seconds(seconds - swarm.created);
  reply.archived = swarm.archived != 0;
  reply.scarce = reply.archived ? swarm.scarce != 0 : reply.counts.complete < options_.target_seeds;
  // Of what it holds, too: it may lack some, and counts who is there.
  if (announce.seed && (swarm.told == 0 || absl::Seconds(seconds - swarm.told) >= kTellAgain)) {
    swarm.told = seconds & kToldMask;
    reply.tell_seed = true;
  }
  uint32_t wanted = std::min(announce.wanted, kMaxPeersInReply);
  if (wanted == 0) return;
  const Candidates connectable = CandidatesOf(swarm, asker, true);
  const Candidates others = CandidatesOf(swarm, asker, false);
  const uint32_t n = connectable.size() + others.size();
  if (!announce.seed && reply.archived) {
    const ArchiveListing& listing = shard.listings.at(announce.hash);
    uint32_t added = 0;
    if (listing.always) {
      added = AddArchive(listing, asker, wanted, random, reply);
    } else if (n < wanted || random.Below(n) < wanted) {
      added = AddArchive(listing, asker, 1, random, reply);
    }
    reply.archive_given = added > 0;
    wanted -= added;
  }
  AddSample(swarm, connectable, wanted, random, reply);
  const auto left = wanted - std::min(wanted, connectable.size());
  if (left > 0) AddSample(swarm, others, left, random, reply);
}

// The newest from now on.
Swarm& SwarmTable::FindOrMake(Shard& shard, const InfoHash& hash, uint64_t hashed, uint32_t seconds)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex) {
  const uint32_t found = shard.shelf.Find(hash, hashed);
  if (found != SwarmShelf::kNone) {
    shard.shelf.Touch(found);
    return shard.shelf[found];
  }
  const size_t before = shard.shelf.bytes();
  Swarm& swarm = shard.shelf[shard.shelf.Insert(hash, hashed)];
  Charge(before, shard.shelf.bytes());
  swarm.created = seconds;
  const auto listing = shard.listings.find(hash);
  swarm.archived = listing != shard.listings.end() ? 1 : 0;
  swarm.scarce = swarm.archived != 0 && listing->second.always ? 1 : 0;
  return swarm;
}

SwarmCounts SwarmTable::Scrape(const InfoHash& hash) const {
  const uint64_t hashed = HashOf(hash);
  const Shard& shard = ShardOf(hashed);
  const MutexLock lock(&shard.mutex);
  const uint32_t at = shard.shelf.Find(hash, hashed);
  return at == SwarmShelf::kNone ? SwarmCounts() : CountsOf(shard.shelf[at]);
}

bool SwarmTable::SetArchive(const InfoHash& hash, std::optional<ArchiveListing> listing) {
  if (listing && listing->endpoints.size() > ArchiveListing::kMaxEndpoints) return false;
  const uint64_t hashed = HashOf(hash);
  Shard& shard = ShardOf(hashed);
  const MutexLock lock(&shard.mutex);
  const uint32_t at = shard.shelf.Find(hash, hashed);
  if (at != SwarmShelf::kNone) {
    shard.shelf[at].archived = listing ? 1 : 0;
    shard.shelf[at].scarce = listing && listing->always ? 1 : 0;
  }
  if (!listing) {
    listings_.fetch_sub(shard.listings.erase(hash), std::memory_order_relaxed);
    return true;
  }
  const auto known = shard.listings.find(hash);
  if (known != shard.listings.end()) {
    known->second = *std::move(listing);
    return true;
  }
  if (listings_.load(std::memory_order_relaxed) >= kMaxListings) {
    if (at != SwarmShelf::kNone) shard.shelf[at].archived = 0;
    return false;
  }
  shard.listings.emplace(hash, *std::move(listing));
  listings_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool SwarmTable::MarkConnectable(const InfoHash& hash, const net::Endpoint& peer,
                                 bool connectable) {
  const uint64_t hashed = HashOf(hash);
  Shard& shard = ShardOf(hashed);
  const MutexLock lock(&shard.mutex);
  const uint32_t at = shard.shelf.Find(hash, hashed);
  if (at == SwarmShelf::kNone) return false;
  const auto mark = [&]<class Record>(PeerSet<Record>& set) {
    const auto place = set.Find(WireOf<Record>(peer), seed_);
    if (!place) return false;
    set.Reclass(*place, ClassOf(IsSeed(set.ClassAt(*place)), connectable), seed_);
    return true;
  };
  Swarm& swarm = shard.shelf[at];
  return peer.address.is_v4() ? mark(swarm.v4) : mark(swarm.v6);
}

template <class Record>
size_t SwarmTable::ForgetSilent(PeerSet<Record>& set, uint32_t seconds, uint16_t life) {
  const size_t count = set.size();
  const Change<Record> change(*this, set);
  set.EraseIf([&](const Record& record) { return AgeOf(record.seen, seconds) > life; }, seed_);
  return count - set.size();
}

void SwarmTable::Sweep(Instant now, size_t shard_number) {
  Shard& shard = *shards_[shard_number % kShards];
  const uint32_t seconds = Seconds(now);
  const MutexLock lock(&shard.mutex);
  // Downwards: the last swarm, which moves into a gap, has been looked at.
  for (uint32_t at = shard.shelf.size(); at-- > 0;) {
    Swarm& swarm = shard.shelf[at];
    shard.expired_peers += ForgetSilent(swarm.v4, seconds, life_);
    shard.expired_peers += ForgetSilent(swarm.v6, seconds, life_);
    if (swarm.v4.empty() && swarm.v6.empty()) RemoveAt(shard, at);
  }
}

void SwarmTable::Remove(const InfoHash& hash) {
  const uint64_t hashed = HashOf(hash);
  Shard& shard = ShardOf(hashed);
  const MutexLock lock(&shard.mutex);
  const uint32_t at = shard.shelf.Find(hash, hashed);
  if (at != SwarmShelf::kNone) RemoveAt(shard, at);
}

void SwarmTable::RemoveAt(Shard& shard, uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex) {
  const Swarm& swarm = shard.shelf[place];
  const size_t before = shard.shelf.bytes() + swarm.v4.bytes() + swarm.v6.bytes();
  peers_v4_.fetch_sub(swarm.v4.size(), std::memory_order_relaxed);
  peers_v6_.fetch_sub(swarm.v6.size(), std::memory_order_relaxed);
  shard.shelf.Remove(place);
  Charge(before, shard.shelf.bytes());
}

// One shard after the other gives its oldest: hashes are spread by a secret, so the oldest of a
// shard is about as old as the oldest of all. No lock is held when this is called.
void SwarmTable::MakeRoom(uint32_t seconds) {
  for (int i = 0; i < kEvictionsAtOnce; ++i) {
    if (bytes_.load(std::memory_order_relaxed) <= options_.max_bytes) return;
    Shard& shard = *shards_[next_eviction_.fetch_add(1, std::memory_order_relaxed) % kShards];
    const MutexLock lock(&shard.mutex);
    const uint32_t oldest = shard.shelf.oldest();
    if (oldest == SwarmShelf::kNone) continue;
    Swarm& swarm = shard.shelf[oldest];
    if (shard.shelf.size() == 1) {
      shard.evicted_peers += ForgetOldest(swarm, seconds);
      if (!swarm.v4.empty() || !swarm.v6.empty()) continue;
    }
    shard.evicted_peers += swarm.v4.size() + swarm.v6.size();
    ++shard.evicted_swarms;
    RemoveAt(shard, oldest);
  }
}

// Those whose age is in the upper quarter of the ages that there are; how many.
size_t SwarmTable::ForgetOldest(Swarm& swarm, uint32_t seconds) {
  uint16_t youngest = UINT16_MAX;
  uint16_t oldest = 0;
  const auto look = [&](const auto& set) {
    for (uint32_t i = 0; i < set.size(); ++i) {
      const uint16_t age = AgeOf(set[i].seen, seconds);
      youngest = std::min(youngest, age);
      oldest = std::max(oldest, age);
    }
  };
  look(swarm.v4);
  look(swarm.v6);
  // All of one second: each of them is as old as any other.
  if (oldest == youngest) return ForgetHalf(swarm);
  const auto life = static_cast<uint16_t>(oldest - (oldest - youngest + 3) / 4);
  return ForgetSilent(swarm.v4, seconds, life) + ForgetSilent(swarm.v6, seconds, life);
}

size_t SwarmTable::ForgetHalf(Swarm& swarm) {
  const size_t count = swarm.v4.size() + swarm.v6.size();
  const auto halve = [&]<class Record>(PeerSet<Record>& set) {
    const Change<Record> change(*this, set);
    bool gone = false;
    set.EraseIf([&gone](const Record&) { return gone = !gone; }, seed_);
  };
  halve(swarm.v4);
  halve(swarm.v6);
  return count - swarm.v4.size() - swarm.v6.size();
}

void SwarmTable::Visit(Instant now, size_t shard_number,
                       absl::FunctionRef<void(const SwarmSnapshot&)> visit) const {
  const Shard& shard = *shards_[shard_number % kShards];
  const uint32_t seconds = Seconds(now);
  SwarmSnapshot snapshot;
  const MutexLock lock(&shard.mutex);
  for (uint32_t at = 0; at < shard.shelf.size(); ++at) {
    const Swarm& swarm = shard.shelf[at];
    snapshot.hash = swarm.hash;
    snapshot.age_seconds = seconds - swarm.created;
    snapshot.downloaded = swarm.downloaded;
    snapshot.peers.clear();
    const auto add = [&](const auto& set) {
      for (uint32_t i = 0; i < set.size(); ++i) {
        snapshot.peers.push_back({.endpoint = EndpointOf(set[i]),
                                  .peer_class = set.ClassAt(i),
                                  .age_seconds = AgeOf(set[i].seen, seconds)});
      }
    };
    add(swarm.v4);
    add(swarm.v6);
    visit(snapshot);
  }
}

template <class Record>
void SwarmTable::RestorePeer(PeerSet<Record>& set, const PeerSnapshot& peer, uint32_t seconds) {
  const typename Record::Wire wire = WireOf<Record>(peer.endpoint);
  if (set.Find(wire, seed_)) return;
  const Change<Record> change(*this, set);
  set.Insert({.wire = wire, .seen = static_cast<ShortTime>(seconds - peer.age_seconds)},
             peer.peer_class, seed_);
}

void SwarmTable::Restore(Instant now, const SwarmSnapshot& swarm, absl::Duration passed) {
  // A file may say any time: beyond a peer's life all are as far away.
  const int64_t gone =
      absl::ToInt64Seconds(std::clamp(passed, absl::ZeroDuration(), kMaxPeerLife + absl::Hours(1)));
  const uint32_t seconds = Seconds(now);
  const uint64_t hashed = HashOf(swarm.hash);
  Shard& shard = ShardOf(hashed);
  const MutexLock lock(&shard.mutex);
  for (PeerSnapshot peer : swarm.peers) {
    if (peer.age_seconds + gone > life_ || peer.endpoint.port == 0) continue;
    if (bytes_.load(std::memory_order_relaxed) > options_.max_bytes) return;
    peer.age_seconds += static_cast<uint32_t>(gone);
    Swarm& entered = FindOrMake(shard, swarm.hash, hashed, seconds);
    const int64_t age = std::min<int64_t>(swarm.age_seconds + gone, seconds - 1);
    entered.created = std::min(entered.created, static_cast<uint32_t>(seconds - age));
    entered.downloaded = std::max(entered.downloaded, swarm.downloaded);
    if (peer.endpoint.address.is_v4()) {
      RestorePeer(entered.v4, peer, seconds);
    } else {
      RestorePeer(entered.v6, peer, seconds);
    }
  }
}

SwarmTable::Stats SwarmTable::stats() const {
  Stats out{.bytes = bytes_.load(std::memory_order_relaxed),
            .peers_v4 = peers_v4_.load(std::memory_order_relaxed),
            .peers_v6 = peers_v6_.load(std::memory_order_relaxed),
            .listings = listings_.load(std::memory_order_relaxed)};
  for (const auto& shard : shards_) {
    const MutexLock lock(&shard->mutex);
    out.swarms += shard->shelf.size();
    out.expired_peers += shard->expired_peers;
    out.evicted_swarms += shard->evicted_swarms;
    out.evicted_peers += shard->evicted_peers;
  }
  return out;
}

}  // namespace p2pd::archive::tracker
