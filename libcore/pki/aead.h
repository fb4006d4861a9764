// Authenticated encryption as links, sessions, SRTP and stored settings use it: AES-GCM and the
// forms of its messages.
#pragma once

#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/pki/aes_gcm.h"

namespace p2pd::pki {

// AesGcm with its results in buffers of their own.
class Aead : public AesGcm {
 public:
  using AesGcm::AesGcm;

  // Ciphertext followed by the tag.
  Bytes Seal(const AeadNonce& nonce, ByteView aad, ByteView plaintext) const;
  // nullopt when the tag does not verify; nothing of the plaintext is given out then.
  std::optional<Bytes> Open(const AeadNonce& nonce, ByteView aad, ByteView sealed) const;
};

// A sequence number as nonce, XORed into a fixed 12-byte IV (as TLS 1.3, RFC 8446 §5.3).
AeadNonce NonceFor(const AeadNonce& iv, uint64_t sequence);

// E_k of the design: random nonce ‖ ciphertext ‖ tag under a 32-byte key.
Bytes SealWithKey(ByteView key, ByteView plaintext, Rng& rng);
std::optional<SecretBytes> OpenWithKey(ByteView key, ByteView sealed);

}  // namespace p2pd::pki
