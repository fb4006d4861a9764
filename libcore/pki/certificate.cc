#include "libcore/pki/certificate.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"
#include "libcore/pki/subject.h"

namespace p2pd::pki {
namespace {

constexpr char kPemLabel[] = "CERTIFICATE";
// Certificates in one PEM file, and bytes of it: 16 of 8 KiB in base 64 with text around them.
constexpr size_t kMaxPemBlocks = 16;
constexpr size_t kMaxPem = 256 * 1024;
// Bytes of a serial number (RFC 5280 §4.1.2.2).
constexpr size_t kMaxSerial = 20;
absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a certificate: ", what));
}

absl::StatusOr<std::vector<std::string>> Emails(const X509* x509) {
  int critical = 0;
  const ossl::GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, nullptr)));
  if (names == nullptr) {
    if (critical == -1) return std::vector<std::string>();  // there is none
    return Malformed("its alternative names cannot be read");
  }
  auto emails = EmailsOf(names.get());
  if (!emails.ok()) return Malformed(emails.status().message());
  return *std::move(emails);
}

absl::StatusOr<std::string> SerialHex(const X509* x509) {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(x509);
  const size_t size = static_cast<size_t>(ASN1_STRING_length(serial));
  if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER || size > kMaxSerial) {
    return Malformed("its serial number is negative or longer than 20 bytes");
  }
  return Hex(ByteView(ASN1_STRING_get0_data(serial), size));
}

}  // namespace

class Certificate::Impl {
 public:
  ossl::Cert x509;
  Bytes der;
  CertificateHash fingerprint;
  UserPublicKey public_key;
  std::string name;
  std::string subject;
  std::string issuer;
  std::vector<std::string> emails;
  absl::Time not_before;
  absl::Time not_after;
  std::string serial_hex;
  bool is_ca = false;
  bool self_issued = false;
};

absl::StatusOr<Certificate> Certificate::FromDer(ByteView der) {
  if (der.size() > kMaxDer) return Malformed(absl::StrCat("more than ", kMaxDer, " bytes"));
  const ossl::ErrorScope errors;
  auto impl = std::make_shared<Impl>();
  impl->x509 =
      ossl::ParseDer(ossl::Cert(X509_new_ex(ossl::Plain(), nullptr)), der, d2i_X509, i2d_X509);
  if (impl->x509 == nullptr) return Malformed("not one DER value");
  X509* const x509 = impl->x509.get();
  // Reads all extensions once, so that later const calls from other threads write nothing.
  X509_check_purpose(x509, -1, 0);
  if ((X509_get_extension_flags(x509) & EXFLAG_INVALID) != 0) {
    return Malformed("an extension of it cannot be read");
  }
  impl->der = ToBytes(der);
  impl->fingerprint = *CertificateHash::FromView(Sha256(der).view());
  auto public_key =
      UserPublicKey::FromSpki(ossl::ToDer(X509_get_X509_PUBKEY(x509), i2d_X509_PUBKEY));
  if (!public_key.ok()) return Malformed(public_key.status().message());
  impl->public_key = *std::move(public_key);
  impl->name = CommonName(X509_get_subject_name(x509));
  impl->subject = OneLine(X509_get_subject_name(x509));
  impl->issuer = OneLine(X509_get_issuer_name(x509));
  P2PD_ASSIGN_OR_RETURN(impl->emails, Emails(x509));
  const auto not_before = ossl::ToTime(X509_get0_notBefore(x509));
  const auto not_after = ossl::ToTime(X509_get0_notAfter(x509));
  if (!not_before.has_value() || !not_after.has_value()) return Malformed("its dates are none");
  impl->not_before = *not_before;
  impl->not_after = *not_after;
  P2PD_ASSIGN_OR_RETURN(impl->serial_hex, SerialHex(x509));
  // The flag alone; what the key may be used for is judged with the chain.
  impl->is_ca = (X509_get_extension_flags(x509) & EXFLAG_CA) != 0;
  impl->self_issued = X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) == 0;
  Certificate certificate;
  certificate.impl_ = std::move(impl);
  return certificate;
}

absl::StatusOr<Certificate> Certificate::FromPem(ByteView pem) {
  P2PD_ASSIGN_OR_RETURN(const std::vector<Certificate> all, AllFromPem(pem));
  return all.front();
}

absl::StatusOr<std::vector<Certificate>> Certificate::AllFromPem(ByteView pem) {
  if (pem.size() > kMaxPem) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxPem, " bytes of PEM"));
  }
  const auto blocks = ossl::FromPem(kPemLabel, pem, kMaxPemBlocks);
  if (!blocks.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("the PEM text is damaged or holds more than ",
                                                   kMaxPemBlocks, " certificates"));
  }
  if (blocks->empty()) return absl::InvalidArgumentError("no certificate in PEM form");
  std::vector<Certificate> out;
  for (const Bytes& der : *blocks) {
    P2PD_ASSIGN_OR_RETURN(Certificate certificate, FromDer(der));
    out.push_back(std::move(certificate));
  }
  return out;
}

const Bytes& Certificate::der() const { return impl_->der; }
std::string Certificate::ToPem() const { return ossl::ToPem(kPemLabel, impl_->der); }
const CertificateHash& Certificate::fingerprint() const { return impl_->fingerprint; }
const UserPublicKey& Certificate::public_key() const { return impl_->public_key; }
const std::string& Certificate::name() const { return impl_->name; }
const std::string& Certificate::subject() const { return impl_->subject; }
const std::string& Certificate::issuer() const { return impl_->issuer; }
const std::vector<std::string>& Certificate::emails() const { return impl_->emails; }
absl::Time Certificate::not_before() const { return impl_->not_before; }
absl::Time Certificate::not_after() const { return impl_->not_after; }
std::string Certificate::serial_hex() const { return impl_->serial_hex; }
bool Certificate::is_ca() const { return impl_->is_ca; }
bool Certificate::IsSelfIssued() const { return impl_->self_issued; }
X509* Certificate::x509() const { return impl_->x509.get(); }

bool Certificate::HasEmail(absl::string_view normalised_email) const {
  for (const std::string& email : impl_->emails) {
    if (email == normalised_email) return true;
  }
  return false;
}

}  // namespace p2pd::pki
