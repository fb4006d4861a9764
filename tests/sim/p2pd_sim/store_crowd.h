// StoreCrowd: what a scenario of puts and gets needs of many nodes that store, whatever protocol
// they speak, and the work that they are given: people who keep their objects up as presence does,
// raw values that nobody keeps up, readers.
//
// Rules: one half of the readers ask for what never changes, one half for what does; a person
// outlives the machine and puts all anew at its next node. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/traffic.h"
#include "tests/sim/p2pd_sim/sessions.h"
#include "tests/sim/p2pd_sim/statistics.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

// What is put, and when.
struct Work {
  // As PresenceOptions has it; put anew at half of it.
  static constexpr absl::Duration kStateLife = absl::Minutes(5);
  static constexpr absl::Duration kEnvironmentLife = absl::Hours(24 * 60);
  static constexpr absl::Duration kCertificateLife = absl::Hours(24 * 300);
  // A little less than the limit, for clocks that differ.
  static constexpr absl::Duration kRawLife = absl::Hours(24 * 7 - 1);
  // A put that failed, and one at a node that has not joined yet.
  static constexpr absl::Duration kRetry = absl::Seconds(10);
  static constexpr absl::Duration kNotYet = absl::Seconds(1);
  // Environments of an address book of a few dozen people.
  static constexpr size_t kEnvironmentBytes = 1'500;
  // Through how many nodes a new one starts.
  static constexpr int kDoors = 3;
  // Raw values of 50 bytes to 2 kB, and every twentieth of up to 20 kB.
  static size_t DrawRawBytes(Rng& rng);
};

struct StoreCrowdOptions {
  uint64_t seed = 1;
  int nodes = 1000;
  // Nodes start so far apart.
  absl::Duration join_gap = absl::Milliseconds(100);
  SessionKind sessions = SessionKind::kExponential;
  // Share of the pairs of machines that cannot talk.
  double broken_pairs = 0;
  LinkOptions link;
  // Raw values at the start, and people: each has a certificate, a state and an environment.
  int raws = 300;
  int people = 50;
  // Between two changes of an environment, on average.
  absl::Duration change_every = absl::Minutes(10);
  // How often the oracle looks at every disk.
  absl::Duration census_every = absl::Minutes(1);
};

// What was seen since the last Reset.
struct StoreResults {
  Proportion puts;       // acknowledged while the putter lived
  Proportion immutable;  // gets that found the object while the asker lived
  Proportion changing;   // the same, of objects that change
  Proportion newest;     // of those: the newest version that was acknowledged at the question
  // Gets that brought an older version than the newest acknowledged one, once attackers were awake;
  // no honest answer had a newer one, or it would be a violation.
  uint64_t rolled_back = 0;
  std::map<std::string, uint64_t> unread;  // why gets of what should be there brought nothing
  Sample put_latency;                      // ms
  Sample immutable_latency;
  Sample changing_latency;
  Proportion neighbours;  // nodes that know their four nearest on each side, over the censuses
  uint64_t bytes = 0;     // of all nodes, headers included
  uint64_t datagrams = 0;
  overlay::Traffic traffic;
  double node_seconds = 0;
  uint64_t deaths = 0;
};

class StoreCrowd {
 public:
  virtual ~StoreCrowd() = default;

  // Starts all nodes.
  virtual void Grow() = 0;
  // Raw values and people begin to be put, spread over `span`.
  virtual void Fill(absl::Duration span) = 0;
  // From now on sessions end; infinite: nobody dies.
  virtual void SetChurn(absl::Duration median) = 0;
  virtual void SetGets(double per_node_and_second) = 0;
  // New raw values a second in all.
  virtual void SetRaws(double per_second) = 0;
  virtual void RunFor(absl::Duration span) = 0;
  // Kills the share of all nodes at once; fresh ones take their places when `replace`.
  virtual void KillShare(double share, bool replace) = 0;

  // To be called after a time without faults, the last thing before what is lost is counted.
  virtual void CheckAtRest(int readers) = 0;
  // What broke a rule, first ones first.
  virtual std::vector<std::string> Violations() const = 0;
  // Acknowledged objects of which no living node has a copy that is new enough.
  virtual size_t Lost() const = 0;
  // Acknowledged objects that have not expired.
  virtual size_t Due() const = 0;
  // Of the copies that an object should have in its replica set, those that are there and new.
  virtual double ReplicasHeld() const = 0;
  virtual double StoredBytes() const = 0;  // a node

  virtual StoreResults& results() = 0;
  // Forgets what was seen until now.
  virtual void Reset() = 0;
  virtual World& world() = 0;
};

}  // namespace p2pd::sim
