// StoreHost: one overlay node with its store on the simulated network, and StoreRing, many of them.
// The object table outlives a crash, as a disk does.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "libcore/base/check.h"
#include "libcore/overlay/link_table.h"
#include "libcore/store/memory_table.h"
#include "libcore/store/store.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class StoreHost final : public Host {
 public:
  StoreHost(World& world, uint64_t seed, store::StoreOptions options = {},
            std::optional<net::Endpoint> at = std::nullopt,
            std::optional<overlay::NodeKeys> keys = std::nullopt)
      : world_(world),
        at_(at ? *at : world.NextEndpoint()),
        rng_(seed),
        keys_(keys ? *std::move(keys) : overlay::NodeKeys::Generate(rng_)),
        options_(options),
        wall_(world.TimeAt(at_), world.wall_now()) {}
  ~StoreHost() override { Crash(); }
  StoreHost(const StoreHost&) = delete;
  StoreHost& operator=(const StoreHost&) = delete;

  // Starts with what the table holds.
  void Start(const std::vector<net::Endpoint>& bootstrap) {
    overlay::NodeOptions options;
    options.addresses = {at_};
    options.epoch = static_cast<uint64_t>(absl::ToUnixMillis(world_.wall_now())) + starts_++;
    node_ = std::make_unique<overlay::Node>(options, keys_, rng_, counters_);
    node_->SetTap(tap_);
    store_ = std::make_unique<store::Store>(options_, *node_, table_, wall_, rng_, counters_);
    world_.Attach(at_, this);
    node_->Start(Now(), bootstrap, {});
    Kick();
  }
  // kill -9: what the store held in memory is gone, the table stays.
  void Crash() {
    if (!up()) return;
    world_.Detach(at_);
    store_.reset();
    node_.reset();
    events.clear();
  }
  bool up() const { return node_ != nullptr; }
  bool active() const {
    return up() && node_->join_state() != overlay::JoinState::kJoining &&
           node_->join_state() != overlay::JoinState::kLeaving;
  }
  void Kick() {
    if (up()) world_.Kick(at_);
  }

  // Each runs the world until the operation is done.
  store::PutDone Put(const store::Object& object) {
    return Await<store::PutDone>(store_->Put(Now(), object));
  }
  store::GetDone Get(const store::Key& key, const store::GetOptions& options = {}) {
    return Await<store::GetDone>(store_->Get(Now(), key, options));
  }
  store::RemoveDone Remove(const store::Key& key, const pki::Sha256Digest& digest,
                           ByteView secret) {
    return Await<store::RemoveDone>(store_->RemoveRaw(Now(), key, digest, secret));
  }
  void Subscribe(const store::Key& key, store::ObjectKind kind) {
    P2PD_CHECK(store_->Subscribe(Now(), key, kind).ok());
    Kick();
  }
  std::vector<store::Object> TakeNotifications() {
    std::vector<store::Object> out;
    for (auto it = events.begin(); it != events.end();) {
      if (const auto* notification = std::get_if<store::Notification>(&*it)) {
        out.push_back(notification->object);
        it = events.erase(it);
      } else {
        ++it;
      }
    }
    return out;
  }

  // Whoever sets it gets the store's events in place of `events`.
  using Handler = std::function<void(Instant now, const store::Event& event)>;
  void SetHandler(Handler handler) { handler_ = std::move(handler); }

  // For attackers and checkers: sees the messages of our links; sees requests before the store does
  // and takes those for which it returns true; sees answers to the store's requests.
  void SetTap(overlay::MessageTap* tap) { tap_ = tap; }
  using Interceptor = std::function<bool(Instant now, const overlay::IncomingRequest& request)>;
  void SetInterceptor(Interceptor interceptor) { interceptor_ = std::move(interceptor); }
  using Witness = std::function<void(const overlay::Response& response)>;
  void SetWitness(Witness witness) { witness_ = std::move(witness); }

  store::Store& store() { return *store_; }
  overlay::Node& node() { return *node_; }
  store::MemoryTable& table() { return table_; }
  WallClock& wall() { return wall_; }
  Counters& counters() { return counters_; }
  const net::Endpoint& at() const { return at_; }
  // By the host's own clock.
  Instant Now() const { return world_.TimeAt(at_); }
  const overlay::NodeId& id() const { return node_->self().id(); }
  const overlay::NodeKeys& keys() const { return keys_; }

  std::vector<store::Event> events;

  // Host.
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    node_->OnDatagram(now, from, datagram);
  }
  void OnTimeout(Instant now) override {
    const auto due = [now](std::optional<Instant> at) { return at && *at <= now; };
    if (due(node_->PollTimeout())) node_->OnTimeout(now);
    if (due(store_->PollTimeout())) store_->OnTimeout(now);
  }
  std::optional<net::Transmit> PollTransmit(Instant now) override {
    return node_->PollTransmit(now);
  }
  std::optional<Instant> PollTimeout() const override {
    return Earliest(node_->PollTimeout(), store_->PollTimeout());
  }
  bool DrainEvents(Instant now) override {
    bool any = false;
    while (auto event = node_->PollEvent()) {
      any = true;
      if (auto* request = std::get_if<overlay::IncomingRequest>(&*event)) {
        if (interceptor_ && interceptor_(now, *request)) continue;
        if (request->service == overlay::Service::kStore) store_->OnRequest(now, *request);
      } else if (auto* response = std::get_if<overlay::Response>(&*event)) {
        if (!store_->Owns(response->id)) continue;
        if (witness_) witness_(*response);
        store_->OnResponse(now, *response);
      } else if (auto* failed = std::get_if<overlay::RequestFailed>(&*event)) {
        if (store_->Owns(failed->id)) store_->OnRequestFailed(now, *failed);
      } else if (auto* found = std::get_if<overlay::ReplicasFound>(&*event)) {
        store_->OnReplicasFound(now, *found);
      } else if (auto* changed = std::get_if<overlay::LeafSetChanged>(&*event)) {
        store_->OnLeafSetChanged(now, *changed);
      }
    }
    while (auto event = store_->PollEvent()) {
      any = true;
      if (handler_) {
        handler_(now, *event);
      } else {
        events.push_back(*std::move(event));
      }
    }
    return any;
  }

 private:
  template <class Done>
  Done Await(store::OperationId id) {
    Kick();
    std::optional<Done> done;
    world_.RunUntil(absl::Minutes(1), [&] {
      for (auto it = events.begin(); it != events.end(); ++it) {
        const auto* found = std::get_if<Done>(&*it);
        if (found == nullptr || found->id != id) continue;
        done = *found;
        events.erase(it);
        return true;
      }
      return false;
    });
    P2PD_CHECK(done.has_value());  // exactly one Done follows each operation
    return *done;
  }

  World& world_;
  net::Endpoint at_;
  SeededRng rng_;
  Counters counters_;
  overlay::NodeKeys keys_;
  store::StoreOptions options_;
  WallClock wall_;
  store::MemoryTable table_;
  Handler handler_;
  overlay::MessageTap* tap_ = nullptr;
  Interceptor interceptor_;
  Witness witness_;
  uint64_t starts_ = 0;
  std::unique_ptr<overlay::Node> node_;
  std::unique_ptr<store::Store> store_;
};

