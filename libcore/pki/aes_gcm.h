// AES-GCM (NIST SP 800-38D) with 128 or 256 bits, in place and without allocation: what aead.h is
// made of.
#pragma once

#include <memory>

#include "libcore/base/bytes.h"

namespace p2pd::pki {

struct AeadNonceTag;
using AeadNonce = FixedBytes<AeadNonceTag, 12>;

// One key, its schedule expanded once; the nonce must never repeat under it. Movable. One thread at
// a time.
class AesGcm {
 public:
  static constexpr size_t kTagSize = 16;

  // `key` has 16 or 32 bytes.
  explicit AesGcm(ByteView key);
  ~AesGcm();
  AesGcm(AesGcm&&) noexcept;
  AesGcm& operator=(AesGcm&&) noexcept;

  // Ciphertext followed by the tag: `out` has plaintext.size() + kTagSize bytes and may start where
  // plaintext does.
  void SealInto(const AeadNonce& nonce, ByteView aad, ByteView plaintext,
                MutableByteView out) const;
  // `out` has sealed.size() - kTagSize bytes and may start where sealed does. False when the tag
  // does not verify; `out` is zeros then.
  bool OpenInto(const AeadNonce& nonce, ByteView aad, ByteView sealed, MutableByteView out) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::pki
