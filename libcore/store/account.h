// Whom a storing node charges for an object: the certificate's root when this node trusts it, else
// the network that put it (design §4, quotas).
#pragma once

#include <set>
#include <string>

#include "libcore/net/endpoint.h"
#include "libcore/store/object.h"

namespace p2pd::store {

// Longest account name, in bytes; longer ones from the wire are refused.
inline constexpr size_t kMaxAccount = 40;

using TrustedRoots = std::set<pki::CertificateHash>;

// "N" and the /24 or /56 of who put it, where that is proved; "U" and that of who brought it from
// somebody else, so that nobody is charged for what he has not sent, and nobody has more than one
// share in each. Loopback and private networks "P", since they are nobody's in particular.
std::string NetworkAccount(const net::IpAddress& address, bool proved = true);
// True for the accounts that no per-network limit binds: trusted roots and private networks.
bool IsExempt(const std::string& account);
// `network` is NetworkAccount of who put it.
std::string AccountFor(const Object& object, const TrustedRoots& roots, const std::string& network);

}  // namespace p2pd::store
