// What p2pd-verify does: judges one object of the store or one certificate chain from a file, as a
// storing node and a caller would. No daemon, no network, nothing written.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace p2pd::daemon {

struct VerifyOptions {
  std::string file;                // PEM certificates, one DER certificate, or an encoded object
  std::vector<std::string> roots;  // --root: PEM or DER; none: the chain's own root is taken
  std::vector<std::string> crls;   // --crl: PEM or DER
  std::string email;               // --email: must be in the certificate; empty: any
  absl::Time at;                   // --at
};

// What to print and how to end: 0 valid (text for standard output), 1 invalid (the same), 2 the
// judgement could not be made since a file is missing or is none (text for standard error).
struct VerifyOutcome {
  int exit_code = 2;
  std::string text;
};
VerifyOutcome Verify(const VerifyOptions& options);

}  // namespace p2pd::daemon
