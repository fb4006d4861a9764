#include "libcore/pki/aes_ctr.h"

#include <climits>

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {

SecretBytes AesCtrKeystream(ByteView key, const std::array<uint8_t, 16>& counter, size_t size) {
  P2PD_CHECK(key.size() == 16 || key.size() == 32);
  P2PD_CHECK(size <= INT_MAX);
  static const EVP_CIPHER* const k128 = EVP_CIPHER_fetch(ossl::Plain(), "AES-128-CTR", nullptr);
  static const EVP_CIPHER* const k256 = EVP_CIPHER_fetch(ossl::Plain(), "AES-256-CTR", nullptr);
  const ossl::CipherCtx context(EVP_CIPHER_CTX_new());
  SecretBytes out{Bytes(size)};
  int written = 0;
  uint8_t* const bytes = out.mutable_view().data();
  P2PD_CHECK(EVP_EncryptInit_ex(context.get(), key.size() == 16 ? k128 : k256, nullptr, key.data(),
                                counter.data()) == 1 &&
             EVP_EncryptUpdate(context.get(), bytes, &written, bytes, static_cast<int>(size)) == 1);
  return out;
}

}  // namespace p2pd::pki
