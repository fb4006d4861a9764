// FakeCarrier: an overlay made of a list. Requests are kept for the test to answer.
#pragma once

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "libcore/store/carrier.h"

namespace p2pd::store {

class FakeCarrier final : public Carrier {
 public:
  struct Sent {
    overlay::RequestId id;
    std::optional<overlay::NodeRecord> to;  // nullopt: routed
    Key place;
    StoreRequest request;
  };
  struct Answered {
    ReplyTo to;
    StoreReply reply;
  };

  // A ring of `nodes` nodes, this one first; all of them keep everything.
  explicit FakeCarrier(int nodes, uint64_t seed = 1) : rng_(seed) {
    for (int i = 0; i < nodes; ++i) nodes_.push_back(NewNode());
  }
  overlay::NodeRecord NewNode(const char* address = "192.0.2.1:7464") {
    return overlay::NodeRecord::Make(overlay::NodeKeys::Generate(rng_), 1,
                                     {*net::Endpoint::Parse(address)}, overlay::Role::kPeer);
  }

  overlay::RequestId Route(Instant, const Key& place, const StoreRequest& request,
                           const overlay::RouteOptions&) override {
    sent.push_back({overlay::RequestId(next_++), std::nullopt, place, request});
    return sent.back().id;
  }
  overlay::RequestId Ask(Instant, const overlay::NodeRecord& peer, const StoreRequest& request,
                         absl::Duration) override {
    sent.push_back({overlay::RequestId(next_++), peer, Key(), request});
    return sent.back().id;
  }
  // `near` are its nodes by place in the list; asked, they are among `sent` like any other.
  std::vector<NearReplica> NearReplicas(const Key&) const override {
    std::vector<NearReplica> out;
    for (const size_t place : near) {
      const overlay::NodeRecord& record = nodes_[place];
      out.push_back(NearReplica{
          {overlay::Head(record.id()), record.addresses().front(), record.sealing_key()},
          absl::Milliseconds(100)});
    }
    return out;
  }
  // `finds`: a neighbour knows; what it knows is up to the test.
  std::optional<overlay::RequestId> FindNear(Instant, const Key&) override {
    found = finds ? std::optional(overlay::RequestId(next_++)) : std::nullopt;
    return found;
  }
  overlay::RequestId AskNear(Instant, const NearReplica& peer, const StoreRequest& request,
                             absl::Duration, size_t) override {
    for (const overlay::NodeRecord& record : nodes_) {
      if (overlay::Head(record.id()) != peer.target.head) continue;
      sent.push_back({overlay::RequestId(next_++), record, Key(), request});
    }
    return sent.back().id;
  }
  void Answer(Instant, const ReplyTo& to, const StoreReply& reply) override {
    answered.push_back({to, reply});
  }
  bool DemandProof(Instant, const ReplyTo& to) override {
    if (by_letter) proofs.push_back(to);
    return by_letter;
  }
  // Requests come in letters that prove nothing.
  bool by_letter = false;
  std::vector<ReplyTo> proofs;
  // Places in the list, nearest to `place` first.
  std::vector<size_t> ByDistance(const Key& place) const {
    std::vector<size_t> out(nodes_.size());
    std::iota(out.begin(), out.end(), size_t{0});
    const auto distance = [&](size_t i) {
      return overlay::HeadDistance(overlay::Head(place), overlay::Head(nodes_[i].id()));
    };
    std::sort(out.begin(), out.end(),
              [&](size_t a, size_t b) { return distance(a) < distance(b); });
    return out;
  }
  // This node's record is a newer one.
  void Move() {
    nodes_[0] =
        overlay::NodeRecord::Make(overlay::NodeKeys::Generate(rng_), nodes_[0].epoch() + 1,
                                  {*net::Endpoint::Parse("192.0.2.7:7464")}, overlay::Role::kPeer);
  }
  const overlay::NodeRecord& self() const override { return nodes_[0]; }
  bool IsRoot(const Key&) const override { return is_root; }
  std::optional<std::vector<overlay::NodeRecord>> ReplicaSet(const Key&) const override {
    if (!responsible) return std::nullopt;
    return nodes_;
  }
  std::vector<overlay::NodeRecord> LeafSet() const override {
    return {nodes_.begin() + 1, nodes_.end()};
  }
  // Nobody beyond those who answer, or the test would have to answer for them.
  std::vector<overlay::NodeRecord> Nearest(const Key&, size_t) const override { return nearest; }
  const std::vector<overlay::NodeRecord>& nodes() const { return nodes_; }

  // The oldest request that was not taken yet.
  Sent Take() {
    Sent out = std::move(sent.front());
    sent.erase(sent.begin());
    return out;
  }

  std::vector<Sent> sent;
  std::vector<Answered> answered;
  std::vector<size_t> near;
  bool finds = false;
  std::optional<overlay::RequestId> found;  // the last
  bool is_root = true;
  bool responsible = true;
  std::vector<overlay::NodeRecord> nearest;

 private:
  SeededRng rng_;
  std::vector<overlay::NodeRecord> nodes_;
  uint64_t next_ = 1;
};

}  // namespace p2pd::store
