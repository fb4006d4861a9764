#include "libcore/pki/revocation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

constexpr char kPemLabel[] = "X509 CRL";
// Bytes: kMaxDer in base 64 with room for text around it.
constexpr size_t kMaxPem = 128 * 1024;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a revocation list: ", what));
}

// A critical extension says that the list is no plain one: partial (issuingDistributionPoint), a
// difference (deltaCRLIndicator), or about other CAs' certificates (certificateIssuer). Read as a
// plain list it would mislead (RFC 5280 §5.2).
bool HasCriticalExtension(X509_CRL* crl) {
  for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
    if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)) != 0) return true;
  }
  const STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* const entry = sk_X509_REVOKED_value(entries, i);
    for (int j = 0; j < X509_REVOKED_get_ext_count(entry); ++j) {
      if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(entry, j)) != 0) return true;
    }
  }
  return false;
}

absl::StatusOr<uint64_t> NumberOf(const X509_CRL* crl) {
  int critical = 0;
  const ossl::Integer number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, &critical, nullptr)));
  uint64_t value = 0;
  if (number == nullptr && critical == -1) return 0;
  if (number == nullptr || ASN1_INTEGER_get_uint64(&value, number.get()) != 1) {
    return Malformed("its number is not one of 64 bits");
  }
  return value;
}

}  // namespace

class Crl::Impl {
 public:
  ossl::CrlPtr crl;
  Bytes der;
  uint64_t number = 0;
  absl::Time this_update;
  absl::Time next_update;
};

absl::StatusOr<Crl> Crl::FromDer(ByteView der) {
  if (der.size() > kMaxDer) return Malformed(absl::StrCat("more than ", kMaxDer, " bytes"));
  const ossl::ErrorScope errors;
  auto impl = std::make_shared<Impl>();
  impl->crl = ossl::ParseDer(ossl::CrlPtr(X509_CRL_new_ex(ossl::Plain(), nullptr)), der,
                             d2i_X509_CRL, i2d_X509_CRL);
  if (impl->crl == nullptr) return Malformed("not one DER value");
  X509_CRL* const crl = impl->crl.get();
  if (HasCriticalExtension(crl)) return Malformed("it is not a plain one");
  P2PD_ASSIGN_OR_RETURN(impl->number, NumberOf(crl));
  const auto this_update = ossl::ToTime(X509_CRL_get0_lastUpdate(crl));
  if (!this_update.has_value()) return Malformed("it has no date");
  impl->this_update = *this_update;
  impl->next_update = ossl::ToTime(X509_CRL_get0_nextUpdate(crl)).value_or(absl::InfinitePast());
  impl->der = ToBytes(der);
  // Sorts the entries, so that later const calls from other threads write nothing.
  const ossl::Integer none(ASN1_INTEGER_new());
  X509_REVOKED* ignored = nullptr;
  X509_CRL_get0_by_serial(crl, &ignored, none.get());
  Crl out;
  out.impl_ = std::move(impl);
  return out;
}

absl::StatusOr<Crl> Crl::FromPem(ByteView pem) {
  if (pem.size() > kMaxPem) return Malformed(absl::StrCat("more than ", kMaxPem, " bytes of PEM"));
  const auto blocks = ossl::FromPem(kPemLabel, pem, 1);
  if (!blocks.has_value()) return Malformed("the PEM text is damaged or holds several");
  if (blocks->empty()) return Malformed("no revocation list in PEM form");
  return FromDer(blocks->front());
}

const Bytes& Crl::der() const { return impl_->der; }
std::string Crl::ToPem() const { return ossl::ToPem(kPemLabel, impl_->der); }
uint64_t Crl::number() const { return impl_->number; }
absl::Time Crl::this_update() const { return impl_->this_update; }
absl::Time Crl::next_update() const { return impl_->next_update; }
X509_CRL* Crl::crl() const { return impl_->crl.get(); }

bool Crl::SignedBy(const Certificate& ca) const {
  const ossl::ErrorScope errors;
  return ca.is_ca() && (X509_get_key_usage(ca.x509()) & KU_CRL_SIGN) != 0 &&
         X509_NAME_cmp(X509_CRL_get_issuer(crl()), X509_get_subject_name(ca.x509())) == 0 &&
         !ossl::IsWeakSignature(X509_CRL_get_signature_nid(crl())) &&
         X509_CRL_verify(crl(), ca.public_key().evp()) == 1;
}

bool Crl::Revokes(const Certificate& certificate) const {
  if (X509_NAME_cmp(X509_CRL_get_issuer(crl()), X509_get_issuer_name(certificate.x509())) != 0) {
    return false;
  }
  X509_REVOKED* entry = nullptr;
  // 2 is an entry 'removeFromCRL': on hold once and free again.
  return X509_CRL_get0_by_serial(crl(), &entry, X509_get0_serialNumber(certificate.x509())) == 1;
}

}  // namespace p2pd::pki
