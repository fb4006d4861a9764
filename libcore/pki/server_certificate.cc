#include "libcore/pki/server_certificate.h"

#include <array>
#include <utility>

#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"
#include "libcore/pki/subject.h"

namespace p2pd::pki {
namespace {

constexpr size_t kSerialSize = 16;

absl::Status Broken() { return absl::InternalError("OpenSSL cannot build the certificate"); }

// Appends a name of `type` (GEN_DNS or GEN_IPADD) to `names`.
bool AddName(GENERAL_NAMES* names, int type, ByteView bytes) {
  ossl::Owned<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  // An IA5String and an OCTET STRING are both ASN1_STRINGs of their own type.
  ossl::Owned<ASN1_STRING, ASN1_STRING_free> text(
      ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING));
  if (name == nullptr || text == nullptr ||
      ASN1_STRING_set(text.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return false;
  }
  GENERAL_NAME_set0_value(name.get(), type, text.release());
  if (sk_GENERAL_NAME_push(names, name.get()) <= 0) return false;
  name.release();  // the stack owns it
  return true;
}

absl::StatusOr<ossl::GeneralNames> Names(const ServerCertificateOptions& options) {
  ossl::GeneralNames names(sk_GENERAL_NAME_new_null());
  if (names == nullptr) return Broken();
  for (const std::string& dns : options.dns_names) {
    for (const char c : dns) {
      if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
        return absl::InvalidArgumentError("a DNS name has visible ASCII characters only");
      }
    }
    if (dns.empty() || !AddName(names.get(), GEN_DNS, AsBytes(dns))) {
      return absl::InvalidArgumentError("a DNS name is empty");
    }
  }
  for (const Bytes& address : options.addresses) {
    if ((address.size() != 4 && address.size() != 16) ||
        !AddName(names.get(), GEN_IPADD, address)) {
      return absl::InvalidArgumentError("an IP address has 4 or 16 bytes");
    }
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) {
    return absl::InvalidArgumentError("a server certificate needs a name");
  }
  return names;
}

bool AddConstant(X509* x509, int nid, const char* value) {
  const ossl::Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  return extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1;
}

ossl::Integer RandomSerial(Rng& rng) {
  std::array<uint8_t, kSerialSize> bytes;
  rng.Fill(absl::MakeSpan(bytes));
  bytes[0] = static_cast<uint8_t>((bytes[0] & 0x7f) | 0x40);  // positive, always 16 bytes
  const ossl::Number number(BN_bin2bn(bytes.data(), kSerialSize, nullptr));
  return ossl::Integer(BN_to_ASN1_INTEGER(number.get(), nullptr));
}

}  // namespace

absl::StatusOr<Certificate> MakeServerCertificate(const UserKey& key,
                                                  const ServerCertificateOptions& options) {
  const ossl::ErrorScope errors;
  P2PD_ASSIGN_OR_RETURN(const ossl::Name subject, MakeName(options.name));
  P2PD_ASSIGN_OR_RETURN(const ossl::GeneralNames names, Names(options));
  const ossl::Time from = ossl::FromTime(options.not_before);
  const ossl::Time to = ossl::FromTime(options.not_after);
  if (from == nullptr || to == nullptr || options.not_after <= options.not_before) {
    return absl::InvalidArgumentError("the validity must end after it begins, before year 10000");
  }
  const ossl::Cert x509(X509_new_ex(key.crypto().context(), nullptr));
  const ossl::Integer serial = RandomSerial(key.crypto().rng());
  if (x509 == nullptr || serial == nullptr || X509_set_version(x509.get(), X509_VERSION_3) != 1 ||
      X509_set_serialNumber(x509.get(), serial.get()) != 1 ||
      X509_set_subject_name(x509.get(), subject.get()) != 1 ||
      X509_set_issuer_name(x509.get(), subject.get()) != 1 ||
      X509_set1_notBefore(x509.get(), from.get()) != 1 ||
      X509_set1_notAfter(x509.get(), to.get()) != 1 ||
      X509_set_pubkey(x509.get(), key.public_key().evp()) != 1 ||
      !AddConstant(x509.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddConstant(x509.get(), NID_key_usage, "critical,digitalSignature") ||
      !AddConstant(x509.get(), NID_ext_key_usage, "serverAuth") ||
      X509_add1_ext_i2d(x509.get(), NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) !=
          1) {
    return Broken();
  }
  const EVP_MD* const digest =
      key.public_key().kind() == KeyKind::kEd25519 ? nullptr : EVP_sha256();
  if (X509_sign(x509.get(), key.evp(), digest) <= 0) return Broken();
  return Certificate::FromDer(ossl::ToDer(x509.get(), i2d_X509));
}

}  // namespace p2pd::pki
