// StoreDriver: the clock of a StoreCrowd. Who dies, who is replaced, who puts and gets when; what a
// node is and what an object is, its heirs know.
//
// Rules: one agenda for all that happens outside the nodes, by the world's clock; of equal moments
// what was entered first comes first. A session's end, a reader's pause and an object's refresh are
// drawn from one stream of chance. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/p2pd_sim/latency.h"
#include "tests/sim/p2pd_sim/store_crowd.h"

namespace p2pd::sim {

class StoreDriver : public StoreCrowd {
 public:
  void SetChurn(absl::Duration median) override;
  void SetGets(double per_node_and_second) override;
  void SetRaws(double per_second) override;
  void RunFor(absl::Duration span) override;
  void KillShare(double share, bool replace) override;
  StoreResults& results() override { return results_; }
  void Reset() override;
  World& world() override { return world_; }
  const World& world() const { return world_; }

 protected:
  enum class TaskKind { kDeath, kReturn, kGet, kRaw, kRemoval, kPublish, kCensus };
  struct Task {
    TaskKind kind;
    size_t index = 0;
    uint64_t number = 0;
  };
  // What is counted of each machine.
  struct Machine {
    uint32_t life = 0;
    uint64_t death = 0;        // the number of the death that counts
    overlay::Traffic counted;  // of its traffic, what is in some results already
  };
  // One object that somebody at a machine keeps up.
  struct Upkeep {
    size_t place = 0;
    bool pending = false;
    bool changes = true;  // the next put is of a new version
    uint64_t number = 0;  // of the task that counts
  };

  // `link` is the world's, which may differ from that of the options.
  StoreDriver(const StoreCrowdOptions& options, const LinkOptions& link,
              std::unique_ptr<LatencyModel> latency);

  virtual size_t machines() const = 0;
  virtual Machine& MachineAt(size_t place) = 0;
  virtual bool IsUp(size_t place) const = 0;
  // It is up and has joined.
  virtual bool IsActive(size_t place) const = 0;
  virtual const net::Endpoint& EndpointAt(size_t place) const = 0;
  virtual overlay::Traffic TrafficOf(size_t place) const = 0;
  virtual void StartNode(size_t place) = 0;
  virtual void KillNode(size_t place, bool replace) = 0;
  virtual size_t publications() const = 0;
  virtual Upkeep& UpkeepOf(size_t publication) = 0;
  virtual void Publish(size_t publication) = 0;
  virtual void PutRaw() = 0;
  virtual void GetOne() = 0;
  // The oracle looks at every disk.
  virtual void Census() = 0;
  // A task of a kind that the heir alone enters.
  virtual void DoOther(const Task& task);

  void At(Instant when, Task task) { agenda_.emplace(when, task); }
  absl::Duration Pause(double per_second);
  void DrawDeath(size_t place);
  std::optional<size_t> RandomActive();
  std::vector<net::Endpoint> Doors();
  // Raw values begin to be put, spread over `span`.
  void FillRaws(absl::Duration span);
  void PublishAgain(size_t publication, absl::Duration after);
  // Its node is a new one or another: all that its people keep is put again, as after a log-in.
  void AnnounceAt(size_t place);
  size_t up() const;
  void CountTime();
  void CountTraffic(size_t place);
  Rng& rng() { return rng_; }

 private:
  void Do(const Task& task);

  const StoreCrowdOptions options_;
  std::unique_ptr<LatencyModel> latency_;
  World world_;
  SeededRng rng_;
  absl::Duration median_ = absl::InfiniteDuration();
  double gets_ = 0;
  double raws_ = 0;
  uint64_t gets_number_ = 0;
  uint64_t raws_number_ = 0;
  std::multimap<Instant, Task> agenda_;
  Instant counted_until_;
  StoreResults results_;
};

}  // namespace p2pd::sim
