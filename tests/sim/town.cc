#include "tests/sim/town.h"

#include <utility>

#include "libcore/base/check.h"

namespace p2pd::sim {

Town::Town(uint64_t seed, int peers, const LinkOptions& options)
    : world_(seed, options), rng_(seed + 1), crypto_(pki::Crypto::Create(rng_)), seed_(seed) {
  auto key = pki::UserKey::GenerateP256(*crypto_);
  P2PD_CHECK(key.ok());
  root_key_ = *std::move(key);
  pki::RootOptions root;
  root.name = "Town CA";
  root.not_before = world_.wall_now() - absl::Hours(1);
  root.not_after = world_.wall_now() + absl::Hours(24 * 3650);
  auto made = pki::MakeRoot(*root_key_, root);
  P2PD_CHECK(made.ok());
  root_ = *std::move(made);
  for (int i = 0; i < peers; ++i) AddNode();
  world_.RunFor(absl::Seconds(30));
}

NodeHost& Town::AddNode() {
  std::vector<net::Endpoint> bootstrap;
  if (!peers_.empty()) bootstrap.push_back(peers_.front()->at());
  const uint64_t seed = seed_ * 1000 + peers_.size() + 100 * people_.size() + 7;
  peers_.push_back(std::make_unique<NodeHost>(world_, world_.NextEndpoint(), bootstrap, seed));
  return *peers_.back();
}

std::string Town::Issue(const std::string& csr_pem, absl::Duration validity) {
  auto csr = pki::ParseCsr(AsBytes(csr_pem));
  P2PD_CHECK(csr.ok());
  pki::IssueOptions options;
  options.not_before = world_.wall_now() - absl::Minutes(5);
  options.not_after = world_.wall_now() + validity;
  auto certificate = pki::IssueCertificate(*root_key_, *root_, *csr, options);
  P2PD_CHECK(certificate.ok());
  return certificate->ToPem() + root_->ToPem();
}

NodeHost& Town::AddPerson(const std::string& email, std::optional<net::Endpoint> at) {
  people_.push_back(std::make_unique<NodeHost>(world_, at ? *at : world_.NextEndpoint(),
                                               std::vector<net::Endpoint>{peers_.front()->at()},
                                               seed_ * 1000 + 500 + people_.size()));
  NodeHost& host = *people_.back();
  presence::Presence& presence = host.node().presence();
  auto csr = presence.CreateIdentity(world_.now(), email, "Person " + email, SecretBytes());
  P2PD_CHECK(csr.ok());
  P2PD_CHECK(presence.AddRoot(world_.now(), AsBytes(root_->ToPem())).ok());
  auto installed = presence.InstallCertificate(world_.now(), AsBytes(Issue(*csr)), SecretBytes());
  P2PD_CHECK(installed.ok());
  host.node().Pump(world_.now());
  host.Kick();
  world_.RunFor(absl::Seconds(10));
  return host;
}

void Town::LogIn(NodeHost& host) {
  const absl::Status status = host.Await(host.node().Login(world_.now(), ""));
  P2PD_CHECK(status.ok());
}

}  // namespace p2pd::sim
