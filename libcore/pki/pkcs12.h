// PKCS#12 (RFC 7292): how an S/MIME certificate leaves a mail program.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/user_key.h"

namespace p2pd::pki {

struct KeyWithChain {
  UserKey key;
  // The key's own certificate first, then what else the file holds.
  std::vector<Certificate> certificates;
};

// At most 64 KiB. PermissionDenied when the passphrase is wrong, InvalidArgument when it is no
// PKCS#12 or has no key.
absl::StatusOr<KeyWithChain> ParsePkcs12(Crypto& crypto, ByteView der,
                                         const SecretBytes& passphrase);
absl::StatusOr<SecretBytes> MakePkcs12(const UserKey& key, const std::vector<Certificate>& chain,
                                       absl::string_view friendly_name,
                                       const SecretBytes& passphrase);

}  // namespace p2pd::pki
