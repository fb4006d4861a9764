// BambooDepot: many nodes of bamboo-2004 that store, with the same work, churn and oracle as a
// Depot of ours, so that both stand in one table.
//
// Rules: as of Depot. There is nothing to forge, and a rule that the baseline breaks is no
// violation: what it loses or does not find is counted. Datagrams larger than the MTU pass, as
// fragments of IP with a header each. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/p2pd_sim/bamboo_2004.h"
#include "tests/sim/p2pd_sim/store_driver.h"

namespace p2pd::sim {

class BambooDepot final : public StoreDriver,
                          private BambooStoreListener,
                          private Participant::Listener {
 public:
  // Of the objects of people, bytes: what Depot puts, which its test compares with these.
  static constexpr uint32_t kCertificateBytes = 920;
  static constexpr uint32_t kEnvironmentObjectBytes = 1'620;
  static constexpr uint32_t kStateBytes = 550;

  enum class Kind { kRaw, kCertificate, kEnvironment, kState };
  // One object: what was put, and what was acknowledged of it.
  struct Entry {
    Kind kind = Kind::kRaw;
    overlay::Key key;
    uint32_t size = 0;
    uint64_t issued = 0;  // newest version
    uint64_t acknowledged = 0;
    Instant expires;       // of the acknowledged version
    bool missing = false;  // no living node had it at the last census
    bool immutable() const { return kind == Kind::kRaw || kind == Kind::kCertificate; }
  };

  // The listener of `node` is this.
  BambooDepot(const StoreCrowdOptions& options, BambooOptions node,
              std::unique_ptr<LatencyModel> latency);
  ~BambooDepot() override;

  // StoreCrowd. At rest there is a last census.
  void Grow() override;
  void Fill(absl::Duration span) override;
  void CheckAtRest(int readers) override;
  std::vector<std::string> Violations() const override { return {}; }
  size_t Lost() const override;
  size_t Due() const override;
  double ReplicasHeld() const override;
  double StoredBytes() const override;

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  struct Node : Machine {
    std::unique_ptr<Bamboo2004> host;
  };
  struct Publication : Upkeep {
    size_t entry = 0;
    Instant expires;
  };
  using OperationName = std::pair<size_t, uint64_t>;  // place, operation
  struct PendingPut {
    bamboo::Tuple tuple;
    size_t entry = 0;
    Instant asked;
    std::optional<size_t> publication;
  };
  struct PendingGet {
    size_t entry = 0;
    Instant asked;
    uint64_t newest = 0;  // acknowledged when it was asked
  };

  size_t machines() const override { return nodes_.size(); }
  Machine& MachineAt(size_t place) override { return nodes_[place]; }
  bool IsUp(size_t place) const override { return nodes_[place].host != nullptr; }
  bool IsActive(size_t place) const override { return IsUp(place) && nodes_[place].host->active(); }
  const net::Endpoint& EndpointAt(size_t place) const override { return nodes_[place].host->at(); }
  overlay::Traffic TrafficOf(size_t place) const override { return nodes_[place].host->traffic(); }
  void StartNode(size_t place) override;
  void KillNode(size_t place, bool replace) override;
  std::map<overlay::NodeId, size_t> Active() const;

  size_t publications() const override { return publications_.size(); }
  Upkeep& UpkeepOf(size_t publication) override { return publications_[publication]; }
  void Publish(size_t index) override;
  void PutRaw() override;
  void StartPut(size_t place, size_t entry, Instant expires, std::optional<size_t> publication);
  void GetOne() override;
  bool IsDue(const Entry& entry) const;
  void EndPut(const PendingPut& put, bool ok);
  void EndGet(const PendingGet& get, const bamboo::Client::Done& done);
  void OnDone(size_t place, const bamboo::Client::Done& done) override;

  void Census() override;
  size_t WrongNeighbours(size_t per_side) const;

  // Lookups are not asked.
  void OnActive(size_t, bool) override {}
  void OnAnswer(size_t, uint64_t, const overlay::NodeId&, const net::Endpoint&, int) override {}
  void OnFailed(size_t, uint64_t) override {}

  StoreCrowdOptions options_;
  BambooOptions node_options_;
  std::vector<Node> nodes_;
  std::vector<Entry> entries_;
  std::vector<Publication> publications_;
  std::map<OperationName, PendingPut> puts_;
  std::map<OperationName, PendingGet> gets_open_;
};

}  // namespace p2pd::sim
