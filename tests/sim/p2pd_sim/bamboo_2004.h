// Bamboo2004: the baseline. A node of Bamboo as it was measured in 2004, with its shipped
// parameters, as a participant of a crowd; BAMBOO.md says what is known of it and what is guessed.
//
// Rules, all of the original: maintenance is periodic and never a reaction to a failure; a node
// comes into a table only after it answered a ping of ours; who fails to acknowledge is possibly
// down, skipped at once and removed only when a second-chance ping fails too; a lookup is answered
// by whoever takes itself for the root, straight to the origin, and nobody asks twice. With a
// listener for it the node stores as well (bamboo_store.h, bamboo_client.h). An address is never
// used again by another node. Threads: one.
//
// Sources: Rhea, Geels, Roscoe, Kubiatowicz, "Handling Churn in a DHT", USENIX 2004, and Bamboo's
// Router.java, LeafSet.java and UdpCC.java, both as the project's notes give them; the origins at
// the constants are cited from there.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "tests/sim/p2pd_sim/bamboo_client.h"
#include "tests/sim/p2pd_sim/bamboo_store.h"
#include "tests/sim/p2pd_sim/bamboo_tables.h"
#include "tests/sim/p2pd_sim/bamboo_udpcc.h"
#include "tests/sim/p2pd_sim/bamboo_wire.h"
#include "tests/sim/p2pd_sim/participant.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

// Hears how puts and gets end.
class BambooStoreListener {
 public:
  virtual ~BambooStoreListener() = default;
  virtual void OnDone(size_t place, const bamboo::Client::Done& done) = 0;
};

struct BambooOptions {
  // A routed message goes another way at its first RTO, not after 5 s at the same hop: the original
  // with no_rexmit_routes, which no shipped configuration sets.
  bool give_up_at_first_rto = false;
  // Without one nothing is stored, and anti-entropy costs nothing.
  BambooStoreListener* store_listener = nullptr;
};

class Bamboo2004 final : public Participant, public Host, private bamboo::Carrier {
 public:
  // Periods are means; each is drawn anew from 0.5 to 1.5 of it (Router.java, all timers).
  static constexpr absl::Duration kLeafSyncPeriod = absl::Seconds(4);    // Router.java
  static constexpr absl::Duration kNearPeriod = absl::Seconds(10);       // Router.java
  static constexpr absl::Duration kFarPeriod = absl::Seconds(20);        // Router.java
  static constexpr absl::Duration kPingPeriod = absl::Seconds(20);       // Router.java
  static constexpr absl::Duration kPartitionPeriod = absl::Seconds(60);  // Router.java
  static constexpr absl::Duration kMessageTimeout = absl::Seconds(5);    // Router.routeInit
  static constexpr absl::Duration kSecondChance = absl::Seconds(60);     // Router.java
  static constexpr absl::Duration kLookupTimeout = absl::Seconds(60);    // lookups' timer
  static constexpr absl::Duration kJoinFirst = absl::Seconds(10);        // Router.joinAlarm
  static constexpr absl::Duration kJoinDoublingEnd = absl::Seconds(30);  // at or above it: the last
  static constexpr absl::Duration kJoinLast = absl::Seconds(60);         // Router.joinAlarm
  static constexpr size_t kLeavesPerSide = 4;                            // openhash.cfg
  static constexpr size_t kDownMax = 20;       // down_nodes, Router.java; the oldest goes
  static constexpr size_t kGatewaysMin = 3;    // of rev_ttl, Router.joinAlarm
  static constexpr int kRttScalePercent = 90;  // rt_scale 0.9, Router.java
  // Ours, for what the original does not bound or is not known to. A lookup that goes on for longer
  // is in a loop and is dropped; so is a join whose path would not fit a datagram; of what comes
  // before we have joined, so much is kept.
  static constexpr uint16_t kHopsMax = 64;
  static constexpr size_t kPathMax = 32;
  static constexpr size_t kHeldMax = 100;

  // Attaches itself to the world.
  explicit Bamboo2004(const ParticipantSpec& spec, const BambooOptions& options = {});
  ~Bamboo2004() override;
  Bamboo2004(const Bamboo2004&) = delete;
  Bamboo2004& operator=(const Bamboo2004&) = delete;

  // Participant.
  const overlay::NodeId& id() const override { return self_.id; }
  const net::Endpoint& at() const override { return self_.at; }
  void Start(const std::vector<net::Endpoint>& bootstrap) override;
  bool holds_lookups() const override { return false; }
  uint64_t Lookup(const overlay::Key& key) override;
  void Kick() override { world_.Kick(self_.at); }
  std::vector<overlay::NodeId> Leaves() const override;
  size_t leaves_per_side() const override { return kLeavesPerSide; }
  bool IsRoot(const overlay::Key& key) const override { return initialised_ && !NextHop(key); }
  uint64_t retries() const override { return 0; }  // it never asks twice
  uint64_t late_letters() const override { return 0; }
  overlay::Traffic traffic() const override;

  // Only with a listener. Exactly one OnDone follows, unless it dies before; Kick sends it out.
  uint64_t Put(const bamboo::Tuple& tuple);
  uint64_t Get(const overlay::Key& key, bool changes);
  const bamboo::Store& store() const { return store_; }
  bool active() const { return initialised_; }

  // Host.
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override;
  void OnTimeout(Instant now) override;
  std::optional<net::Transmit> PollTransmit(Instant now) override;
  std::optional<Instant> PollTimeout() const override;
  bool DrainEvents(Instant now) override;

