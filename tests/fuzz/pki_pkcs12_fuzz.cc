// A PKCS#12 file under the passphrase "p".
#include "libcore/base/check.h"
#include "libcore/pki/pkcs12.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static p2pd::SeededRng rng(1);
  static const auto crypto = p2pd::pki::Crypto::Create(rng);
  const auto held = p2pd::pki::ParsePkcs12(*crypto, p2pd::ByteView(data, size),
                                           p2pd::SecretBytes(p2pd::AsBytes("p")));
  if (held.ok()) {
    P2PD_CHECK(!held->certificates.empty());
    P2PD_CHECK(held->certificates[0].public_key().hash() == held->key.public_key().hash());
  }
  return 0;
}
