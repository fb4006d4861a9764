#include "libcore/pki/authority.h"

#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"
#include "libcore/pki/subject.h"

namespace p2pd::pki {
namespace {

constexpr char kCsrLabel[] = "CERTIFICATE REQUEST";
constexpr char kOldCsrLabel[] = "NEW CERTIFICATE REQUEST";
constexpr size_t kMaxCsr = 8192;
// Bytes: SHA-256 cut to 160 bits (RFC 7093 §2, method 1).
constexpr size_t kKeyIdSize = 20;
constexpr size_t kSerialSize = 16;
// Entries of one CRL: as many fit into Crl::kMaxDer.
constexpr size_t kMaxRevoked = 1024;

using Revoked = ossl::Owned<X509_REVOKED, X509_REVOKED_free>;

// Ed25519 hashes by itself.
const EVP_MD* DigestFor(const UserKey& key) {
  return key.public_key().kind() == KeyKind::kEd25519 ? nullptr : EVP_sha256();
}

absl::Status Broken() { return absl::InternalError("OpenSSL cannot build the certificate"); }

bool AddConstant(X509* x509, int nid, const char* value) {
  const ossl::Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  return extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1;
}

bool AddValue(X509* x509, int nid, void* value, bool critical) {
  return X509_add1_ext_i2d(x509, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1;
}

bool AddKeyId(X509* x509, const UserPublicKey& key) {
  const ossl::OctetString id(ASN1_OCTET_STRING_new());
  return id != nullptr &&
         ASN1_OCTET_STRING_set(id.get(), key.hash().view().data(), kKeyIdSize) == 1 &&
         AddValue(x509, NID_subject_key_identifier, id.get(), false);
}

// The issuer's key id, when it has one.
ossl::Owned<AUTHORITY_KEYID, AUTHORITY_KEYID_free> AuthorityKeyId(const Certificate& ca) {
  const ASN1_OCTET_STRING* const id = X509_get0_subject_key_id(ca.x509());
  if (id == nullptr) return nullptr;
  ossl::Owned<AUTHORITY_KEYID, AUTHORITY_KEYID_free> out(AUTHORITY_KEYID_new());
  P2PD_CHECK(out != nullptr);
  out->keyid = ASN1_OCTET_STRING_dup(id);
  return out;
}

bool AddAuthorityKeyId(X509* x509, const Certificate& ca) {
  const auto id = AuthorityKeyId(ca);
  return id == nullptr || AddValue(x509, NID_authority_key_identifier, id.get(), false);
}

bool AddBasicConstraints(X509* x509, int path_length) {
  const ossl::Owned<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free> constraints(BASIC_CONSTRAINTS_new());
  if (constraints == nullptr) return false;
  constraints->ca = 0xff;
  constraints->pathlen = ASN1_INTEGER_new();
  return constraints->pathlen != nullptr &&
         ASN1_INTEGER_set(constraints->pathlen, path_length) == 1 &&
         AddValue(x509, NID_basic_constraints, constraints.get(), true);
}

// permittedSubtrees of rfc822Name (RFC 5280 §4.2.1.10).
bool AddPermittedDomains(X509* x509, const std::vector<std::string>& domains) {
  if (domains.empty()) return true;
  const ossl::Owned<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free> constraints(NAME_CONSTRAINTS_new());
  if (constraints == nullptr) return false;
  constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
  for (const std::string& domain : domains) {
    ossl::Owned<GENERAL_SUBTREE, GENERAL_SUBTREE_free> subtree(GENERAL_SUBTREE_new());
    ossl::Owned<ASN1_IA5STRING, ASN1_IA5STRING_free> text(ASN1_IA5STRING_new());
    if (subtree == nullptr || text == nullptr ||
        ASN1_STRING_set(text.get(), domain.data(), static_cast<int>(domain.size())) != 1) {
      return false;
    }
    GENERAL_NAME_set0_value(subtree->base, GEN_EMAIL, text.release());
    if (sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, subtree.get()) <= 0) return false;
    subtree.release();  // the stack owns it
  }
  return AddValue(x509, NID_name_constraints, constraints.get(), true);
}

// 128 bits of which the first byte is 0x41..0x7f or so: positive, and always 16 bytes long.
ossl::Integer RandomSerial(Rng& rng) {
  std::array<uint8_t, kSerialSize> bytes;
  rng.Fill(absl::MakeSpan(bytes));
  bytes[0] = static_cast<uint8_t>((bytes[0] & 0x7f) | 0x40);
  const ossl::Number number(BN_bin2bn(bytes.data(), kSerialSize, nullptr));
  return ossl::Integer(BN_to_ASN1_INTEGER(number.get(), nullptr));
}

struct Fields {
  const X509_NAME* subject;
  const X509_NAME* issuer;
  absl::Time not_before;
  absl::Time not_after;
};

// Version, serial, names, dates and key of a certificate that `signer` is to sign.
absl::StatusOr<ossl::Cert> Begin(const UserKey& signer, const UserPublicKey& key,
                                 const Fields& fields) {
  const ossl::Time from = ossl::FromTime(fields.not_before);
  const ossl::Time to = ossl::FromTime(fields.not_after);
  if (from == nullptr || to == nullptr || fields.not_after <= fields.not_before) {
    return absl::InvalidArgumentError("the validity must end after it begins, before year 10000");
  }
  ossl::Cert x509(X509_new_ex(signer.crypto().context(), nullptr));
  const ossl::Integer serial = RandomSerial(signer.crypto().rng());
  if (x509 == nullptr || serial == nullptr || X509_set_version(x509.get(), X509_VERSION_3) != 1 ||
      X509_set_serialNumber(x509.get(), serial.get()) != 1 ||
      X509_set_subject_name(x509.get(), fields.subject) != 1 ||
      X509_set_issuer_name(x509.get(), fields.issuer) != 1 ||
      X509_set1_notBefore(x509.get(), from.get()) != 1 ||
      X509_set1_notAfter(x509.get(), to.get()) != 1 ||
      X509_set_pubkey(x509.get(), key.evp()) != 1) {
    return Broken();
  }
  return x509;
}

absl::StatusOr<Certificate> Finish(const UserKey& signer, X509* x509) {
  if (X509_sign(x509, signer.evp(), DigestFor(signer)) <= 0) return Broken();
  return Certificate::FromDer(ossl::ToDer(x509, i2d_X509));
}

absl::Status CheckDomains(const std::vector<std::string>& domains) {
  for (const std::string& domain : domains) {
    // ".example.org" stands for the hosts below it.
    const size_t skip = domain.rfind('.', 0) == 0 ? 1 : 0;
    const auto probe = NormaliseEmail(absl::StrCat("a@", domain.substr(skip)));
    bool ascii = true;
    for (const char c : domain) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
    if (!probe.ok() || !ascii) {
      return absl::InvalidArgumentError(absl::StrCat("not a domain for e-mail: ", domain));
    }
  }
  return absl::OkStatus();
}

absl::Status AddCaExtensions(X509* x509, const UserPublicKey& key, const RootOptions& options) {
  if (options.path_length < 0) return absl::InvalidArgumentError("a path length is not negative");
  P2PD_RETURN_IF_ERROR(CheckDomains(options.permitted_domains));
  if (!AddBasicConstraints(x509, options.path_length) ||
      !AddConstant(x509, NID_key_usage, "critical,keyCertSign,cRLSign") || !AddKeyId(x509, key) ||
      !AddPermittedDomains(x509, options.permitted_domains)) {
    return Broken();
  }
  return absl::OkStatus();
}

absl::Status CheckThatKeyFits(const UserKey& ca_key, const Certificate& ca) {
  if (!(ca_key.public_key().hash() == ca.public_key().hash())) {
    return absl::InvalidArgumentError("the CA's key does not belong to the CA's certificate");
  }
  if (!ca.is_ca()) return absl::InvalidArgumentError("the certificate is not that of a CA");
  return absl::OkStatus();
}

// The addresses that a request names, in its SAN or, as older programs do it, in its subject.
absl::StatusOr<std::set<std::string>> EmailsOfRequest(X509_REQ* req) {
  std::set<std::string> emails;
  STACK_OF(X509_EXTENSION)* const extensions = X509_REQ_get_extensions(req);
  const ossl::GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  P2PD_ASSIGN_OR_RETURN(const std::vector<std::string> in_san, EmailsOf(names.get()));
  emails.insert(in_san.begin(), in_san.end());
  const X509_NAME* const subject = X509_REQ_get_subject_name(req);
  const int at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, -1);
  if (at >= 0) {
    const ASN1_STRING* const text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    const auto email = NormaliseEmail(AsText(
        ByteView(ASN1_STRING_get0_data(text), static_cast<size_t>(ASN1_STRING_length(text)))));
    if (email.ok()) emails.insert(*email);
  }
  return emails;
}

absl::StatusOr<Bytes> DerOfRequest(ByteView csr) {
  if (csr.size() > kMaxCsr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate request has more than ", kMaxCsr, " bytes"));
  }
  if (!csr.empty() && csr[0] == 0x30) return ToBytes(csr);  // a DER SEQUENCE
  for (const char* label : {kCsrLabel, kOldCsrLabel}) {
    const auto blocks = ossl::FromPem(label, csr, 1);
    if (blocks.has_value() && blocks->size() == 1) return blocks->front();
  }
  return absl::InvalidArgumentError("no certificate request, neither in DER nor in PEM form");
}

bool AddEntry(X509_CRL* crl, const RevokedEntry& entry) {
  const auto bytes = FromHex(entry.serial_hex);
  const ossl::Time date = ossl::FromTime(entry.revoked_at);
  Revoked revoked(X509_REVOKED_new());
  if (!bytes.has_value() || bytes->empty() || date == nullptr || revoked == nullptr) return false;
  const ossl::Number number(BN_bin2bn(bytes->data(), static_cast<int>(bytes->size()), nullptr));
  const ossl::Integer serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  if (serial == nullptr || X509_REVOKED_set_serialNumber(revoked.get(), serial.get()) != 1 ||
      X509_REVOKED_set_revocationDate(revoked.get(), date.get()) != 1 ||
      X509_CRL_add0_revoked(crl, revoked.get()) != 1) {
    return false;
  }
  revoked.release();  // the list owns it
  return true;
}

bool AddCrlExtensions(X509_CRL* crl, const Certificate& ca, uint64_t number) {
  const ossl::Integer value(ASN1_INTEGER_new());
  const auto id = AuthorityKeyId(ca);
  return value != nullptr && ASN1_INTEGER_set_uint64(value.get(), number) == 1 &&
         X509_CRL_add1_ext_i2d(crl, NID_crl_number, value.get(), 0, X509V3_ADD_DEFAULT) == 1 &&
         (id == nullptr || X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id.get(), 0,
                                                 X509V3_ADD_DEFAULT) == 1);
}

}  // namespace

