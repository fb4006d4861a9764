// What guards the TCP door: a certificate made at its first start and a bearer token, both below
// DATA-DIR/control.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"

namespace p2pd::daemon {

struct ControlKeys {
  std::string certificate_pem;  // control/tls.pem, 0644: what a client trusts (--tls-ca)
  std::string key_pem;          // control/tls.key, 0600
  std::string token;            // control/token, 0600: 64 hex digits, or what the owner wrote there
};

// Reads what is there and makes what is missing. A certificate within 30 days of its end is made
// anew with its key. FailedPrecondition when a secret file can be read by others, InvalidArgument
// when the token has fewer than 32 characters or others than visible ASCII, DataLoss when tls.pem
// or tls.key cannot be read as such or do not belong together: gRPC would open a door that lets
// nobody in. Each names the file and what to do.
absl::StatusOr<ControlKeys> LoadControlKeys(const std::string& data_dir, Rng& rng, absl::Time now);

}  // namespace p2pd::daemon
