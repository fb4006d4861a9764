#include "tests/sim/p2pd_sim/overlay_participant.h"

#include <variant>

namespace p2pd::sim {

OverlayParticipant::OverlayParticipant(const ParticipantSpec& spec,
                                       const overlay::NodeOptions& options)
    : spec_(spec),
      leaves_per_side_(static_cast<size_t>(options.leaves_per_side)),
      host_(*spec.world, spec.seed, options, spec.at) {
  host_.SetHandler([this](Instant now, overlay::Event& event) { return OnEvent(now, event); });
}

void OverlayParticipant::Start(const std::vector<net::Endpoint>& bootstrap) {
  host_.Start(bootstrap);
  // A node without anybody to ask is a ring of its own at once, and says so by its state only.
  if (host_.active()) spec_.listener->OnActive(spec_.place, true);
}

uint64_t OverlayParticipant::Lookup(const overlay::Key& key) {
  return host_.node().Route(host_.Now(), key, overlay::Service::kApplication, {42}, {}).value();
}

std::vector<overlay::NodeId> OverlayParticipant::Leaves() const {
  std::vector<overlay::NodeId> out;
  for (const overlay::NodeRecord& record : host_.node().LeafSet()) out.push_back(record.id());
  return out;
}

std::vector<TableEntry> OverlayParticipant::Table() const {
  std::vector<TableEntry> out;
  for (const overlay::PeerInfo& peer : host_.node().Peers(host_.Now())) {
    if (peer.table) out.push_back({peer.record.id(), peer.endpoint});
  }
  return out;
}

bool OverlayParticipant::OnEvent(Instant now, overlay::Event& event) {
  Listener& listener = *spec_.listener;
  if (const auto* changed = std::get_if<overlay::JoinStateChanged>(&event)) {
    listener.OnActive(spec_.place, changed->state == overlay::JoinState::kActive ||
                                       changed->state == overlay::JoinState::kAlone);
  } else if (const auto* response = std::get_if<overlay::Response>(&event)) {
    listener.OnAnswer(spec_.place, response->id.value(), response->from.id(),
                      response->from.addresses().front(), response->hops);
  } else if (const auto* failed = std::get_if<overlay::RequestFailed>(&event)) {
    listener.OnFailed(spec_.place, failed->id.value());
  } else if (const auto* request = std::get_if<overlay::IncomingRequest>(&event)) {
    if (request->key) listener.OnReached(request->from.id(), *request->key);
    host_.node().Answer(now, request->token, request->payload);
  }
  return true;
}

}  // namespace p2pd::sim
