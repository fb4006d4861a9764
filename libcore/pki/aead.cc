#include "libcore/pki/aead.h"

#include <climits>

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

const EVP_CIPHER* Gcm(size_t key_size) {
  static const EVP_CIPHER* const k128 = EVP_CIPHER_fetch(ossl::Plain(), "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const k256 = EVP_CIPHER_fetch(ossl::Plain(), "AES-256-GCM", nullptr);
  return key_size == 16 ? k128 : k256;
}

// An EVP update with sizes checked; data may be empty.
bool Update(EVP_CIPHER_CTX* context, uint8_t* out, ByteView in) {
  if (in.empty()) return true;
  P2PD_CHECK(in.size() <= INT_MAX);
  int size = 0;
  return EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(in.size())) == 1;
}

}  // namespace

class Aead::Impl {
 public:
  // The schedule is expanded once; each message sets the nonce and the direction only.
  ossl::CipherCtx context;
};

Aead::Aead(ByteView key) : impl_(std::make_unique<Impl>()) {
  P2PD_CHECK(key.size() == 16 || key.size() == 32);
  impl_->context.reset(EVP_CIPHER_CTX_new());
  P2PD_CHECK(EVP_CipherInit_ex(impl_->context.get(), Gcm(key.size()), nullptr, key.data(), nullptr,
                               1) == 1);
}

Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::SealInto(const AeadNonce& nonce, ByteView aad, ByteView plaintext,
                    MutableByteView out) const {
  P2PD_CHECK(out.size() == plaintext.size() + kTagSize);
  EVP_CIPHER_CTX* const context = impl_->context.get();
  int none = 0;
  uint8_t* const tag = out.data() + plaintext.size();
  P2PD_CHECK(EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.view().data(), 1) == 1 &&
             Update(context, nullptr, aad) && Update(context, out.data(), plaintext) &&
             EVP_CipherFinal_ex(context, tag, &none) == 1 &&
             EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1);
}

bool Aead::OpenInto(const AeadNonce& nonce, ByteView aad, ByteView sealed,
                    MutableByteView out) const {
  if (sealed.size() < kTagSize) return false;
  const ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
  P2PD_CHECK(out.size() == ciphertext.size());
  EVP_CIPHER_CTX* const context = impl_->context.get();
  // OpenSSL's interface wants the expected tag writable; it does not write.
  std::array<uint8_t, kTagSize> tag;
  std::copy(sealed.end() - kTagSize, sealed.end(), tag.begin());
  int none = 0;
  std::array<uint8_t, kTagSize> end;
  const bool good =
      EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.view().data(), 0) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
      Update(context, nullptr, aad) && Update(context, out.data(), ciphertext) &&
      EVP_CipherFinal_ex(context, end.data(), &none) == 1;
  if (!good) Wipe(out);
  return good;
}

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
