// A self-signed certificate for a TLS server on this machine: the control door over TCP.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/user_key.h"

namespace p2pd::pki {

struct ServerCertificateOptions {
  std::string name;  // common name, for people
  std::vector<std::string> dns_names;
  std::vector<Bytes> addresses;  // 4 or 16 bytes each, in network order
  absl::Time not_before;
  absl::Time not_after;
};

// End-entity certificate that signs itself, so that a client may take it as its only root:
// digitalSignature, serverAuth, the names as SAN (RFC 5280 §4.2.1.6). InvalidArgument when no name
// is given or one cannot be encoded.
absl::StatusOr<Certificate> MakeServerCertificate(const UserKey& key,
                                                  const ServerCertificateOptions& options);

}  // namespace p2pd::pki