absl::StatusOr<Certificate> MakeRoot(const UserKey& key, const RootOptions& options) {
  const ossl::ErrorScope errors;
  P2PD_ASSIGN_OR_RETURN(const ossl::Name name, MakeName(options.name));
  P2PD_ASSIGN_OR_RETURN(const ossl::Cert x509,
                        Begin(key, key.public_key(),
                              {name.get(), name.get(), options.not_before, options.not_after}));
  P2PD_RETURN_IF_ERROR(AddCaExtensions(x509.get(), key.public_key(), options));
  return Finish(key, x509.get());
}

absl::StatusOr<Certificate> MakeIntermediate(const UserKey& ca_key, const Certificate& ca,
                                             const UserPublicKey& key, const RootOptions& options) {
  const ossl::ErrorScope errors;
  P2PD_RETURN_IF_ERROR(CheckThatKeyFits(ca_key, ca));
  P2PD_ASSIGN_OR_RETURN(const ossl::Name name, MakeName(options.name));
  P2PD_ASSIGN_OR_RETURN(const ossl::Cert x509, Begin(ca_key, key,
                                                     {name.get(), X509_get_subject_name(ca.x509()),
                                                      options.not_before, options.not_after}));
  P2PD_RETURN_IF_ERROR(AddCaExtensions(x509.get(), key, options));
  if (!AddAuthorityKeyId(x509.get(), ca)) return Broken();
  return Finish(ca_key, x509.get());
}

