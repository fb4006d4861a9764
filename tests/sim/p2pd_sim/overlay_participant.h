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
  size_t leaves_per_side() const override { return leaves_per_side_; }
  // Beside those of a side stand as many whom a network with too many nodes lost their places.
  size_t most_leaves() const override { return 4 * leaves_per_side_; }
  std::vector<TableEntry> Table() const override;
  bool IsRoot(const overlay::Key& key) const override { return host_.node().IsRoot(key); }
  uint64_t retries() const override { return host_.counters().Get("overlay.origin_retries"); }
  uint64_t late_letters() const override { return host_.counters().Get("overlay.shortcuts_late"); }
  overlay::Traffic traffic() const override { return host_.node().traffic(); }

 private:
  bool OnEvent(Instant now, overlay::Event& event);

  ParticipantSpec spec_;
  size_t leaves_per_side_;
  OverlayHost host_;
};

}  // namespace p2pd::sim
