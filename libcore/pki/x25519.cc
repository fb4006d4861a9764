#include "libcore/pki/x25519.h"

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {

X25519Key X25519Key::Generate(Rng& rng) {
  SecretBytes secret{Bytes(32)};
  rng.Fill(secret.mutable_view());
  return FromSecret(secret.view());
}

X25519Key X25519Key::FromSecret(ByteView secret) {
  P2PD_CHECK(secret.size() == 32);
  const ossl::Pkey pkey(EVP_PKEY_new_raw_private_key_ex(ossl::Plain(), "X25519", nullptr,
                                                        secret.data(), secret.size()));
  X25519Key key;
  key.secret_ = SecretBytes(secret);
  size_t size = X25519Public::kSize;
  P2PD_CHECK(pkey != nullptr && EVP_PKEY_get_raw_public_key(
                                    pkey.get(), key.public_.mutable_view().data(), &size) == 1);
  return key;
}

std::optional<SecretBytes> X25519Key::Agree(const X25519Public& peer) const {
  const ossl::ErrorScope errors;
  const ossl::Pkey own(EVP_PKEY_new_raw_private_key_ex(ossl::Plain(), "X25519", nullptr,
                                                       secret_.view().data(), secret_.size()));
  const ossl::Pkey other(EVP_PKEY_new_raw_public_key_ex(ossl::Plain(), "X25519", nullptr,
                                                        peer.view().data(), X25519Public::kSize));
  const ossl::PkeyCtx context(EVP_PKEY_CTX_new_from_pkey(ossl::Plain(), own.get(), nullptr));
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