class StoreRing {
 public:
  explicit StoreRing(uint64_t seed, const LinkOptions& options = {})
      : world(seed, options), rng(seed + 17), seed_(seed * 1000003) {}

  // Starts `count` nodes, each through a random one that is up, and waits until all have joined.
  void Grow(int count, store::StoreOptions options = {}) {
    for (int i = 0; i < count; ++i) {
      hosts.push_back(std::make_unique<StoreHost>(world, ++seed_, options));
      StoreHost& host = *hosts.back();
      host.Start(Bootstrap());
      world.RunFor(absl::Milliseconds(300));
    }
    P2PD_CHECK(Settle());
  }
  bool Settle() {
    return world.RunUntil(absl::Minutes(2), [&] {
      for (const auto& host : hosts) {
        if (host->up() && !host->active()) return false;
      }
      return true;
    });
  }
  std::vector<net::Endpoint> Bootstrap() {
    if (StoreHost* any = RandomActive()) return {any->at()};
    return {};
  }
  StoreHost* RandomActive() {
    std::vector<StoreHost*> up;
    for (const auto& host : hosts) {
      if (host->active()) up.push_back(host.get());
    }
    return up.empty() ? nullptr : up[rng.Below(up.size())];
  }
  // How many nodes that are up hold something of this kind at the place.
  int Copies(const store::Key& place, store::ObjectKind kind) const {
    int copies = 0;
    for (const auto& host : hosts) {
      if (host->up() && !host->table().Find(place, kind).empty()) ++copies;
    }
    return copies;
  }
  // The `count` nodes nearest to the key that are up, nearest first.
  std::vector<StoreHost*> Nearest(const store::Key& key, size_t count) const {
    std::vector<StoreHost*> up;
    for (const auto& host : hosts) {
      if (host->up()) up.push_back(host.get());
    }
    std::sort(up.begin(), up.end(), [&](const StoreHost* a, const StoreHost* b) {
      return overlay::Nearer(key, a->id(), b->id());
    });
    up.resize(std::min(count, up.size()));
    return up;
  }
  store::Object Raw(size_t size = 100, ByteView secret = {},
                    absl::Duration life = absl::Hours(24)) {
    Bytes data(size);
    rng.Fill(MutableByteView(data.data(), data.size()));
    Bytes hash;
    if (!secret.empty()) hash = ToBytes(pki::Sha256(secret).view());
    const absl::Time now = world.wall_now();
    return *store::MakeRaw(rng.Make<store::Key>(), data, hash, now + life, now);
  }

  World world;
  SeededRng rng;
  std::vector<std::unique_ptr<StoreHost>> hosts;

 private:
  uint64_t seed_;
};

}  // namespace p2pd::sim
