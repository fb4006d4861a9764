#include "libcore/store/overlay_carrier.h"

#include <utility>

namespace p2pd::store {
namespace {

// Requests to ourselves are numbered apart from the overlay's, which count up from zero.
constexpr uint64_t kLocalBit = uint64_t{1} << 63;

// What replicas tell each other when nobody has put anything.
bool IsRepair(const StoreRequest& request) {
  return request.has_compare() || request.has_pull() ||
         (request.has_replicate() && !request.replicate().fresh());
}

}  // namespace

std::optional<Sender> OverlayCarrier::Take(overlay::RequestId id) {
  const auto found = senders_.find(id);
  if (found == senders_.end()) return std::nullopt;
  const Sender sender = found->second;
  senders_.erase(found);
  return sender;
}

std::optional<OverlayCarrier::LocalRequest> OverlayCarrier::PollLocalRequest() {
  if (local_requests_.empty()) return std::nullopt;
  LocalRequest request = std::move(local_requests_.front());
  local_requests_.pop_front();
  return request;
}

std::optional<ReplyFrom> OverlayCarrier::PollLocalReply() {
  if (local_replies_.empty()) return std::nullopt;
  ReplyFrom reply = std::move(local_replies_.front());
  local_replies_.pop_front();
  return reply;
}

overlay::RequestId OverlayCarrier::Route(Instant now, const Key& place, const StoreRequest& request,
                                         const overlay::RouteOptions& options) {
  const overlay::RequestId id =
      node_.Route(now, place, overlay::Service::kStore, Encode(request), options);
  senders_[id] = sender_;
  return id;
}

overlay::RequestId OverlayCarrier::Ask(Instant now, const overlay::NodeRecord& peer,
                                       const StoreRequest& request, absl::Duration timeout) {
  if (peer.id() == node_.self().id()) {
    const overlay::RequestId id(kLocalBit | next_local_++);
    senders_[id] = sender_;
    local_requests_.push_back(LocalRequest{id, request});
    return id;
  }
  const overlay::RequestId id =
      node_.Ask(now, peer, overlay::Service::kStore, Encode(request), timeout, IsRepair(request));
  senders_[id] = sender_;
  return id;
}

std::vector<NearReplica> OverlayCarrier::ToNear(const std::vector<overlay::NearNode>& nodes) {
  std::vector<NearReplica> out;
  for (const overlay::NearNode& near : nodes) out.push_back({near.target, near.patience});
  return out;
}

std::optional<overlay::RequestId> OverlayCarrier::FindNear(Instant now, const Key& place) {
  const std::optional<overlay::RequestId> id = node_.FindReplicas(now, place);
  if (id) senders_[*id] = sender_;
  return id;
}

overlay::RequestId OverlayCarrier::AskNear(Instant now, const NearReplica& peer,
                                           const StoreRequest& request, absl::Duration timeout,
                                           size_t answer_bytes) {
  overlay::LetterOptions options;
  options.timeout = timeout;
  options.answer_bytes = answer_bytes;
  options.repeat_after = peer.patience;
  options.once = true;
  const overlay::RequestId id =
      node_.AskUnlinked(now, peer.target, overlay::Service::kStore, Encode(request), options);
  senders_[id] = sender_;
  return id;
}

void OverlayCarrier::Answer(Instant now, const ReplyTo& to, const StoreReply& reply) {
  if (to.token) {
    node_.Answer(now, *to.token, Encode(reply));
  } else {
    local_replies_.push_back(ReplyFrom{to.local, node_.self(), 0, reply});
  }
}

bool OverlayCarrier::DemandProof(Instant now, const ReplyTo& to) {
  return to.token && node_.DemandProof(now, *to.token);
}

}  // namespace p2pd::store
