// A chain as it travels: 16-bit length and DER of each certificate. OpenSSL's own verification of
// the same chain is the oracle: what we accept, it accepts.
#include "absl/time/time.h"
#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/ossl.h"

namespace {

constexpr int64_t kNow = 1795219200;  // 2026-11-21, when the seeds are valid

bool OpensslAccepts(const p2pd::pki::CertificateChain& chain) {
  using p2pd::pki::ossl::Owned;
  const p2pd::pki::ossl::ErrorScope errors;
  const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(
      X509_STORE_CTX_new_ex(p2pd::pki::ossl::Plain(), nullptr));
  STACK_OF(X509)* const untrusted = sk_X509_new_null();
  for (const auto& certificate : chain.certificates()) {
    sk_X509_push(untrusted, certificate.x509());
  }
  X509_STORE_add_cert(store.get(), chain.root().x509());
  X509_STORE_CTX_init(context.get(), store.get(), chain.leaf().x509(), untrusted);
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, kNow);
  X509_VERIFY_PARAM_set_depth(parameters, 10);
  const bool accepted = X509_verify_cert(context.get()) == 1;
  sk_X509_free(untrusted);
  return accepted;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  p2pd::ByteReader reader(p2pd::ByteView(data, size));
  std::vector<p2pd::Bytes> ders;
  while (reader.ok() && reader.remaining() > 0 && ders.size() < 10) {
    ders.push_back(p2pd::ToBytes(reader.Take16()));
  }
  const auto chain = p2pd::pki::CertificateChain::FromDer(ders);
  if (!chain.ok()) return 0;
  P2PD_CHECK(chain->ToDer() == ders);
  const absl::Time now = absl::FromUnixSeconds(kNow);
  const auto verdict = p2pd::pki::VerifySelfContained(*chain, now, "");
  p2pd::pki::TrustStore trust;
  if (trust.AddRoot(chain->root()).ok()) {
    P2PD_CHECK(trust.Verify(*chain, now, {}).fault == verdict.fault);
    P2PD_CHECK(!verdict.ok() || OpensslAccepts(*chain));
  } else {
    P2PD_CHECK(!verdict.ok());
  }
  return 0;
}
