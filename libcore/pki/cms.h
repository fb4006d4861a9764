// E_pk of the design: CMS AuthEnvelopedData with AES-256-GCM (RFC 5083) to one certificate. Never
// CBC: there a changed ciphertext was accepted.
#pragma once

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/user_key.h"

namespace p2pd::pki {

// DER. The certificate's key is P-256 (ECDH) or RSA (key transport).
absl::StatusOr<Bytes> CmsEncrypt(Crypto& crypto, const Certificate& to, ByteView plaintext);
// PermissionDenied when the key does not fit or the content was changed; nothing is given out then.
absl::StatusOr<SecretBytes> CmsDecrypt(const UserKey& key, const Certificate& certificate,
                                       ByteView cms);

}  // namespace p2pd::pki
