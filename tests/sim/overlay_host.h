// OverlayHost: one overlay node on the simulated network. Owns keys, counters and randomness of the
// node, so that a test is a list of hosts and a World.
//
// Events come to the handler if one is set, else they are kept in `events`. By default requests for
// Service::kApplication are answered with their own payload, so that every host is an echo server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/node.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class OverlayHost final : public Host {
 public:
  // Returns true when it dealt with the event.
  using Handler = std::function<bool(Instant now, overlay::Event& event)>;

  // Attaches itself to the world; starts when Start is called. `seed` makes keys and randomness.
  OverlayHost(World& world, uint64_t seed, overlay::NodeOptions options = {},
              std::optional<net::Endpoint> at = std::nullopt)
      : world_(world),
        at_(at ? *at : world.NextEndpoint()),
        rng_(seed),
        keys_(overlay::NodeKeys::Generate(rng_)) {
    if (options.addresses.empty()) options.addresses = {at_};
    if (options.epoch == 0) {
      options.epoch = static_cast<uint64_t>(absl::ToUnixMillis(world.wall_now()));
    }
    options_ = options;
    node_ = std::make_unique<overlay::Node>(options_, keys_, rng_, counters_);
    world_.Attach(at_, this);
    up_ = true;
  }
  ~OverlayHost() override { Crash(); }
  OverlayHost(const OverlayHost&) = delete;
  OverlayHost& operator=(const OverlayHost&) = delete;

  void Start(const std::vector<net::Endpoint>& bootstrap, ByteView cache = {}) {
    node_->Start(Now(), bootstrap, cache);
    Kick();
  }
  // Gone without a word; the object stays for its counters.
  void Crash() {
    if (up_) world_.Detach(at_);
    up_ = false;
  }
  // Farewell, then gone.
  void Leave() {
    node_->Leave(Now());
    Kick();
    Crash();
  }
  // The same keys, at the same address, with empty tables.
  void Restart(const std::vector<net::Endpoint>& bootstrap, ByteView cache = {}) {
    Crash();
    options_.epoch = static_cast<uint64_t>(absl::ToUnixMillis(world_.wall_now())) + 1;
    node_ = std::make_unique<overlay::Node>(options_, keys_, rng_, counters_);
    world_.Attach(at_, this);
    up_ = true;
    Start(bootstrap, cache);
  }
  // The machine got another address. The node is told when `tell`.
  void Move(const net::Endpoint& to, bool tell) {
    world_.Detach(at_);
    at_ = to;
    world_.Attach(at_, this);
    if (tell) node_->SetAddresses(Now(), {at_});
    Kick();
  }
  // After calls into node(): what they caused goes out.
  void Kick() {
    if (up_) world_.Kick(at_);
  }

  overlay::RequestId Route(const overlay::Key& key, overlay::Service service, Bytes payload,
                           const overlay::RouteOptions& options = {}) {
    const overlay::RequestId id = node_->Route(Now(), key, service, std::move(payload), options);
    Kick();
    return id;
  }
  overlay::RequestId Ask(const overlay::NodeRecord& peer, overlay::Service service, Bytes payload,
                         absl::Duration timeout = absl::Seconds(4)) {
    const overlay::RequestId id = node_->Ask(Now(), peer, service, std::move(payload), timeout);
    Kick();
    return id;
  }

  overlay::Node& node() { return *node_; }
  const overlay::Node& node() const { return *node_; }
  const overlay::NodeId& id() const { return node_->self().id(); }
  const net::Endpoint& at() const { return at_; }
  // By the host's own clock.
  Instant Now() const { return world_.TimeAt(at_); }
  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }
  const overlay::NodeKeys& keys() const { return keys_; }
  Rng& rng() { return rng_; }
  bool up() const { return up_; }
  bool active() const {
    return up_ && (node_->join_state() == overlay::JoinState::kActive ||
                   node_->join_state() == overlay::JoinState::kAlone);
  }
  void SetHandler(Handler handler) { handler_ = std::move(handler); }

  // The response or failure of a request, once it is there.
  const overlay::Response* ResponseTo(overlay::RequestId id) const {
    for (const overlay::Event& event : events) {
      const auto* response = std::get_if<overlay::Response>(&event);
      if (response != nullptr && response->id == id) return response;
    }
    return nullptr;
  }
  const overlay::RequestFailed* FailureOf(overlay::RequestId id) const {
    for (const overlay::Event& event : events) {
      const auto* failed = std::get_if<overlay::RequestFailed>(&event);
      if (failed != nullptr && failed->id == id) return failed;
    }
    return nullptr;
  }
  bool Finished(overlay::RequestId id) const {
    return ResponseTo(id) != nullptr || FailureOf(id) != nullptr;
  }

  // Events that no handler took, oldest first.
  std::vector<overlay::Event> events;

  // Host.
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    node_->OnDatagram(now, from, datagram);
  }
  void OnTimeout(Instant now) override { node_->OnTimeout(now); }
  std::optional<net::Transmit> PollTransmit(Instant now) override {
    return node_->PollTransmit(now);
  }
  std::optional<Instant> PollTimeout() const override { return node_->PollTimeout(); }
  bool DrainEvents(Instant now) override {
    bool any = false;
    while (std::optional<overlay::Event> event = node_->PollEvent()) {
      any = true;
      if (handler_ && handler_(now, *event)) continue;
      const auto* request = std::get_if<overlay::IncomingRequest>(&*event);
      if (request != nullptr && request->service == overlay::Service::kApplication) {
        node_->Answer(now, request->token, request->payload);
      }
      events.push_back(*std::move(event));
    }
    return any;
  }

 private:
  World& world_;
  net::Endpoint at_;
  SeededRng rng_;
  Counters counters_;
  overlay::NodeKeys keys_;
  overlay::NodeOptions options_;
  std::unique_ptr<overlay::Node> node_;
  Handler handler_;
  bool up_ = false;
};

}  // namespace p2pd::sim
