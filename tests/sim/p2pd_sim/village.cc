#include "tests/sim/p2pd_sim/village.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"

namespace p2pd::sim {
namespace {

constexpr absl::Duration kJoinGap = absl::Milliseconds(200);
// Through how many machines a new one joins.
constexpr size_t kDoors = 3;
// A ring has come to rest this long after its last machine started.
constexpr absl::Duration kSettle = absl::Seconds(30);
constexpr absl::Duration kLoginWait = absl::Minutes(5);
// Between two calls of one kind, so that not everything happens at one moment.
constexpr absl::Duration kGap = absl::Milliseconds(20);
// First bytes of datagrams of sessions (net/demux.h).
constexpr uint8_t kSessionFirst = 200;
constexpr uint8_t kSessionLast = 207;

}  // namespace

Village::Village(const VillageOptions& options, std::unique_ptr<LatencyModel> latency)
    : options_(options),
      latency_(std::move(latency)),
      world_(options.seed, options.link),
      rng_(options.seed * 7919 + 43),
      authority_(options.seed + 5, world_.wall_now()) {
  UseLatencies(world_, *latency_, options_.seed, options_.broken_pairs);
  world_.SetTap([this](const net::Endpoint&, net::Transmit& transmit) {
    const uint8_t first = transmit.datagram.empty() ? 0 : transmit.datagram[0];
    const bool session = first >= kSessionFirst && first <= kSessionLast;
    (session ? sent_.sessions : sent_.overlay) += transmit.datagram.size() + kDatagramHeaders;
    return true;
  });
}

Village::~Village() = default;

std::string Village::EmailOf(size_t person) {
  return absl::StrCat("person", person, "@example.org");
}

void Village::MakePerson(size_t person) {
  presence::Presence& presence = hosts_[person]->presence();
  P2PD_CHECK(presence.AddRoot(world_.now(), AsBytes(authority_.root().ToPem())).ok());
  const auto csr = presence.CreateIdentity(world_.now(), EmailOf(person), "", SecretBytes());
  P2PD_CHECK(csr.ok());
  const auto contents = pki::ParseCsr(AsBytes(*csr));
  P2PD_CHECK(contents.ok());
  const absl::Time wall = world_.wall_now();
  const auto certificate =
      pki::IssueCertificate(authority_.key(), authority_.root(), *contents,
                            {wall - absl::Hours(1), wall + absl::Hours(24 * 365)});
  P2PD_CHECK(certificate.ok());
  const std::string chain = certificate->ToPem() + authority_.root().ToPem();
  P2PD_CHECK(presence.InstallCertificate(world_.now(), AsBytes(chain), SecretBytes()).ok());
}

std::vector<net::Endpoint> Village::Doors() {
  std::vector<net::Endpoint> up;
  for (const auto& host : hosts_) {
    if (host->active()) up.push_back(host->at());
  }
  for (size_t i = 0; i < std::min(kDoors, up.size()); ++i) {
    std::swap(up[i], up[i + rng_.Below(up.size() - i)]);
  }
  up.resize(std::min(kDoors, up.size()));
  return up;
}

void Village::Return(size_t person) {
  hosts_[person]->SetBootstrap(Doors());
  hosts_[person]->Start();
}

void Village::Start() {
  for (int i = 0; i < options_.people; ++i) {
    const uint64_t seed = rng_.Next();
    hosts_.push_back(std::make_unique<PresenceHost>(world_, seed, Doors()));
    hosts_.back()->Start();
    MakePerson(hosts_.size() - 1);
    world_.RunFor(kJoinGap);
  }
  world_.RunFor(kSettle);
  for (const auto& host : hosts_) {
    host->presence().Login(world_.now(), "");
    host->Kick();
    world_.RunFor(kGap);
  }
  world_.RunUntil(kLoginWait, [&] {
    for (size_t i = 0; i < hosts_.size(); ++i) {
      if (!LoggedIn(i)) return false;
    }
    return true;
  });
}

bool Village::LoggedIn(size_t person) const {
  return hosts_[person]->up() &&
         hosts_[person]->Identity().state == presence::IdentityState::kLoggedIn;
}

std::vector<size_t> Village::FriendsOf(size_t person) const {
  const size_t all = hosts_.size();
  std::set<size_t> friends;
  for (const int distance : options_.distances) {
    const size_t d = static_cast<size_t>(distance) % all;
    friends.insert((person + d) % all);
    friends.insert((person + all - d) % all);
  }
  friends.erase(person);
  return {friends.begin(), friends.end()};
}

void Village::Befriend() {
  for (size_t i = 0; i < hosts_.size(); ++i) {
    for (const size_t other : FriendsOf(i)) {
      P2PD_CHECK(hosts_[i]->AddContact(EmailOf(other)).ok());
      world_.RunFor(kGap);
    }
  }
}

void Village::AddStrangers(int count, int each) {
  const absl::Time wall = world_.wall_now();
  std::vector<std::string> emails;
  for (int i = 0; i < count; ++i) {
    const Person person = authority_.MakePerson(absl::StrCat("stranger", i, "@example.org"));
    wire::v1::UserStateBody body;
    body.set_user_key(ToText(person.key.public_key().spki()));
    *body.mutable_device() = person.device_certificate;
    body.set_flag(wire::v1::UserStateBody::FLAG_OFFLINE);
    body.set_expires(absl::ToUnixSeconds(wall + absl::Hours(24 * 60)));
    body.set_sequence(1);
    const auto state = store::MakeUserState(person.device, body, wall);
    const auto authentication = store::MakeAuthentication(person.key, person.chain, person.email,
                                                          wall + absl::Hours(24 * 300), wall);
    P2PD_CHECK(state.ok() && authentication.ok());
    PresenceHost& host = *hosts_[rng_.Below(hosts_.size())];
    host.store().Put(world_.now(), *authentication);
    host.store().Put(world_.now(), *state);
    host.Kick();
    world_.RunFor(kGap);
    emails.push_back(person.email);
  }
  for (const auto& host : hosts_) {
    for (int i = 0; i < each; ++i)
      std::swap(emails[static_cast<size_t>(i)], emails[rng_.Below(emails.size())]);
    for (int i = 0; i < each; ++i) {
      P2PD_CHECK(host->AddContact(emails[static_cast<size_t>(i)]).ok());
      world_.RunFor(kGap);
    }
  }
}

size_t Village::Shown(size_t person, presence::Availability availability) const {
  size_t shown = 0;
  for (const presence::ContactInfo& contact : hosts_[person]->presence().Contacts("")) {
    if (contact.availability == availability) ++shown;
  }
  return shown;
}

Village::Traffic Village::traffic() const {
  Traffic now = sent_;
  for (const auto& host : hosts_) {
    if (host->up()) now.purposes += host->node().traffic();
  }
  now.purposes = now.purposes - before_;
  return now;
}

void Village::ResetTraffic() {
  sent_ = Traffic();
  before_ = overlay::Traffic();
  for (const auto& host : hosts_) {
    if (host->up()) before_ += host->node().traffic();
  }
}

}  // namespace p2pd::sim
