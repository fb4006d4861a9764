// Crowd: many overlay nodes in one World that come and go, the questions they ask, and an oracle
// that knows at every moment who the root of a key is.
//
// Rules: a machine is a place in the latency model; when its node dies a fresh one, with a new
// identity and port, starts there at once, so that the number of nodes is constant (Rhea et al.
// 2004). A lookup is asked by several nodes at once; its answers are consistent when they agree
// with the majority of them, and right when the node was the root at some moment between question
// and answer. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/p2pd_sim/churn_trace.h"
#include "tests/sim/p2pd_sim/latency.h"
#include "tests/sim/p2pd_sim/participant.h"
#include "tests/sim/p2pd_sim/ring_watch.h"
#include "tests/sim/p2pd_sim/sessions.h"
#include "tests/sim/p2pd_sim/statistics.h"

namespace p2pd::sim {

// What the nodes of a crowd speak.
enum class Protocol {
  kP2pd,
  kBamboo2004,         // as published: a hop is given up after 5 s
  kBamboo2004FirstRto  // the variant that takes another way at the first timeout
};

// "p2pd", "bamboo-2004", "bamboo-2004-rto".
std::string NameOf(Protocol protocol);

struct CrowdOptions {
  Protocol protocol = Protocol::kP2pd;
  uint64_t seed = 1;
  int nodes = 1000;
  // Nodes start so far apart.
  absl::Duration join_gap = absl::Milliseconds(100);
  // Through how many nodes that are up a new one starts; the first one when `one_door`.
  int bootstrap = 3;
  bool one_door = false;
  // The first machine's nodes have one address, one after the other, everybody knows it and can
  // talk to it: the others move, and who knows nobody but the dead could never come back.
  bool known_door = false;
  // Infinite: nobody leaves.
  absl::Duration median_session = absl::InfiniteDuration();
  SessionKind sessions = SessionKind::kExponential;
  // Lookups a node and second, and how many nodes ask for each key at once.
  double lookups_per_second = 0.1;
  int askers = 10;
  // Share of the pairs of machines that cannot talk.
  double broken_pairs = 0;
  // Share of the machines behind translators: full cone, restricted, port-restricted, symmetric, as
  // many of each; never the first.
  double translated = 0;
  LinkOptions link;
  int leaves_per_side = 8;
  // Who comes and goes when; `nodes` is its number of machines then.
  std::optional<ChurnTrace> trace;
};

// What was seen since the last Reset.
struct CrowdResults {
  Proportion completed;  // lookups that were answered while the asker lived
  Proportion raw;  // of all, those that were, and reached the root before anything was asked again
  Proportion first;       // of all, those of them whose first datagram was not given up either
  Proportion right;       // answers by the key's root
  Proportion consistent;  // answers that agree with the majority of those asked at once
  Sample latency;         // ms from the question to the answer
  Sample stretch;         // that, by the direct round trip to the node that answered
  Sample direct;          // ms, those round trips
  Sample hops;
  Sample join;         // ms from a node's start to the answer to its first lookup
  Sample member;       // ms from a node's start until it is a complete member
  uint64_t bytes = 0;  // of all nodes, IP and UDP headers (28 bytes a datagram) included
  uint64_t datagrams = 0;
  overlay::Traffic traffic;  // by purpose, of nodes that are up or died meanwhile
  double node_seconds = 0;   // nodes that were up, by time
  uint64_t deaths = 0;
};

class Crowd final : private Participant::Listener {
 public:
  Crowd(const CrowdOptions& options, std::unique_ptr<LatencyModel> latency);
  ~Crowd() override;

  // Starts all nodes, of a trace those that are there when it begins; returns when the last one has
  // started.
  void Grow();
  // The trace begins now.
  void PlayTrace();
  // From now on sessions end and nodes ask; RunFor sees to both.
  void SetChurn(absl::Duration median);
  void SetLookups(double per_second) { lookups_per_second_ = per_second; }
  // A RingWatch looks on.
  void RunFor(absl::Duration span);
  // Nobody comes, goes or asks any more; returns when every node knows its neighbours, or after
  // `most`.
  void Rest(absl::Duration most);

  // The given share of all nodes dies at once and is not replaced.
  void KillShare(double share);
  // One node dies and is not replaced.
  void Kill(size_t place) { KillNode(place, false); }
  // One machine is cut off from all others until Split(false), and does not die before.
  void CutOff(size_t place);
  // Every second machine is cut off from the others; false heals.
  void Split(bool apart);

  // Of the nodes that are up: unreachable ones that count as peers, and reachable ones that do not.
  size_t UnreachablePeers() const;
  size_t ReachableClients() const;
  // Nodes whose neighbours on both sides, nearest first, are not the true ones: so many of a side,
  // or as many as they keep.
  size_t WrongNeighbours(size_t per_side) const;
  // Of the keys of the watch, those that not exactly one node takes itself for the root of.
  size_t KeysWithoutOneRoot() const;
  const RingWatch& watch() const { return watch_; }
  // Nodes that have joined as peers, and those that have joined.
  size_t active() const { return ids_.size(); }
  size_t joined() const;
  size_t up() const { return up_; }

