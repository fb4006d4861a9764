// NodeHost: a whole p2pd in the simulator: node::Node and the media of its calls, on a World.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/media/call_media.h"
#include "libcore/node/node.h"
#include "libcore/store/memory_table.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class NodeHost final : public Host {
 public:
  // Starts on `at` and joins through `bootstrap`. What it stored outlives Crash().
  NodeHost(World& world, const net::Endpoint& at, std::vector<net::Endpoint> bootstrap,
           uint64_t seed);
  ~NodeHost() override;

  // kill -9: the process is gone, the disk stays.
  void Crash();
  // Comes back on the same disk, at the same address unless another one is given.
  void Restart(std::optional<net::Endpoint> at = std::nullopt);
  // Another network under the running daemon.
  void Move(const net::Endpoint& to);
  bool running() const { return node_ != nullptr; }

  node::Node& node() { return *node_; }
  const net::Endpoint& at() const { return at_; }
  MemoryStorage& storage() { return storage_; }
  // To be called after a use case was called on node(): hands out what it wants sent.
  void Kick() { world_.Kick(at_); }
  // The completion of an operation, once it came.
  const node::Completed* Done(node::OperationId id) const;
  // Runs the world until the operation is done; its status.
  absl::Status Await(node::OperationId id);

  // What this person says in calls to come, and what was heard in the call that was last started.
  void Say(std::vector<int16_t> samples) { speech_ = std::move(samples); }
  const std::vector<int16_t>& heard() const { return heard_; }
  // Accepts each call that rings.
  void AnswerCalls() { answers_ = true; }

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override;
  void OnTimeout(Instant now) override;
  std::optional<net::Transmit> PollTransmit(Instant now) override;
  std::optional<Instant> PollTimeout() const override;
  bool DrainEvents(Instant now) override;

 private:
  struct Voice;
  void Boot();
  void Obey(Instant now, node::MediaCommand command);
  void Hear(Instant now, const net::Endpoint& from, ByteView datagram);
  void Report(Instant now);

  World& world_;
  net::Endpoint at_;
  std::vector<net::Endpoint> bootstrap_;
  SeededRng rng_;
  WallClock wall_;
  MemoryStorage storage_;
  store::MemoryTable table_;
  std::unique_ptr<node::Node> node_;
  std::map<session::CallId, std::unique_ptr<Voice>> voices_;
  std::vector<node::Completed> completed_;
  std::vector<int16_t> speech_;
  std::vector<int16_t> heard_;
  bool answers_ = false;
};

}  // namespace p2pd::sim
