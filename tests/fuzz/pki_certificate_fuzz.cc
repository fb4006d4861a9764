// A certificate in DER, and the same bytes as PEM text.
#include "libcore/base/check.h"
#include "libcore/pki/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const p2pd::ByteView input(data, size);
  const auto certificate = p2pd::pki::Certificate::FromDer(input);
  if (certificate.ok()) {
    // One certificate, one byte string, in both directions.
    P2PD_CHECK(p2pd::ByteView(certificate->der()) == input);
    const auto again = p2pd::pki::Certificate::FromPem(p2pd::AsBytes(certificate->ToPem()));
    P2PD_CHECK(again.ok() && again->fingerprint() == certificate->fingerprint());
    for (const std::string& email : certificate->emails()) {
      P2PD_CHECK(*p2pd::pki::NormaliseEmail(email) == email);
    }
  }
  const auto all = p2pd::pki::Certificate::AllFromPem(input);
  P2PD_CHECK(!all.ok() || (!all->empty() && all->size() <= 16));
  // The bytes as an address: a normal form stays normal.
  const auto email = p2pd::pki::NormaliseEmail(p2pd::AsText(input));
  if (email.ok()) P2PD_CHECK(*p2pd::pki::NormaliseEmail(*email) == *email);
  return 0;
}
