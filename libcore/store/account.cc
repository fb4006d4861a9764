#include "libcore/store/account.h"

#include "absl/strings/str_cat.h"

namespace p2pd::store {
namespace {

constexpr char kNetwork = 'N';
constexpr char kBearer = 'U';
constexpr char kPrivate = 'P';
constexpr char kRoot = 'R';

}  // namespace

std::string NetworkAccount(const net::IpAddress& address, bool proved) {
  const char kind = address.IsPrivate() ? kPrivate : (proved ? kNetwork : kBearer);
  const net::IpAddress network = net::NetworkOf(address);
  return absl::StrCat(std::string(1, kind), AsText(network.bytes()));
}

bool IsExempt(const std::string& account) {
  return !account.empty() && account[0] != kNetwork && account[0] != kBearer;
}

std::string AccountFor(const Object& object, const TrustedRoots& roots,
                       const std::string& network) {
  if (object.kind() != wire::v1::OBJECT_KIND_AUTHENTICATION) return network;
  const pki::CertificateHash& root = object.chain().root().fingerprint();
  if (roots.count(root) == 0) return network;
  return absl::StrCat(std::string(1, kRoot), root.text());
}

}  // namespace p2pd::store
