// A revocation list in DER, and the same bytes as PEM text.
#include "libcore/base/check.h"
#include "libcore/pki/revocation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const p2pd::ByteView input(data, size);
  const auto crl = p2pd::pki::Crl::FromDer(input);
  if (crl.ok()) {
    P2PD_CHECK(p2pd::ByteView(crl->der()) == input);
    const auto again = p2pd::pki::Crl::FromPem(p2pd::AsBytes(crl->ToPem()));
    P2PD_CHECK(again.ok() && again->number() == crl->number() &&
               again->next_update() == crl->next_update());
  }
  static_cast<void>(p2pd::pki::Crl::FromPem(input));
  return 0;
}
