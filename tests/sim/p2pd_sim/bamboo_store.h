// Store: what a node of bamboo-2004 keeps for others, and how it stays like its neighbours.
//
// Rules: a tuple stands on eight nodes, the four on either side of its key. Its root keeps it,
// sends it to the others and tells the putter when two of them have it. Every 1 to 2 s one leaf and
// one arc of the ring that both have to keep are drawn, and a tree of hashes over the tuples there
// is compared, 32 branches a level; what is missing or older on either side is sent. What lies
// where it has no business any more goes to its root, one every 5 to 10 s and then one after the
// other. Of one key the newest version counts. Threads: one.
//
// Sources: Bamboo's DataManager and Dht.java, as the project's notes give them; BAMBOO.md says what
// they do not decide.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "tests/sim/p2pd_sim/bamboo_tables.h"
#include "tests/sim/p2pd_sim/bamboo_wire.h"

namespace p2pd::sim::bamboo {

// What Store and Client need of their node.
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual const Peer& self() const = 0;
  virtual const LeafSet& neighbours() const = 0;
  virtual bool PossiblyDown(const overlay::NodeId& id) const = 0;
  // A random leaf that is not.
  virtual std::optional<Peer> DrawLeaf() = 0;
  virtual Rng& rng() = 0;
  // Never the same twice.
  virtual uint64_t NextNumber() = 0;
  // Straight to it, even if that is us; the outcome comes back with the number unless it is us.
  virtual void SendTo(Instant now, const Peer& to, const Message& message, uint64_t number = 0) = 0;
  // Towards the root of its key.
  virtual void RouteOn(Instant now, const PutReq& message) = 0;
  virtual void RouteOn(Instant now, const GetReq& message) = 0;
};

class Store {
 public:
  static constexpr absl::Duration kSyncLeast = absl::Seconds(1);     // DataManager
  static constexpr absl::Duration kSyncMost = absl::Seconds(2);      // DataManager
  static constexpr absl::Duration kRecycleLeast = absl::Seconds(5);  // DataManager
  static constexpr absl::Duration kRecycleMost = absl::Seconds(10);  // DataManager
  static constexpr size_t kRequiredAcks = 2;                         // openhash.cfg
  static constexpr int kFanOutBits = 5;                              // Merkle tree
  static constexpr size_t kReach = 4;  // nodes on either side of a key that keep it, openhash.cfg
  // Ours. So few tuples are named, not hashed; and a tree is no deeper than a prefix has bits.
  static constexpr size_t kNamesMax = 32;
  static constexpr uint8_t kLevelsMax = 10;

  explicit Store(Carrier& carrier) : carrier_(carrier) {}

  // From now on it is compared and recycled.
  void Start(Instant now);
  // As the root.
  void OnPut(Instant now, const PutReq& message);
  void OnGet(Instant now, const GetReq& message);
  // As a replica.
  void On(Instant now, const StoreReq& message) { Keep(now, message.tuple); }
  void On(Instant now, const net::Endpoint& from, const ReadReq& message);
  void On(Instant now, const net::Endpoint& from, const SyncReq& message);
  void On(Instant now, const net::Endpoint& from, const SyncResp& message);
  void On(Instant now, const net::Endpoint& from, const FetchReq& message);
  // Of a tuple that was recycled, perhaps.
  void On(Instant now, const PutResp& message);
  void OnOutcome(Instant now, uint64_t number, bool acked);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const { return Earliest(next_sync_, next_recycle_); }

  // With version 0 where there is none.
  Tuple Find(Instant now, const overlay::Key& key) const;
  const std::map<overlay::Key, Tuple>& tuples() const { return tuples_; }

 private:
  // A put as its root sees it.
  struct Gather {
    Peer origin;
    uint64_t operation = 0;
    size_t missing = 0;  // acknowledgements until it is answered
    size_t open = 0;
  };
  struct Recycled {
    uint64_t operation = 0;
    overlay::Key key;
    uint64_t version = 0;
  };

  void Keep(Instant now, const Tuple& tuple);
  // The other nodes on which this key stands when we are its root, without those that are possibly
  // down.
  std::vector<Peer> Replicas(const overlay::Key& key) const;
  std::vector<Tuple> In(Instant now, const SyncRange& range) const;
  SyncReq Question(Instant now, const SyncRange& range) const;
  void Sync(Instant now);
  void CompareBranches(Instant now, const Peer& peer, const SyncResp& message);
  void CompareNames(Instant now, const Peer& peer, const SyncResp& message);
  void Recycle(Instant now);
  void Expire(Instant now);

  Carrier& carrier_;
  std::map<overlay::Key, Tuple> tuples_;
  std::map<uint64_t, Gather> gathers_;
  std::optional<Recycled> recycled_;
  std::optional<Instant> next_sync_;
  std::optional<Instant> next_recycle_;
};

}  // namespace p2pd::sim::bamboo
