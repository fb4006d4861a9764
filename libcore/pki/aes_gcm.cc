#include "libcore/pki/aes_gcm.h"

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

class AesGcm::Impl {
 public:
  // The schedule is expanded once; each message sets the nonce and the direction only.
  ossl::CipherCtx context;
};

AesGcm::AesGcm(ByteView key) : impl_(std::make_unique<Impl>()) {
  P2PD_CHECK(key.size() == 16 || key.size() == 32);
  impl_->context.reset(EVP_CIPHER_CTX_new());
  P2PD_CHECK(EVP_CipherInit_ex(impl_->context.get(), Gcm(key.size()), nullptr, key.data(), nullptr,
                               1) == 1);
}

AesGcm::~AesGcm() = default;
AesGcm::AesGcm(AesGcm&&) noexcept = default;
AesGcm& AesGcm::operator=(AesGcm&&) noexcept = default;

void AesGcm::SealInto(const AeadNonce& nonce, ByteView aad, ByteView plaintext,
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

bool AesGcm::OpenInto(const AeadNonce& nonce, ByteView aad, ByteView sealed,
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

}  // namespace p2pd::pki
