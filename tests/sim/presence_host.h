// PresenceHost: overlay, store, sessions and presence as one machine of the simulated World, and
// Neighbourhood: a ring of plain store nodes with such machines among them and an authority that
// certifies people. What a machine stored outlives Crash().
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "libcore/base/check.h"
#include "libcore/presence/presence.h"
#include "libcore/store/memory_table.h"
#include "tests/sim/people.h"
#include "tests/sim/store_host.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class PresenceHost final : public Host {
 public:
  PresenceHost(World& world, uint64_t seed, std::vector<net::Endpoint> bootstrap,
               presence::PresenceOptions options = {})
      : world_(world),
        at_(world.NextEndpoint()),
        bootstrap_(std::move(bootstrap)),
        rng_(seed),
        crypto_(pki::Crypto::Create(rng_)),
        keys_(overlay::NodeKeys::Generate(rng_)),
        options_(std::move(options)),
        wall_(world.TimeAt(at_), world.wall_now()) {
    if (options_.device_label.empty()) options_.device_label = at_.ToString();
  }
  ~PresenceHost() override { Crash(); }
  PresenceHost(const PresenceHost&) = delete;
  PresenceHost& operator=(const PresenceHost&) = delete;

  void Start() {
    overlay::NodeOptions node_options;
    node_options.addresses = {at_};
    node_options.epoch = static_cast<uint64_t>(absl::ToUnixMillis(world_.wall_now())) + starts_++;
    trust_ = pki::TrustStore();
    node_ = std::make_unique<overlay::Node>(node_options, keys_, rng_, counters_);
    store_ = std::make_unique<store::Store>(store::StoreOptions(), *node_, table_, wall_, rng_,
                                            counters_);
    sessions_ = std::make_unique<session::Sessions>(session::SessionOptions(), trust_, *crypto_,
                                                    wall_, rng_, counters_, world_.wall_now());
    sessions_->SetAddresses({at_});
    presence_ = std::make_unique<presence::Presence>(
        options_, presence::Presence::Parts{*node_, *store_, *sessions_, storage_, *crypto_, trust_,
                                            wall_, rng_, counters_});
    loaded = presence_->Load(Now());
    world_.Attach(at_, this);
    node_->Start(Now(), bootstrap_, {});
    world_.Kick(at_);
  }
  // Through whom the next Start joins.
  void SetBootstrap(std::vector<net::Endpoint> bootstrap) { bootstrap_ = std::move(bootstrap); }
  // kill -9: the process is gone, the disk stays.
  void Crash() {
    if (!up()) return;
    world_.Detach(at_);
    presence_.reset();
    sessions_.reset();
    store_.reset();
    node_.reset();
    done_.clear();
  }
  void Restart() {
    Crash();
    Start();
  }
  void MoveTo(const net::Endpoint& at) {
    world_.Detach(at_);
    at_ = at;
    world_.Attach(at_, this);
    node_->SetAddresses(Now(), {at});
    sessions_->SetAddresses({at});
    sessions_->OnNetworkChanged(Now());
    presence_->SetAddresses(Now(), {at});
    Kick();
  }
  bool up() const { return presence_ != nullptr; }
  bool active() const {
    return up() && (node_->join_state() == overlay::JoinState::kActive ||
                    node_->join_state() == overlay::JoinState::kAlone);
  }
  void Kick() {
    if (up()) world_.Kick(at_);
  }

  // Runs the world until the operation is done.
  presence::OperationDone Await(presence::OperationId id) {
    Kick();
    const bool ended =
        world_.RunUntil(absl::Minutes(2), [&] { return done_.count(id.value()) != 0; });
    P2PD_CHECK(ended);
    return done_.at(id.value());
  }
  presence::OperationDone Login(absl::string_view email = "") {
    return Await(presence_->Login(Now(), email));
  }
  presence::OperationDone Logout(absl::string_view email = "") {
    return Await(presence_->Logout(Now(), email));
  }
  presence::OperationDone Resolve(absl::string_view email) {
    return Await(presence_->Resolve(Now(), "", email));
  }
  presence::OperationDone GetPresence(absl::string_view email) {
    return Await(presence_->GetPresence(Now(), "", email));
  }
  absl::Status AddContact(absl::string_view email, absl::string_view as = "") {
    const absl::Status status = presence_->AddContact(Now(), as, email, "");
    Kick();
    return status;
  }
  absl::Status RemoveContact(absl::string_view email) {
    const absl::Status status = presence_->RemoveContact(Now(), "", email);
    Kick();
    return status;
  }
  std::optional<presence::ContactInfo> Contact(absl::string_view email,
                                               absl::string_view as = "") const {
    for (presence::ContactInfo& info : presence_->Contacts(as)) {
      if (info.email == email) return std::move(info);
    }
    return std::nullopt;
  }
  presence::Availability Sees(absl::string_view email, absl::string_view as = "") const {
    const auto contact = Contact(email, as);
    return contact ? contact->availability : presence::Availability::kUnknown;
  }
  presence::IdentityInfo Identity(absl::string_view email = "") const {
    return *presence_->Identity(email);
  }

  presence::Presence& presence() { return *presence_; }
  store::Store& store() { return *store_; }
  overlay::Node& node() { return *node_; }
  session::Sessions& sessions() { return *sessions_; }
  MemoryStorage& storage() { return storage_; }
  store::MemoryTable& table() { return table_; }
  Counters& counters() { return counters_; }
  const net::Endpoint& at() const { return at_; }
  // By the host's own clock.
  Instant Now() const { return world_.TimeAt(at_); }
  WallClock& wall() { return wall_; }

  absl::Status loaded;
  // Each change of a contact's availability as it was shown, with the time.
  struct Shown {
    Instant at;
    std::string email;
    presence::Availability availability;
  };
  std::vector<Shown> history;
  int64_t identity_changes = 0;

  // Host.
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    if (!datagram.empty() && datagram[0] >= 200 && datagram[0] <= 207) {
      sessions_->OnDatagram(now, from, datagram);
    } else {
      node_->OnDatagram(now, from, datagram);
    }
  }
  void OnTimeout(Instant now) override {
    node_->OnTimeout(now);
    store_->OnTimeout(now);
    sessions_->OnTimeout(now);
    presence_->OnTimeout(now);
  }
  std::optional<net::Transmit> PollTransmit(Instant now) override {
    if (auto transmit = sessions_->PollTransmit(now)) return transmit;
    return node_->PollTransmit(now);
  }
  std::optional<Instant> PollTimeout() const override {
    return Earliest(Earliest(node_->PollTimeout(), store_->PollTimeout()),
                    Earliest(sessions_->PollTimeout(), presence_->PollTimeout()));
  }
  bool DrainEvents(Instant now) override {
    bool any = false;
    while (auto event = node_->PollEvent()) {
      any = true;
      OnOverlayEvent(now, *event);
    }
    while (auto event = store_->PollEvent()) {
      any = true;
      presence_->OnStoreEvent(now, *event);
    }
    while (auto event = sessions_->PollEvent()) {
      any = true;
      presence_->OnSessionEvent(now, *event);
    }
    while (auto event = presence_->PollEvent()) {
      any = true;
      OnPresenceEvent(now, *event);
    }
    return any;
  }

 private:
  void OnOverlayEvent(Instant now, const overlay::Event& event) {
    if (const auto* request = std::get_if<overlay::IncomingRequest>(&event)) {
      if (request->service == overlay::Service::kStore) store_->OnRequest(now, *request);
    } else if (const auto* response = std::get_if<overlay::Response>(&event)) {
      if (store_->Owns(response->id)) store_->OnResponse(now, *response);
    } else if (const auto* failed = std::get_if<overlay::RequestFailed>(&event)) {
      if (store_->Owns(failed->id)) store_->OnRequestFailed(now, *failed);
    } else if (const auto* found = std::get_if<overlay::ReplicasFound>(&event)) {
      store_->OnReplicasFound(now, *found);
    } else if (const auto* changed = std::get_if<overlay::LeafSetChanged>(&event)) {
      store_->OnLeafSetChanged(now, *changed);
    } else if (const auto* joined = std::get_if<overlay::JoinStateChanged>(&event)) {
      presence_->OnJoinStateChanged(now, joined->state);
    }
  }
  void OnPresenceEvent(Instant now, const presence::Event& event) {
    if (const auto* done = std::get_if<presence::OperationDone>(&event)) {
      done_[done->id.value()] = *done;
    } else if (const auto* contact = std::get_if<presence::ContactChanged>(&event)) {
      if (contact->removed) return;
      const presence::Availability shown = Sees(contact->email, contact->as);
      if (last_[contact->email] != shown) history.push_back({now, contact->email, shown});
      last_[contact->email] = shown;
    } else {
      ++identity_changes;
    }
  }

  World& world_;
  net::Endpoint at_;
  std::vector<net::Endpoint> bootstrap_;
  SeededRng rng_;
  std::unique_ptr<pki::Crypto> crypto_;
  overlay::NodeKeys keys_;
  presence::PresenceOptions options_;
  WallClock wall_;
  Counters counters_;
  MemoryStorage storage_;
  store::MemoryTable table_;
  pki::TrustStore trust_;
  uint64_t starts_ = 0;
  std::unique_ptr<overlay::Node> node_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<session::Sessions> sessions_;
  std::unique_ptr<presence::Presence> presence_;
  std::map<uint64_t, presence::OperationDone> done_;
  std::map<std::string, presence::Availability> last_;
};

