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
#include "tests/sim/p2pd_sim/latency.h"
#include "tests/sim/p2pd_sim/store_crowd.h"

namespace p2pd::sim {

class BambooDepot final : public StoreCrowd,
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
  void SetChurn(absl::Duration median) override;
  void SetGets(double per_node_and_second) override;
  void SetRaws(double per_second) override;
  void RunFor(absl::Duration span) override;
  void KillShare(double share, bool replace) override;
  void CheckAtRest(int readers) override;
  std::vector<std::string> Violations() const override { return {}; }
  size_t Lost() const override;
  size_t Due() const override;
  double ReplicasHeld() const override;
  double StoredBytes() const override;
  StoreResults& results() override { return results_; }
  void Reset() override;
  World& world() override { return world_; }

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  struct Node {
    std::unique_ptr<Bamboo2004> host;
    uint32_t life = 0;
    uint64_t death = 0;        // the number of the death that counts
    overlay::Traffic counted;  // of its traffic, what is in some results already
  };
  enum class TaskKind { kDeath, kGet, kRaw, kPublish, kCensus };
  struct Task {
    TaskKind kind;
    size_t index = 0;
    uint64_t number = 0;
  };
  // One object that somebody at a machine keeps up.
  struct Publication {
    size_t entry = 0;
    size_t place = 0;
    bool pending = false;
    bool changes = true;  // the next put is of a new version
    Instant expires;
    uint64_t number = 0;  // of the task that counts
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

  void At(Instant when, Task task) { agenda_.emplace(when, task); }
  void Do(const Task& task);
  absl::Duration Pause(double per_second);
  void StartNode(size_t place);
  void KillNode(size_t place, bool replace);
  void DrawDeath(size_t place);
  std::optional<size_t> RandomActive();
  std::map<overlay::NodeId, size_t> Active() const;
  size_t up() const;
  void CountTime();
  void CountTraffic(Node& node);

  void PublishAgain(size_t publication, absl::Duration after);
  void AnnounceAt(size_t place);
  void Publish(size_t index);
  void PutRaw();
  void StartPut(size_t place, size_t entry, Instant expires, std::optional<size_t> publication);
  void GetOne();
  bool IsDue(const Entry& entry) const;
  void EndPut(const PendingPut& put, bool ok);
  void EndGet(const PendingGet& get, const bamboo::Client::Done& done);
  void OnDone(size_t place, const bamboo::Client::Done& done) override;

  void Census();
  size_t WrongNeighbours(size_t per_side) const;

  // Lookups are not asked.
  void OnActive(size_t, bool) override {}
  void OnAnswer(size_t, uint64_t, const overlay::NodeId&, const net::Endpoint&, int) override {}
  void OnFailed(size_t, uint64_t) override {}

  StoreCrowdOptions options_;
  BambooOptions node_options_;
  std::unique_ptr<LatencyModel> latency_;
  World world_;
  SeededRng rng_;
  absl::Duration median_ = absl::InfiniteDuration();
  double gets_ = 0;
  double raws_ = 0;
  uint64_t gets_number_ = 0;
  uint64_t raws_number_ = 0;
  std::vector<Node> nodes_;
  std::multimap<Instant, Task> agenda_;
  std::vector<Entry> entries_;
  std::vector<Publication> publications_;
  std::map<OperationName, PendingPut> puts_;
  std::map<OperationName, PendingGet> gets_open_;
  Instant counted_until_;
  StoreResults results_;
};

}  // namespace p2pd::sim
