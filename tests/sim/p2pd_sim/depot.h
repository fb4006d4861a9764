// Depot: many nodes of the daemon's own overlay and store in one World that come and go, people who
// keep their objects up as presence does, raw values that nobody keeps up, readers, and a ledger
// that knows what must be found.
//
// Rules: a machine whose node dies runs a fresh one at once, with another identity and an empty
// disk; one that crashes comes back with its identity and disk, unless the last rows were lost or
// an old backup was restored. A person outlives the machine and goes on at its next node. Threads:
// one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/p2pd_sim/attackers.h"
#include "tests/sim/p2pd_sim/ledger.h"
#include "tests/sim/p2pd_sim/machines.h"
#include "tests/sim/p2pd_sim/store_driver.h"
#include "tests/sim/people.h"
#include "tests/sim/store_host.h"

namespace p2pd::sim {

struct DepotOptions : StoreCrowdOptions {
  // Wall clocks are off by as much at most.
  absl::Duration clock_skew = absl::ZeroDuration();
  // Share of the machines whose nodes are in a conspiracy, and what it does once it wakes.
  double attackers = 0;
  Conspiracy::Lies lies;
};

// The place after which the ring begins anew.
store::Key LastKey();

class Depot final : public StoreDriver {
 public:
  Depot(const DepotOptions& options, std::unique_ptr<LatencyModel> latency);
  ~Depot() override;

  // StoreCrowd.
  void Grow() override;
  void Fill(absl::Duration span) override;

  // Removals of raw values, a second in all.
  void SetRemovals(double per_second);
  enum class Disk { kWhole, kTorn, kOld };
  // A random node crashes and comes back after `away` with its disk: whole, without what it wrote
  // last, or as it was at the last Backup.
  void CrashOne(absl::Duration away, Disk disk);
  void Backup();
  // Every second machine is cut off from the others; false heals.
  void Split(bool apart);
  // The wall clocks of a share of the nodes step, forwards or back; none is off by more than
  // `clock_skew` then.
  void StepClocks(double share);
  // A random node claims newer versions than were ever issued, which it cannot sign.
  void Lie();

  // One more machine, of the conspiracy: at this address, with this identity.
  void AddAttacker(std::optional<net::Endpoint> at, std::optional<overlay::NodeKeys> keys);
  // The conspiracy begins to lie.
  void WakeAttackers();
  const Conspiracy& conspiracy() const { return *conspiracy_; }
  // A read of this entry now should give something.
  bool IsDue(size_t entry) const { return ledger_.Due(entry, world().wall_now()); }
  // The nodes that stand before and after the key.
  std::pair<overlay::NodeId, overlay::NodeId> NeighboursOf(const store::Key& key) const;
  // Readers ask for these entries and no others; empty: for any.
  void SetTargets(std::vector<size_t> entries) { targets_ = std::move(entries); }
  // Of the entries that readers asked for since the last Reset.
  const std::map<size_t, Proportion>& found() const { return found_; }
  // The replica sets of `keys` random keys, each as every honest node in it sees it: how many of
  // them hold how many nodes for which `in_it` is true.
  std::map<size_t, size_t> ReplicasFrom(const std::function<bool(const net::Endpoint&)>& in_it,
                                        int keys);

  // To be called after a time without faults: every acknowledged object of which a copy lives must
  // be read in its newest version by each of `readers` random nodes, and the ring must be whole.
  void CheckAtRest(int readers) override;

  std::vector<std::string> Violations() const override;
  size_t Lost() const override;
  size_t Due() const override;
  double ReplicasHeld() const override;
  size_t WrongNeighbours(size_t per_side) const;
  size_t active() const;
  double StoredBytes() const override;
  // Of a counter of all nodes that are up.
  uint64_t Count(absl::string_view counter) const;

  void Reset() override;
  const Ledger& ledger() const { return ledger_; }
  StoreHost& host(size_t place) { return *nodes_[place].host; }
  size_t nodes() const { return nodes_.size(); }