absl::StatusOr<Bytes> MakeCsr(const UserKey& key, absl::string_view name, absl::string_view email) {
  const ossl::ErrorScope errors;
  P2PD_ASSIGN_OR_RETURN(const std::string normal, NormaliseEmail(email));
  P2PD_ASSIGN_OR_RETURN(const ossl::Name subject, MakeName(name));
  P2PD_ASSIGN_OR_RETURN(const ossl::GeneralNames names, NamesWithEmail(normal));
  const ossl::Req req(X509_REQ_new_ex(key.crypto().context(), nullptr));
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  const bool ok =
      req != nullptr && X509_REQ_set_version(req.get(), X509_REQ_VERSION_1) == 1 &&
      X509_REQ_set_subject_name(req.get(), subject.get()) == 1 &&
      X509_REQ_set_pubkey(req.get(), key.evp()) == 1 &&
      X509V3_add1_i2d(&extensions, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1 &&
      X509_REQ_add_extensions(req.get(), extensions) == 1 &&
      X509_REQ_sign(req.get(), key.evp(), DigestFor(key)) > 0;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  if (!ok) return absl::InternalError("OpenSSL cannot build the certificate request");
  return ossl::ToDer(req.get(), i2d_X509_REQ);
}

absl::StatusOr<CsrContents> ParseCsr(ByteView csr) {
  const ossl::ErrorScope errors;
  P2PD_ASSIGN_OR_RETURN(const Bytes der, DerOfRequest(csr));
  const ossl::Req req = ossl::ParseDer(ossl::Req(X509_REQ_new_ex(ossl::Plain(), nullptr)), der,
                                       d2i_X509_REQ, i2d_X509_REQ);
  if (req == nullptr) return absl::InvalidArgumentError("the certificate request is damaged");
  CsrContents contents;
  P2PD_ASSIGN_OR_RETURN(
      contents.public_key,
      UserPublicKey::FromSpki(ossl::ToDer(X509_REQ_get_X509_PUBKEY(req.get()), i2d_X509_PUBKEY)));
  if (X509_REQ_verify_ex(req.get(), contents.public_key.evp(), ossl::Plain(), nullptr) != 1) {
    return absl::InvalidArgumentError("the certificate request is not signed by its own key");
  }
  contents.name = CommonName(X509_REQ_get_subject_name(req.get()));
  P2PD_ASSIGN_OR_RETURN(const std::set<std::string> emails, EmailsOfRequest(req.get()));
  if (emails.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate request names ", emails.size(),
                                                   " e-mail addresses where one is wanted"));
  }
  contents.email = *emails.begin();
  if (contents.name.empty()) contents.name = contents.email.substr(0, contents.email.find('@'));
  return contents;
}