// A ring of plain nodes, machines with people, and who certifies them.
class Neighbourhood {
 public:
  explicit Neighbourhood(uint64_t seed, int plain = 12, const LinkOptions& options = {})
      : ring(seed, options), authority(seed + 5, ring.world.wall_now()), seed_(seed * 7919) {
    ring.Grow(plain);
    world().RunFor(absl::Seconds(20));
  }
  World& world() { return ring.world; }

  // A machine that trusts the authority, with nobody on it.
  PresenceHost& AddMachine(presence::PresenceOptions options = {}) {
    machines.push_back(
        std::make_unique<PresenceHost>(world(), ++seed_, ring.Bootstrap(), std::move(options)));
    PresenceHost& host = *machines.back();
    host.Start();
    const absl::Status trusted =
        host.presence().AddRoot(world().now(), AsBytes(authority.root().ToPem()));
    P2PD_CHECK(trusted.ok());
    P2PD_CHECK(world().RunUntil(absl::Minutes(1), [&] { return host.active(); }));
    return host;
  }
  // Makes the identity on the machine and has it certified.
  void MakePerson(PresenceHost& host, absl::string_view email,
                  absl::Duration validity = absl::Hours(24 * 365)) {
    const auto csr = host.presence().CreateIdentity(world().now(), email, "", SecretBytes());
    P2PD_CHECK(csr.ok());
    const std::string chain = Certify(*csr, validity);
    P2PD_CHECK(
        host.presence().InstallCertificate(world().now(), AsBytes(chain), SecretBytes()).ok());
  }
  PresenceHost& AddPerson(absl::string_view email, presence::PresenceOptions options = {}) {
    PresenceHost& host = AddMachine(std::move(options));
    MakePerson(host, email);
    P2PD_CHECK(host.Login().status.ok());
    return host;
  }
  // A second machine of the same user: the key of `first` brought over.
  PresenceHost& AddDevice(PresenceHost& first, absl::string_view email) {
    const SecretBytes passphrase(AsBytes("a long passphrase"));
    const auto file = first.presence().Export(email, passphrase);
    P2PD_CHECK(file.ok());
    PresenceHost& second = AddMachine();
    P2PD_CHECK(second.presence().InstallCertificate(world().now(), file->view(), passphrase).ok());
    return second;
  }
  // CSR in PEM in, certificate and root in PEM out.
  std::string Certify(absl::string_view csr_pem, absl::Duration validity = absl::Hours(24 * 365)) {
    const auto contents = pki::ParseCsr(AsBytes(csr_pem));
    P2PD_CHECK(contents.ok());
    const absl::Time now = world().wall_now();
    const auto certificate = pki::IssueCertificate(authority.key(), authority.root(), *contents,
                                                   {now - absl::Hours(1), now + validity});
    P2PD_CHECK(certificate.ok());
    return certificate->ToPem() + authority.root().ToPem();
  }
  bool Until(absl::Duration limit, const std::function<bool()>& done) {
    return world().RunUntil(limit, done);
  }

  StoreRing ring;
  Authority authority;
  std::vector<std::unique_ptr<PresenceHost>> machines;

 private:
  uint64_t seed_;
};

}  // namespace p2pd::sim
