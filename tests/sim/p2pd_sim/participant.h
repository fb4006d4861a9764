// Participant: what a crowd needs of one node, whatever protocol it speaks, so that ours and the
// baseline stand in the same simulation and are judged by the same oracle.
//
// A participant is a Host on the World: it attaches itself when it is made and detaches when it is
// destroyed, without a word, as a machine that lost its power. Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "libcore/net/endpoint.h"
#include "libcore/overlay/ring_id.h"
#include "libcore/overlay/traffic.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

// Of a prefix table.
struct TableEntry {
  overlay::NodeId id;
  net::Endpoint at;
};

class Participant {
 public:
  // What a participant tells the crowd, from within World's calls or from within Lookup.
  class Listener {
   public:
    virtual ~Listener() = default;
    // It counts as a member of the ring from now on, or no more.
    virtual void OnActive(size_t place, bool active) = 0;
    // A lookup ended at `root`, which is at `at`, after so many hops.
    virtual void OnAnswer(size_t place, uint64_t lookup, const overlay::NodeId& root,
                          const net::Endpoint& at, int hops) = 0;
    virtual void OnFailed(size_t place, uint64_t lookup) = 0;
    // A lookup of the node `origin` reached whoever answers it. Not told by who never asks twice.
    virtual void OnReached(const overlay::NodeId& /*origin*/, const overlay::Key& /*key*/) {}
  };

  virtual ~Participant() = default;
  virtual const overlay::NodeId& id() const = 0;
  virtual const net::Endpoint& at() const = 0;
  // Joins through these; with none it is a ring of its own, active at once.
  virtual void Start(const std::vector<net::Endpoint>& bootstrap) = 0;
  // Lookups that are asked before it has joined wait in it and go out as soon as anybody can help.
  virtual bool holds_lookups() const = 0;
  // Who is the root of this key? Exactly one OnAnswer or OnFailed follows, unless it dies before.
  // Names are unique per participant. The answer may come before this returns only through a later
  // Kick.
  virtual uint64_t Lookup(const overlay::Key& key) = 0;
  // It may be the root of a key; else it only asks.
  virtual bool routes() const { return true; }
  // After Lookup: what it caused goes out.
  virtual void Kick() = 0;
  virtual std::vector<overlay::NodeId> Leaves() const = 0;
  // How many it keeps of each side, and how many it may hold in all.
  virtual size_t leaves_per_side() const = 0;
  virtual size_t most_leaves() const { return 2 * leaves_per_side(); }
  // Its prefix table, where it has one that is held to RoutingTable's limits.
  virtual std::vector<TableEntry> Table() const { return {}; }
  // It would answer for this key itself.
  virtual bool IsRoot(const overlay::Key& key) const = 0;
  // How often it had to ask again, end to end, whatever it was for.
  virtual uint64_t retries() const = 0;
  // How often the first datagram of a question was given up and the question went by hops.
  virtual uint64_t late_letters() const = 0;
  virtual overlay::Traffic traffic() const = 0;
};

// How a crowd makes one. `place` is what the listener is told.
struct ParticipantSpec {
  World* world = nullptr;
  Participant::Listener* listener = nullptr;
  size_t place = 0;
  uint64_t seed = 0;
  net::Endpoint at;
};

}  // namespace p2pd::sim
