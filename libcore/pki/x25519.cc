#include "libcore/pki/x25519.h"

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {

X25519Key X25519Key::FromSecret(ByteView secret) {
  P2PD_CHECK(secret.size() == 32);
  X25519Key key;
  key.secret_ = SecretBytes(secret);
  key.pkey_.reset(EVP_PKEY_new_raw_private_key_ex(ossl::Plain(), "X25519", nullptr, secret.data(),
                                                  secret.size()));
  size_t size = X25519Public::kSize;
  P2PD_CHECK(
      key.pkey_ != nullptr &&
      EVP_PKEY_get_raw_public_key(key.pkey_.get(), key.public_.mutable_view().data(), &size) == 1);
  return key;
}

X25519Key X25519Key::Clone() const {
  X25519Key key;
  key.secret_ = secret_.Clone();
  key.public_ = public_;
  P2PD_CHECK(EVP_PKEY_up_ref(pkey_.get()) == 1);
  key.pkey_.reset(pkey_.get());
  return key;
}

std::optional<SecretBytes> X25519Key::Agree(const X25519Public& peer) const {
  const ossl::ErrorScope errors;
  const ossl::Pkey other(EVP_PKEY_new_raw_public_key_ex(ossl::Plain(), "X25519", nullptr,
                                                        peer.view().data(), X25519Public::kSize));
  const ossl::PkeyCtx context(EVP_PKEY_CTX_new_from_pkey(ossl::Plain(), pkey_.get(), nullptr));
  SecretBytes shared{Bytes(32)};
  size_t size = shared.size();
  // Every 32-byte string is an acceptable public key (RFC 7748 §5), so it is not validated; the
  // derivation itself refuses a shared secret of zeros.
  if (other == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), other.get(), 0) != 1 ||
      EVP_PKEY_derive(context.get(), shared.mutable_view().data(), &size) != 1 || size != 32) {
    return std::nullopt;
  }
  return shared;
}

}  // namespace p2pd::pki