  CrowdResults& results() { return results_; }
  // Forgets what was seen until now.
  void Reset();
  World& world() { return world_; }

 private:
  struct Node {
    uint32_t machine = 0;
    std::unique_ptr<Participant> host;
    Instant started;
    bool joined = false;
    bool asked_first = false;  // its first question is asked, and did not fail
    overlay::Traffic counted;  // of its traffic, what is in some results already
    Instant ends = Instant() + absl::InfiniteDuration();
  };
  // One key that several nodes ask for.
  struct Group {
    overlay::Key key;
    int open = 0;
    std::map<overlay::NodeId, std::pair<size_t, uint64_t>> questions;  // by who asks
    std::map<overlay::NodeId, int> answers;
    std::set<overlay::NodeId> roots;  // since it was asked
    overlay::NodeId root;
  };
  struct Question {
    std::optional<uint64_t> group;  // nullopt: a new node's first one
    Instant asked;
    uint64_t retries = 0;       // of the asker, until then
    uint64_t late_letters = 0;  // the same
    // Once it has reached the root: it was the first that did, nothing having been asked again.
    std::optional<bool> reached_raw;
  };
  using QuestionName = std::pair<size_t, uint64_t>;

  void StartNode(size_t place);
  void Arrive(const Stay& stay);
  void KillNode(size_t place, bool replace);
  void Ask(size_t place, uint64_t group);
  void AskGroup();
  void AskFirst(size_t place);
  void CloseGroup(uint64_t id);
  struct Answer {
    overlay::NodeId root;
    net::Endpoint at;
    int hops = 0;
  };
  void EndQuestion(QuestionName name, const std::optional<Answer>& answer);
  void OnActive(size_t place, bool active) override;
  void OnAnswer(size_t place, uint64_t lookup, const overlay::NodeId& root, const net::Endpoint& at,
                int hops) override;
  void OnFailed(size_t place, uint64_t lookup) override;
  void OnReached(const overlay::NodeId& origin, const overlay::Key& key) override;
  std::unique_ptr<Participant> MakeParticipant(size_t place);
  // The two machines cannot talk.
  bool Broken(size_t place, uint32_t machine) const;
  // Whose nodes a node of this machine could start through: that have joined, or are up at least.
  std::vector<size_t> OpenTo(size_t place) const;
  // Through whom its next node starts; to one of them it can talk, where there is one at all.
  std::vector<net::Endpoint> DoorsFor(size_t place);
  struct Translation {
    Nat mapping;
    Nat filtering;
  };
  // How the machine is hidden, if it is.
  std::optional<Translation> TranslatorOf(size_t place) const;
  bool Unreachable(size_t place) const;
  void SetActive(size_t place, bool active);
  void SetInRing(size_t place, bool is_in);
  void LookUpRoles();
  overlay::NodeId RootOf(const overlay::Key& key) const;
  std::optional<size_t> RandomActive();
  // One whose own address leads to it: nobody hands out one from behind a translator.
  std::optional<size_t> RandomDoor();
  // One that has joined, whatever its role.
  std::optional<size_t> RandomAsker();
  void CountTime();
  void CountTraffic(Node& node);
  // Whether some node, anywhere in the ring or beside the key, takes itself for its root.
  int RootsOf(const overlay::Key& key, bool anywhere) const;
  void LookAtRing();

  CrowdOptions options_;
  std::unique_ptr<LatencyModel> latency_;
  World world_;
  SeededRng rng_;
  double lookups_per_second_ = 0;
  absl::Duration median_ = absl::InfiniteDuration();
  std::vector<Node> nodes_;
  // Stays of the trace that are to come, soonest last.
  std::vector<std::pair<Instant, Stay>> arrivals_;
  std::vector<uint32_t> lives_;  // by machine
  std::map<net::Endpoint, uint32_t> machines_;
  // Nodes that joined as peers and are up.
  std::set<overlay::NodeId> ids_;
  // The oracle's ring: those that may be the root of a key, and where. Who turns out to be beyond
  // reach becomes a client, and is no more in it; nobody says so, so it is looked up.
  std::map<overlay::NodeId, size_t> ring_;
  Instant next_roles_;
  bool apart_ = false;  // some cannot reach the others
  RingWatch watch_;
  Instant next_look_;
  size_t looks_ = 0;
  std::map<uint64_t, Group> groups_;
  std::map<overlay::Key, uint64_t> groups_by_key_;
  uint64_t next_group_ = 0;
  std::map<QuestionName, Question> questions_;
  std::optional<Instant> next_ask_;
  Instant counted_until_;
  size_t up_ = 0;
  CrowdResults results_;
};

}  // namespace p2pd::sim