 private:
  struct Node : Machine {
    std::unique_ptr<StoreHost> host;
    std::map<size_t, store::Sequence> seen;  // by entry: what its readers know
    std::optional<store::MemoryTable> backup;
    bool liar = false;
    bool attacker = false;
    // Of an attacker: where it has to be, and who.
    std::optional<net::Endpoint> fixed_at;
    std::optional<overlay::NodeKeys> fixed_keys;
    // Newest rows that honest nodes named since the last get of this node began.
    std::map<std::pair<store::ObjectKind, Bytes>, store::Sequence> honest;
  };
  struct Publication : Upkeep {
    store::ObjectKind kind{};
    size_t person = 0;
    std::optional<store::Object> object;
    uint64_t sequence = 0;
  };
  struct Owner {
    Person person;
    pki::Ed25519Key environment;
  };
  using OperationName = std::pair<size_t, uint64_t>;  // place, operation
  struct PendingPut {
    size_t entry = 0;
    store::Object object;
    Instant asked;
    std::optional<size_t> publication;
  };
  struct PendingGet {
    size_t entry = 0;
    Instant asked;
    std::optional<store::Sequence> floor;  // what the reader had seen
    store::Sequence newest;                // acknowledged when it was asked
    // Of a check at rest: the version that must come; nothing may come of a removed value.
    bool at_rest = false;
    std::optional<store::Sequence> wanted;
  };
  // Who holds what of one entry.
  struct Copies {
    std::optional<store::Sequence> first;  // newest at its key, at its second place
    std::optional<store::Sequence> second;
    int holders = 0;  // of a version that is new enough, at either
    bool removal = false;
  };

  // depot.cc: nodes and time.
  size_t machines() const override { return nodes_.size(); }
  Machine& MachineAt(size_t place) override { return nodes_[place]; }
  bool IsUp(size_t place) const override;
  bool IsActive(size_t place) const override;
  const net::Endpoint& EndpointAt(size_t place) const override { return nodes_[place].host->at(); }
  overlay::Traffic TrafficOf(size_t place) const override;
  void DoOther(const Task& task) override;
  void SetWall(StoreHost& host);
  void StartNode(size_t place) override;
  void KillNode(size_t place, bool replace) override;
  void Crash(size_t place);
  void Return(size_t place);
  void SetIsland();
  // One that is honest, for people and readers.
  std::optional<size_t> RandomUser();
  void AddNode(bool attacker);
  void Witness(size_t place, const overlay::Response& response);

  // depot_work.cc: who puts and gets.
  size_t publications() const override { return publications_.size(); }
  Upkeep& UpkeepOf(size_t publication) override { return publications_[publication]; }
  void Publish(size_t publication) override;
  absl::StatusOr<store::Object> NextVersion(Publication& publication);
  void PutRaw() override;
  void StartPut(size_t place, const store::Object& object, std::optional<size_t> publication);
  void RemoveOne();
  void GetOne() override;
  void StartGet(size_t place, size_t entry, PendingGet pending);
  void OnStoreEvent(size_t place, Instant now, const store::Event& event);
  void EndPut(OperationName name, const store::PutDone& done);
  void EndGet(OperationName name, const store::GetDone& done);
  void EndRestGet(const PendingGet& pending, const store::GetDone& done);
  void EndRemoval(OperationName name, const store::RemoveDone& done);
  void ForgetOperations(size_t place);

  // depot_oracle.cc: what holds.
  void Census() override;
  std::vector<Copies> TakeCensus();
  void CountLost(const std::vector<Copies>& census);
  void NoteUnread(size_t entry, const absl::Status& status);
  void CheckRing();
  void Violate(std::string what);

  DepotOptions options_;
  Authority authority_;
  double removals_ = 0;
  uint64_t removals_number_ = 0;
  std::vector<Node> nodes_;
  std::unique_ptr<Conspiracy> conspiracy_;
  std::vector<size_t> targets_;
  std::map<size_t, Proportion> found_;
  bool split_ = false;
  bool liars_ = false;

  Ledger ledger_;
  std::vector<std::unique_ptr<Owner>> owners_;
  std::vector<Publication> publications_;
  std::map<OperationName, PendingPut> puts_;
  std::map<OperationName, PendingGet> gets_open_;
  std::map<OperationName, size_t> removals_open_;

  std::vector<std::string> violations_;
  uint64_t violations_more_ = 0;
};

}  // namespace p2pd::sim
