// A private key in PEM. Without a passphrase, so that an input costs no 600,000 rounds: what a
// passphrase opens is the same PKCS#8 again.
#include "libcore/base/check.h"
#include "libcore/pki/user_key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static p2pd::SeededRng rng(1);
  static const auto crypto = p2pd::pki::Crypto::Create(rng);
  const auto key = p2pd::pki::UserKey::FromPem(*crypto, p2pd::ByteView(data, size), {});
  if (key.ok()) {
    const auto pem = key->ToPem({});
    P2PD_CHECK(pem.ok());
    const auto again = p2pd::pki::UserKey::FromPem(*crypto, pem->view(), {});
    P2PD_CHECK(again.ok() && again->public_key().hash() == key->public_key().hash());
  }
  static_cast<void>(p2pd::pki::UserPublicKey::FromSpki(p2pd::ByteView(data, size)));
  return 0;
}
