// AES-GCM (NIST SP 800-38D) with 128 or 256 bits, as links, sessions, SRTP and stored settings use
// it.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"

namespace p2pd::pki {

struct AeadNonceTag;
using AeadNonce = FixedBytes<AeadNonceTag, 12>;

// One key, its schedule expanded once; the nonce must never repeat under it. Movable. One thread at
// a time.
class Aead {
 public:
  static constexpr size_t kTagSize = 16;

  // `key` has 16 or 32 bytes.
  explicit Aead(ByteView key);
  ~Aead();
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;

  // Ciphertext followed by the tag.
  Bytes Seal(const AeadNonce& nonce, ByteView aad, ByteView plaintext) const;
  // nullopt when the tag does not verify; nothing of the plaintext is given out then.
  std::optional<Bytes> Open(const AeadNonce& nonce, ByteView aad, ByteView sealed) const;

  // Without allocation, for media: `out` has plaintext.size() + kTagSize bytes and may start where
  // plaintext does.
  void SealInto(const AeadNonce& nonce, ByteView aad, ByteView plaintext,
                MutableByteView out) const;
  // `out` has sealed.size() - kTagSize bytes and may start where sealed does. False when the tag
  // does not verify.
  bool OpenInto(const AeadNonce& nonce, ByteView aad, ByteView sealed, MutableByteView out) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A sequence number as nonce, XORed into a fixed 12-byte IV (as TLS 1.3, RFC 8446 §5.3).
AeadNonce NonceFor(const AeadNonce& iv, uint64_t sequence);

// E_k of the design: random nonce ‖ ciphertext ‖ tag under a 32-byte key.
Bytes SealWithKey(ByteView key, ByteView plaintext, Rng& rng);
std::optional<SecretBytes> OpenWithKey(ByteView key, ByteView sealed);

}  // namespace p2pd::pki
