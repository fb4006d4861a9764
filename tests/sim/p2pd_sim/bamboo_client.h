// Client: puts and gets of one user at a node of bamboo-2004, which is its gateway.
//
// Rules: a put is routed to the root, again after 30 s, and fails after 60 s. A get is routed to
// the root, which answers with what it has and who the other replicas are. Of what never changes
// the first copy is enough. Of what changes the other replicas are asked at once, and it ends when
// a majority, five of the eight, have answered, the root among them; the newest counts. Where those
// have nothing, it ends when all have said so. A get that has no end after 5 s begins anew, and
// fails after 60 s. Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "absl/time/time.h"
#include "libcore/base/time.h"
#include "tests/sim/p2pd_sim/bamboo_store.h"
#include "tests/sim/p2pd_sim/bamboo_wire.h"

namespace p2pd::sim::bamboo {

class Client {
 public:
  static constexpr absl::Duration kPutAgain = absl::Seconds(30);  // Gateway
  static constexpr absl::Duration kGiveUp = absl::Seconds(60);    // Gateway
  // Ours: the original never asks again. The shortest timeout that it has of anything.
  static constexpr absl::Duration kGetAgain = absl::Seconds(5);

  struct Done {
    uint64_t operation = 0;
    bool put = false;
    bool ok = false;
    Tuple tuple;  // of a get that found
  };

  Client(Carrier& carrier, const Store& store) : carrier_(carrier), store_(store) {}

  // Exactly one Done follows, which has the name that this returns.
  uint64_t Put(Instant now, const Tuple& tuple);
  uint64_t Get(Instant now, const overlay::Key& key, bool changes);

  void On(Instant now, const PutResp& message);
  void On(Instant now, const GetResp& message);
  void On(Instant now, const ReadResp& message);
  // A request to this replica was not acknowledged.
  void OnLost(uint64_t number, const overlay::NodeId& replica);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Done> PollDone();

 private:
  struct OpenPut {
    Tuple tuple;
    Instant again;
    Instant end;
  };
  struct OpenGet {
    overlay::Key key;
    bool changes = false;
    Instant again;
    Instant end;
    size_t replicas = 0;  // the root among them; 0: it has not answered yet
    std::map<overlay::NodeId, uint64_t> versions;
    std::set<overlay::NodeId> lost;
    Tuple newest;
  };

  void SendPut(Instant now, uint64_t operation, OpenPut& put);
  void SendGet(Instant now, uint64_t operation, OpenGet& get);
  void Heard(OpenGet& get, const overlay::NodeId& replica, const Tuple& tuple);
  void EndIfDecided(uint64_t operation);
  void EndGet(uint64_t operation);

  Carrier& carrier_;
  const Store& store_;
  std::map<uint64_t, OpenPut> puts_;
  std::map<uint64_t, OpenGet> gets_;
  std::deque<Done> done_;
};

}  // namespace p2pd::sim::bamboo
