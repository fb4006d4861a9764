// Attackers: nodes that speak the overlay's protocol and lie in it, all in one conspiracy. Each is
// an honest node of the daemon's code whose messages are seen and changed on their way in and out
// (overlay::MessageTap), and whose store answers what the conspiracy wants.
//
// Rules: they know each other's keys, and let whoever of them is nearest to a key be its root.
// Until they wake they are honest. Awake, each drops one half of the requests that pass through it,
// after acknowledging them, and answers the other half as the root; names colluders and dead nodes
// as its neighbours and rows; calls living neighbours gone; tells the
// gossip that honest nodes died and that dead ones of theirs came, and leaves honest nodes out of
// what it passes on and of tables that it is asked for; acknowledges puts that it does not
// keep; and answers gets with 'not found', with the oldest version it ever had, or with a forgery.
// They cannot sign for others, and ids cost them key pairs. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "libcore/overlay/link_table.h"
#include "libcore/store/messages.h"
#include "tests/sim/store_host.h"

namespace p2pd::sim {

class Conspiracy {
 public:
  // What they lie about; each can be left out.
  struct Lies {
    bool drop = true;      // requests that pass through
    bool misroute = true;  // 'I am the root'
    bool neighbours = true;
    bool gossip = true;  // who came, who went, who is there
    bool objects = true;
  };
  // What they did since they woke.
  struct Deeds {
    uint64_t dropped = 0;
    uint64_t false_roots = 0;
    uint64_t false_lists = 0;
    uint64_t false_deaths = 0;
    uint64_t false_joins = 0;
    uint64_t left_out = 0;  // honest nodes, of events and tables
    uint64_t not_found = 0;
    uint64_t stale = 0;
    uint64_t forged = 0;
    uint64_t false_acks = 0;
  };

  Conspiracy(uint64_t seed, const Lies& lies);
  ~Conspiracy();

  // Takes a machine in before its first Start; Forget goes before the host does.
  void Recruit(StoreHost& host);
  void Forget(StoreHost& host);
  // Its node is up from now on, or about to go.
  void Started(StoreHost& host);
  void Dismiss(const overlay::NodeId& id);
  void Wake();
  bool awake() const { return awake_; }
  bool Contains(const overlay::NodeId& id) const { return members_.count(id) != 0; }
  const Deeds& deeds() const { return deeds_; }

 private:
  class Member;

  std::vector<overlay::NodeRecord> Nearest(const overlay::Key& key, size_t count) const;
  // The colluder that plays the root of this key.
  const overlay::NodeRecord& RootOf(const overlay::Key& key) const;
  store::StoreReply Answer(const store::StoreRequest& request, uint64_t dice);
  void AnswerGet(const wire::v1::GetRequest& get, uint64_t dice, wire::v1::GetReply& reply);
  void Archive(const store::Object& object, const store::Key& place);
  bool ContainsHead(uint64_t head) const;
  void ArchiveEncoded(const std::string& place, const std::string& encoded);

  SeededRng rng_;
  Lies lies_;
  bool awake_ = false;
  std::map<overlay::NodeId, overlay::NodeRecord> members_;
  std::map<overlay::NodeId, const overlay::NodeKeys*> keys_;
  // In the order of addresses in memory, which nothing depends on: Archive keeps the oldest.
  std::map<StoreHost*, std::unique_ptr<Member>> taps_;
  std::vector<overlay::NodeRecord> dead_;                     // records of nodes that never were
  Instant now_;                                               // of the last message to one of them
  std::map<store::Key, std::vector<store::Object>> archive_;  // by place, the oldest of each slot
  Deeds deeds_;
};

}  // namespace p2pd::sim
