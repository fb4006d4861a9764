#include "libcore/pki/ed25519.h"

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {

void PkeyFreer::operator()(evp_pkey_st* pkey) const { EVP_PKEY_free(pkey); }

Ed25519Key Ed25519Key::FromSeed(ByteView seed) {
  P2PD_CHECK(seed.size() == 32);
  Ed25519Key key;
  key.seed_ = SecretBytes(seed);
  key.pkey_.reset(
      EVP_PKEY_new_raw_private_key_ex(ossl::Plain(), "ED25519", nullptr, seed.data(), seed.size()));
  size_t size = Ed25519Public::kSize;
  P2PD_CHECK(
      key.pkey_ != nullptr &&
      EVP_PKEY_get_raw_public_key(key.pkey_.get(), key.public_.mutable_view().data(), &size) == 1);
  return key;
}

Ed25519Key Ed25519Key::Clone() const {
  Ed25519Key key;
  key.seed_ = seed_.Clone();
  key.public_ = public_;
  P2PD_CHECK(EVP_PKEY_up_ref(pkey_.get()) == 1);
  key.pkey_.reset(pkey_.get());
  return key;
}

Ed25519Signature Ed25519Key::Sign(ByteView message) const {
  const ossl::MdCtx context(EVP_MD_CTX_new());
  Ed25519Signature signature;
  size_t size = Ed25519Signature::kSize;
  P2PD_CHECK(EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, ossl::Plain(), nullptr,
                                   pkey_.get(), nullptr) == 1 &&
             EVP_DigestSign(context.get(), signature.mutable_view().data(), &size, message.data(),
                            message.size()) == 1 &&
             size == Ed25519Signature::kSize);
  return signature;
}

bool Ed25519Verify(const Ed25519Public& key, ByteView message, ByteView signature) {
  if (signature.size() != Ed25519Signature::kSize) return false;
  const ossl::ErrorScope errors;
  const ossl::Pkey pkey(EVP_PKEY_new_raw_public_key_ex(ossl::Plain(), "ED25519", nullptr,
                                                       key.view().data(), Ed25519Public::kSize));
  const ossl::MdCtx context(EVP_MD_CTX_new());
  return pkey != nullptr &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, ossl::Plain(), nullptr,
                                 pkey.get(), nullptr) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace p2pd::pki