 private:
  using Peer = bamboo::Peer;
  enum Timer { kLeafSync, kNear, kFar, kPing, kPartition, kJoin, kTimers };
  // What a message is to us when its outcome comes: the tag of an order.
  enum Tag { kPlain, kRouted, kPinged, kLastPing };
  enum class Happened { kActive, kAnswer, kFailed };
  struct Event {
    Happened what = Happened::kActive;
    uint64_t lookup = 0;
    Peer root;
    int hops = 0;
  };

  // Sending.
  void Send(Instant now, const Peer& to, const bamboo::Message& message, Tag tag = kPlain,
            uint64_t number = 0);
  // Unless one is under way.
  void PingOnce(Instant now, const Peer& to);
  // Who it is comes into the tables if it answers.
  void Meet(Instant now, const Peer& stranger);

  // Receiving.
  void On(Instant now, const net::Endpoint& from, const bamboo::Ping& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::LeafSetChanged& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::RoutingTableReq& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::RoutingTableResp& message);
  void On(Instant now, const net::Endpoint& from, bamboo::JoinReq& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::JoinResp& message);
  void On(Instant now, const net::Endpoint& from, bamboo::Route& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::RouteResp& message);
  void On(Instant now, const net::Endpoint& from, bamboo::PutReq& message);
  void On(Instant now, const net::Endpoint& from, bamboo::GetReq& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::PutResp& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::StoreReq& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::GetResp& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::ReadReq& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::ReadResp& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::SyncReq& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::SyncResp& message);
  void On(Instant now, const net::Endpoint& from, const bamboo::FetchReq& message);

  // Of the store.
  const Peer& self() const override { return self_; }
  const bamboo::LeafSet& neighbours() const override {
    return provisional_ ? *provisional_ : leaves_;
  }
  bool PossiblyDown(const overlay::NodeId& id) const override { return Suspected(id); }
  std::optional<Peer> DrawLeaf() override { return Draw(leaves_.Members()); }
  Rng& rng() override { return rng_; }
  uint64_t NextNumber() override { return next_number_++; }
  void SendTo(Instant now, const Peer& to, const bamboo::Message& message,
              uint64_t number) override;
  void RouteOn(Instant now, const bamboo::PutReq& message) override;
  void RouteOn(Instant now, const bamboo::GetReq& message) override;

  // Liveness.
  void TakeOutcomes(Instant now);
  void OnAcked(Instant now, const bamboo::UdpCc::Order& order);
  void OnLost(Instant now, const bamboo::UdpCc::Order& order);
  void Suspect(Instant now, const Peer& peer);
  void Bury(const Peer& peer);
  // It answered a ping.
  void Accept(const Peer& peer);
  bool Known(const overlay::NodeId& id) const;
  bool Suspected(const overlay::NodeId& id) const { return suspects_.count(id) != 0; }
  void EndJoinPing(const overlay::NodeId& id);

  // Routing. nullopt: we take ourselves for the root. `except` is the joiner.
  std::optional<Peer> NextHop(const overlay::Key& key,
                              const overlay::NodeId* except = nullptr) const;
  // False: we are the root, and nothing has been done.
  bool Pass(Instant now, const overlay::Key& key, const bamboo::Message& message);
  // Any message that is routed.
  void ForwardAny(Instant now, const bamboo::Message& message);
  void Forward(Instant now, const bamboo::Route& message);
  void Forward(Instant now, const bamboo::JoinReq& message);
  void AnswerJoin(Instant now, const bamboo::JoinReq& message);

  // Timers.
  static absl::Duration PeriodOf(Timer timer);
  void Fire(Instant now, Timer timer);
  void SendJoin(Instant now);
  void SyncLeaves(Instant now);
  void TuneNear(Instant now);
  void TuneFar(Instant now);
  void PingAll(Instant now);
  void CheckPartition(Instant now);
  void Initialise(Instant now);
  int DrawLevel();
  // One of them that is not possibly down.
  std::optional<Peer> Draw(const std::vector<Peer>& peers);

  World& world_;
  Listener* listener_;
  size_t place_;
  BambooOptions options_;
  SeededRng rng_;
  Peer self_;
  bamboo::UdpCc udp_;
  bamboo::LeafSet leaves_;
  bamboo::PrefixTable table_;
  bool initialised_ = false;
  std::vector<net::Endpoint> gateways_;
  size_t join_tries_ = 0;
  absl::Duration join_wait_ = kJoinFirst;
  // While the pings to those of the JoinResp are out, we route over them; in no table yet.
  std::optional<bamboo::LeafSet> provisional_;
  std::set<overlay::NodeId> join_pings_;
  std::set<overlay::NodeId> pinging_;
  std::set<overlay::NodeId> suspects_;     // possibly down
  std::set<overlay::NodeId> last_chance_;  // their second-chance ping is out
  std::set<overlay::NodeId> acked_;        // since the last round of pings
  std::deque<Peer> down_;
  std::array<std::optional<Instant>, kTimers> timers_;
  std::vector<bamboo::Message> held_;
  uint64_t next_lookup_ = 1;
  std::map<uint64_t, Instant> lookups_;  // own ones, and when each fails: in the order of names
  std::deque<Event> events_;
  overlay::Traffic traffic_;
  uint64_t next_number_ = 1;
  bamboo::Store store_;
  bamboo::Client client_;
};

std::unique_ptr<Participant> MakeBamboo2004(const ParticipantSpec& spec,
                                            const BambooOptions& options);

}  // namespace p2pd::sim
