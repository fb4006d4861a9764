// Files that a person brings: a certificate from an authority, a key from another machine, PKCS#12
// out of a mail program.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/user_key.h"

namespace p2pd::presence {

// Larger files are refused before anything is parsed.
inline constexpr size_t kMaxKeyFile = 64 * 1024;

// What a file that a person brings holds: certificates, a key, or both. PEM, DER or PKCS#12.
struct KeyFile {
  std::optional<pki::UserKey> key;
  std::vector<pki::Certificate> certificates;
};
// InvalidArgument when there is neither; PermissionDenied when the passphrase is wrong.
absl::StatusOr<KeyFile> ReadKeyFile(pki::Crypto& crypto, ByteView file,
                                    const SecretBytes& passphrase);
// The chain from the certificate of `user` to a root among `certificates` or `roots`, which
// verifies by itself at `now`. NotFound when no certificate holds that key; InvalidArgument when
// the chain cannot be completed; FailedPrecondition when it is complete and does not hold (expired,
// …).
absl::StatusOr<pki::CertificateChain> CompleteChain(
    const pki::KeyHash& user, const std::vector<pki::Certificate>& certificates,
    const std::map<pki::CertificateHash, pki::Certificate>& roots, absl::Time now);

}  // namespace p2pd::presence
