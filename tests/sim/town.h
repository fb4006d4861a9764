// Town: a certificate authority, plain peers and people in one World: what tests of whole journeys
// start from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/crypto.h"
#include "tests/sim/node_host.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class Town {
 public:
  // `peers` nodes that nobody is logged in at, joined into one ring.
  Town(uint64_t seed, int peers, const LinkOptions& options = {});

  World& world() { return world_; }
  NodeHost& peer(size_t index) { return *peers_[index]; }
  size_t peers() const { return peers_.size(); }

  // One more node, joined through the first peer.
  NodeHost& AddNode();
  // A node with an identity of this address: key, CSR, certificate by the authority, root trusted;
  // not logged in.
  NodeHost& AddPerson(const std::string& email, std::optional<net::Endpoint> at = std::nullopt);
  void LogIn(NodeHost& host);

  const pki::Certificate& root() const { return *root_; }
  const pki::UserKey& root_key() const { return *root_key_; }
  pki::Crypto& crypto() { return *crypto_; }
  // PEM of a certificate for the CSR and of the root behind it.
  std::string Issue(const std::string& csr_pem, absl::Duration validity = absl::Hours(24 * 365));

 private:
  World world_;
  SeededRng rng_;
  std::unique_ptr<pki::Crypto> crypto_;
  std::optional<pki::UserKey> root_key_;
  std::optional<pki::Certificate> root_;
  uint64_t seed_;
  std::vector<std::unique_ptr<NodeHost>> peers_;
  std::vector<std::unique_ptr<NodeHost>> people_;
};

}  // namespace p2pd::sim
