// A certificate request in DER or PEM.
#include "libcore/base/check.h"
#include "libcore/pki/authority.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto csr = p2pd::pki::ParseCsr(p2pd::ByteView(data, size));
  if (csr.ok()) {
    P2PD_CHECK(*p2pd::pki::NormaliseEmail(csr->email) == csr->email);
    P2PD_CHECK(!csr->name.empty());
    P2PD_CHECK(p2pd::pki::UserPublicKey::FromSpki(csr->public_key.spki()).ok());
  }
  return 0;
}
