// OverlayParticipant: the daemon's own overlay node as a participant of a crowd.
#pragma once

#include <vector>

#include "tests/sim/overlay_host.h"
#include "tests/sim/p2pd_sim/participant.h"

namespace p2pd::sim {

class OverlayParticipant final : public Participant {
 public:
  OverlayParticipant(const ParticipantSpec& spec, const overlay::NodeOptions& options);

  const overlay::NodeId& id() const override { return host_.id(); }
  const net::Endpoint& at() const override { return host_.at(); }
  void Start(const std::vector<net::Endpoint>& bootstrap) override;
  bool holds_lookups() const override { return true; }
  bool routes() const override { return host_.node().self().role() == overlay::Role::kPeer; }
  uint64_t Lookup(const overlay::Key& key) override;
  void Kick() override { host_.Kick(); }
  std::vector<overlay::NodeId> Leaves() const override;
  overlay::Traffic traffic() const override { return host_.node().traffic(); }

 private:
  bool OnEvent(Instant now, overlay::Event& event);

  ParticipantSpec spec_;
  OverlayHost host_;
};

}  // namespace p2pd::sim
