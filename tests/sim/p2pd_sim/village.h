// Village: people at machines of the daemon's own overlay, store, sessions and presence in one
// World, who watch each other.
//
// Rules: person i and person i + d (modulo all) are contacts of each other for each of the given
// distances d. Strangers are people whose certificate and offline state lie in the store and who
// have no machine. Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/p2pd_sim/machines.h"
#include "tests/sim/presence_host.h"

namespace p2pd::sim {

struct VillageOptions {
  uint64_t seed = 1;
  int people = 64;
  std::vector<int> distances = {1, 2, 5, 11};
  double broken_pairs = 0;
  LinkOptions link;
};

class Village {
 public:
  Village(const VillageOptions& options, std::unique_ptr<LatencyModel> latency);
  ~Village();

  // Machines start, join, and their people log in; returns once all are logged in, or after 5
  // minutes.
  void Start();
  // Everybody takes up the contacts.
  void Befriend();
  // `count` people who are offline; each person with a machine takes up `each` of them.
  void AddStrangers(int count, int each);

  size_t people() const { return hosts_.size(); }
  PresenceHost& host(size_t person) { return *hosts_[person]; }
  static std::string EmailOf(size_t person);
  // The contacts of a person that have machines.
  std::vector<size_t> FriendsOf(size_t person) const;
  // How many of them are shown as they are: `availability`.
  size_t Shown(size_t person, presence::Availability availability) const;
  bool LoggedIn(size_t person) const;
  // A machine that crashed comes back with its disk, through others that are up.
  void Return(size_t person);
  World& world() { return world_; }
  Rng& rng() { return rng_; }

  struct Traffic {
    uint64_t overlay = 0;   // datagrams of links between nodes, headers included
    uint64_t sessions = 0;  // those of sessions: leases, hellos
    overlay::Traffic purposes;
  };
  // Since the last Reset, of all machines.
  Traffic traffic() const;
  void ResetTraffic();

 private:
  void MakePerson(size_t person);
  std::vector<net::Endpoint> Doors();

  VillageOptions options_;
  std::unique_ptr<LatencyModel> latency_;
  World world_;
  SeededRng rng_;
  Authority authority_;
  std::vector<std::unique_ptr<PresenceHost>> hosts_;
  Traffic sent_;
  overlay::Traffic before_;
};

}  // namespace p2pd::sim
