// Carrier: what the store sees of the overlay: requests out, answers back, and who stands where on
// the ring. overlay_carrier.h makes one of an overlay node; tests make one of a list.
//
// Rules: asking ourselves is allowed here, unlike in the overlay: in a small ring a node is its own
// replica. Threads: one owner.
#pragma once

#include <optional>
#include <vector>

#include "libcore/overlay/node.h"
#include "libcore/store/messages.h"

namespace p2pd::store {

// Where an answer goes: over the overlay, or back to a request of our own to ourselves.
struct ReplyTo {
  std::optional<overlay::AnswerToken> token;
  overlay::RequestId local;
};

// An answer as the operations see it.
struct ReplyFrom {
  overlay::RequestId id;
  overlay::NodeRecord from;
  int hops = 0;
  StoreReply reply;
};

// A replica of a place as hints have it: hearsay, for reads alone.
struct NearReplica {
  overlay::LetterTarget target;
  absl::Duration patience;  // after which its silence says that it is gone
};

class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual overlay::RequestId Route(Instant now, const Key& place, const StoreRequest& request,
                                   const overlay::RouteOptions& options) = 0;
  virtual overlay::RequestId Ask(Instant now, const overlay::NodeRecord& peer,
                                 const StoreRequest& request, absl::Duration timeout) = 0;
  // The replicas of a place, nearest to us first; empty where hints do not cover it, or where we
  // are a replica ourselves.
  virtual std::vector<NearReplica> NearReplicas(const Key& place) const = 0;
  // The same by what a neighbour knows, where our own hints do not reach; comes as an answer with
  // this id. nullopt when nobody can be asked.
  virtual std::optional<overlay::RequestId> FindNear(Instant now, const Key& place) = 0;
  // Asks one of them, in a letter where there is no link. `answer_bytes`: as much comes at once.
  virtual overlay::RequestId AskNear(Instant now, const NearReplica& peer,
                                     const StoreRequest& request, absl::Duration timeout,
                                     size_t answer_bytes) = 0;
  virtual void Answer(Instant now, const ReplyTo& to, const StoreReply& reply) = 0;
  // As overlay::Node::DemandProof.
  virtual bool DemandProof(Instant now, const ReplyTo& to) = 0;

  virtual const overlay::NodeRecord& self() const = 0;
  virtual bool IsRoot(const Key& place) const = 0;
  // As overlay::Node::ReplicaSet.
  virtual std::optional<std::vector<overlay::NodeRecord>> ReplicaSet(const Key& place) const = 0;
  virtual std::vector<overlay::NodeRecord> LeafSet() const = 0;
  // The `count` nodes nearest to the place that we know first-hand, ourselves included.
  virtual std::vector<overlay::NodeRecord> Nearest(const Key& place, size_t count) const = 0;
};

// True when `id` is one of `set`.
bool Contains(const std::vector<overlay::NodeRecord>& set, const overlay::NodeId& id);

}  // namespace p2pd::store
