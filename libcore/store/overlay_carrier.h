// OverlayCarrier: the store's Carrier over an overlay node. Remembers whose request is whose, and
// brings requests to ourselves back without the network.
//
// Threads: one owner. Limits: those of the overlay's request table.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "libcore/store/carrier.h"

namespace p2pd::store {

// Which part of the store sent a request.
enum class Part { kPut, kGet, kServer, kAntiEntropy, kSubscription, kNobody };
struct Sender {
  Part part = Part::kNobody;
  uint64_t number = 0;  // which put or get
};

class OverlayCarrier final : public Carrier {
 public:
  explicit OverlayCarrier(overlay::Node& node) : node_(node) {}

  // Requests made from now on are this part's.
  void Speak(Sender sender) { sender_ = sender; }
  bool Owns(overlay::RequestId id) const { return senders_.count(id) != 0; }
  // Whose it was; forgets it.
  std::optional<Sender> Take(overlay::RequestId id);

  // A request of ours to ourselves, and an answer to one.
  struct LocalRequest {
    overlay::RequestId id;
    StoreRequest request;
  };
  std::optional<LocalRequest> PollLocalRequest();
  std::optional<ReplyFrom> PollLocalReply();

  overlay::RequestId Route(Instant now, const Key& place, const StoreRequest& request,
                           const overlay::RouteOptions& options) override;
  overlay::RequestId Ask(Instant now, const overlay::NodeRecord& peer, const StoreRequest& request,
                         absl::Duration timeout) override;
  std::vector<NearReplica> NearReplicas(const Key& place) const override {
    return ToNear(node_.NearReplicas(place));
  }
  static std::vector<NearReplica> ToNear(const std::vector<overlay::NearNode>& nodes);
  std::optional<overlay::RequestId> FindNear(Instant now, const Key& place) override;
  overlay::RequestId AskNear(Instant now, const NearReplica& peer, const StoreRequest& request,
                             absl::Duration timeout, size_t answer_bytes) override;
  void Answer(Instant now, const ReplyTo& to, const StoreReply& reply) override;
  bool DemandProof(Instant now, const ReplyTo& to) override;
  const overlay::NodeRecord& self() const override { return node_.self(); }
  bool IsRoot(const Key& place) const override { return node_.IsRoot(place); }
  std::optional<std::vector<overlay::NodeRecord>> ReplicaSet(const Key& place) const override {
    return node_.ReplicaSet(place);
  }
  std::vector<overlay::NodeRecord> LeafSet() const override { return node_.LeafSet(); }
  std::vector<overlay::NodeRecord> Nearest(const Key& place, size_t count) const override {
    return node_.Nearest(place, count);
  }

 private:
  overlay::Node& node_;
  Sender sender_;
  std::map<overlay::RequestId, Sender> senders_;
  std::deque<LocalRequest> local_requests_;
  std::deque<ReplyFrom> local_replies_;
  uint64_t next_local_ = 0;
};

}  // namespace p2pd::store