absl::StatusOr<Certificate> IssueCertificate(const UserKey& ca_key, const Certificate& ca,
                                             const CsrContents& csr, const IssueOptions& options) {
  const ossl::ErrorScope errors;
  P2PD_RETURN_IF_ERROR(CheckThatKeyFits(ca_key, ca));
  const char* usage = nullptr;
  switch (csr.public_key.kind()) {
    case KeyKind::kP256:
      usage = "critical,digitalSignature,keyAgreement";
      break;
    case KeyKind::kRsa:
      usage = "critical,digitalSignature,keyEncipherment";
      break;
    case KeyKind::kEd25519:
      return absl::InvalidArgumentError(
          "a person's key is P-256 or RSA: nothing can be encrypted to an Ed25519 key");
  }
  P2PD_ASSIGN_OR_RETURN(const ossl::Name subject, MakeName(csr.name));
  P2PD_ASSIGN_OR_RETURN(const ossl::GeneralNames names, NamesWithEmail(csr.email));
  P2PD_ASSIGN_OR_RETURN(const ossl::Cert x509,
                        Begin(ca_key, csr.public_key,
                              {subject.get(), X509_get_subject_name(ca.x509()), options.not_before,
                               options.not_after}));
  if (!AddConstant(x509.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddConstant(x509.get(), NID_key_usage, usage) ||
      !AddConstant(x509.get(), NID_ext_key_usage, "emailProtection") ||
      !AddValue(x509.get(), NID_subject_alt_name, names.get(), false) ||
      !AddKeyId(x509.get(), csr.public_key) || !AddAuthorityKeyId(x509.get(), ca)) {
    return Broken();
  }
  return Finish(ca_key, x509.get());
}

absl::StatusOr<Crl> MakeCrl(const UserKey& ca_key, const Certificate& ca,
                            const CrlOptions& options) {
  const ossl::ErrorScope errors;
  P2PD_RETURN_IF_ERROR(CheckThatKeyFits(ca_key, ca));
  const ossl::Time from = ossl::FromTime(options.this_update);
  const ossl::Time to = ossl::FromTime(options.next_update);
  if (from == nullptr || to == nullptr || options.next_update <= options.this_update) {
    return absl::InvalidArgumentError(
        "the next update must come after this one, before year 10000");
  }
  if (options.revoked.size() > kMaxRevoked) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a revocation list holds at most ", kMaxRevoked, " certificates"));
  }
  const ossl::CrlPtr crl(X509_CRL_new_ex(ca_key.crypto().context(), nullptr));
  if (crl == nullptr || X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(ca.x509())) != 1 ||
      X509_CRL_set1_lastUpdate(crl.get(), from.get()) != 1 ||
      X509_CRL_set1_nextUpdate(crl.get(), to.get()) != 1 ||
      !AddCrlExtensions(crl.get(), ca, options.number)) {
    return absl::InternalError("OpenSSL cannot build the revocation list");
  }
  for (const RevokedEntry& entry : options.revoked) {
    if (!AddEntry(crl.get(), entry)) {
      return absl::InvalidArgumentError(
          absl::StrCat("not a serial number and date to revoke: ", entry.serial_hex));
    }
  }
  if (X509_CRL_sort(crl.get()) != 1 ||
      X509_CRL_sign(crl.get(), ca_key.evp(), DigestFor(ca_key)) <= 0) {
    return absl::InternalError("OpenSSL cannot sign the revocation list");
  }
  return Crl::FromDer(ossl::ToDer(crl.get(), i2d_X509_CRL));
}

}  // namespace p2pd::pki
