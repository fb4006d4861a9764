#include "libcore/pki/aead.h"

#include "libcore/base/check.h"

namespace p2pd::pki {

Bytes Aead::Seal(const AeadNonce& nonce, ByteView aad, ByteView plaintext) const {
  Bytes out(plaintext.size() + kTagSize);
  SealInto(nonce, aad, plaintext, absl::MakeSpan(out));
  return out;
}

std::optional<Bytes> Aead::Open(const AeadNonce& nonce, ByteView aad, ByteView sealed) const {
  if (sealed.size() < kTagSize) return std::nullopt;
  Bytes out(sealed.size() - kTagSize);
  if (!OpenInto(nonce, aad, sealed, absl::MakeSpan(out))) return std::nullopt;
  return out;
}

AeadNonce NonceFor(const AeadNonce& iv, uint64_t sequence) {
  AeadNonce nonce = iv;
  for (size_t i = 0; i < 8; ++i) {
    nonce.mutable_view()[AeadNonce::kSize - 1 - i] ^= static_cast<uint8_t>(sequence >> (8 * i));
  }
  return nonce;
}

Bytes SealWithKey(ByteView key, ByteView plaintext, Rng& rng) {
  P2PD_CHECK(key.size() == 32);
  const AeadNonce nonce = rng.Make<AeadNonce>();
  Bytes out = ToBytes(nonce.view());
  out.resize(AeadNonce::kSize + plaintext.size() + Aead::kTagSize);
  Aead(key).SealInto(nonce, {}, plaintext, absl::MakeSpan(out).subspan(AeadNonce::kSize));
  return out;
}

std::optional<SecretBytes> OpenWithKey(ByteView key, ByteView sealed) {
  P2PD_CHECK(key.size() == 32);
  if (sealed.size() < AeadNonce::kSize + Aead::kTagSize) return std::nullopt;
  const AeadNonce nonce = *AeadNonce::FromView(sealed.first(AeadNonce::kSize));
  sealed.remove_prefix(AeadNonce::kSize);
  SecretBytes out{Bytes(sealed.size() - Aead::kTagSize)};
  if (!Aead(key).OpenInto(nonce, {}, sealed, out.mutable_view())) return std::nullopt;
  return out;
}

}  // namespace p2pd::pki
