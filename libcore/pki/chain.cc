#include "libcore/pki/chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

// Bits of security below which a signature counts as none: SHA-1 has 63, MD5 39.
constexpr int kMinSecurityBits = 100;

using Constraints = ossl::Owned<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>;

ChainVerdict Refuse(ChainFault fault, std::string explanation) {
  ChainVerdict verdict;
  verdict.fault = fault;
  verdict.explanation = std::move(explanation);
  return verdict;
}

// How a certificate is called in an explanation.
std::string Title(const Certificate& certificate) {
  return absl::StrCat("the certificate of ",
                      certificate.subject().empty() ? "nobody" : certificate.subject());
}

std::string Date(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

bool NamesIssuer(const Certificate& certificate, const Certificate& issuer) {
  return X509_NAME_cmp(X509_get_issuer_name(certificate.x509()),
                       X509_get_subject_name(issuer.x509())) == 0;
}

bool SignatureHolds(const Certificate& certificate, const Certificate& issuer) {
  int security_bits = 0;
  return X509_get_signature_info(certificate.x509(), nullptr, nullptr, &security_bits, nullptr) ==
             1 &&
         security_bits >= kMinSecurityBits &&
         X509_verify(certificate.x509(), issuer.public_key().evp()) == 1;
}

// Absent extensions read as all bits set.
bool IsForEmail(const Certificate& certificate) {
  return (X509_get_extended_key_usage(certificate.x509()) & (XKU_SMIME | XKU_ANYEKU)) != 0;
}

ChainVerdict JudgeSignatures(const std::vector<Certificate>& chain, bool root_is_known) {
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    if (!SignatureHolds(chain[i], chain[i + 1])) {
      return Refuse(ChainFault::kBadSignature,
                    absl::StrCat(Title(chain[i]), " is not signed by ", chain[i + 1].subject()));
    }
  }
  // A root that we trust was judged when it was added, and is trusted by its bytes.
  if (!root_is_known && X509_verify(chain.back().x509(), chain.back().public_key().evp()) != 1) {
    return Refuse(ChainFault::kBadSignature,
                  absl::StrCat(Title(chain.back()), " is not signed by itself"));
  }
  return {};
}

ChainVerdict JudgeDates(const std::vector<Certificate>& chain, absl::Time now) {
  for (const Certificate& certificate : chain) {
    if (now < certificate.not_before()) {
      return Refuse(ChainFault::kNotYetValid,
                    absl::StrCat(Title(certificate), " is not valid before ",
                                 Date(certificate.not_before())));
    }
    // RFC 5280 §4.1.2.5: the period is inclusive.
    if (now > certificate.not_after()) {
      return Refuse(ChainFault::kExpired, absl::StrCat(Title(certificate), " expired on ",
                                                       Date(certificate.not_after())));
    }
  }
  return {};
}

ChainVerdict JudgeAuthorities(const std::vector<Certificate>& chain) {
  // Certificates below a CA that count against its path length (RFC 5280 §4.2.1.9): intermediate
  // ones that are not self-issued.
  long below = 0;
  for (size_t i = 1; i < chain.size(); ++i) {
    const Certificate& ca = chain[i];
    if (!ca.is_ca()) {
      return Refuse(ChainFault::kNotACa, absl::StrCat(Title(ca), " may not certify others"));
    }
    // A CA whose extended usage is limited limits those below it, as all programs read it.
    if ((X509_get_key_usage(ca.x509()) & KU_KEY_CERT_SIGN) == 0 || !IsForEmail(ca)) {
      return Refuse(ChainFault::kWrongUsage,
                    absl::StrCat(Title(ca), " has a key that is not for certifying people"));
    }
    const long allowed = X509_get_pathlen(ca.x509());  // -1: any
    if (allowed >= 0 && below > allowed) {
      return Refuse(ChainFault::kPathTooLong, absl::StrCat(Title(ca), " allows ", allowed,
                                                           " CAs below it, there are ", below));
    }
    if (!ca.IsSelfIssued()) ++below;
  }
  return {};
}

ChainVerdict JudgeNameConstraints(const std::vector<Certificate>& chain) {
  for (size_t i = 1; i < chain.size(); ++i) {
    int critical = 0;
    const Constraints constraints(static_cast<NAME_CONSTRAINTS*>(
        X509_get_ext_d2i(chain[i].x509(), NID_name_constraints, &critical, nullptr)));
    if (constraints == nullptr && critical == -1) continue;
    for (size_t j = 0; j < i; ++j) {
      // RFC 5280 §6.1.3 (b): self-issued certificates are exempt, unless it is the last one.
      if (j > 0 && chain[j].IsSelfIssued()) continue;
      if (constraints == nullptr ||
          NAME_CONSTRAINTS_check(chain[j].x509(), constraints.get()) != X509_V_OK) {
        return Refuse(
            ChainFault::kNameConstraint,
            absl::StrCat(Title(chain[j]), " names what ", chain[i].subject(), " may not certify"));
      }
    }
  }
  return {};
}

ChainVerdict JudgeLeaf(const Certificate& leaf) {
  if (leaf.is_ca() || (X509_get_key_usage(leaf.x509()) & KU_DIGITAL_SIGNATURE) == 0 ||
      !IsForEmail(leaf)) {
    return Refuse(ChainFault::kWrongUsage,
                  absl::StrCat(Title(leaf), " is not one for a person's signatures"));
  }
  return {};
}

ChainVerdict JudgeExtensions(const std::vector<Certificate>& chain) {
  for (const Certificate& certificate : chain) {
    // RFC 5280 §4.2: who meets a critical extension that it does not know must refuse.
    if ((X509_get_extension_flags(certificate.x509()) & EXFLAG_CRITICAL) != 0) {
      return Refuse(ChainFault::kMalformed,
                    absl::StrCat(Title(certificate), " has a critical extension unknown here"));
    }
  }
  return {};
}

// Everything but trust in the root, e-mail and revocation.
ChainVerdict Judge(const std::vector<Certificate>& chain, absl::Time now, bool root_is_known) {
  ChainVerdict verdict = JudgeExtensions(chain);
  if (verdict.ok()) verdict = JudgeDates(chain, now);
  if (verdict.ok()) verdict = JudgeAuthorities(chain);
  if (verdict.ok()) verdict = JudgeLeaf(chain.front());
  if (verdict.ok()) verdict = JudgeNameConstraints(chain);
  // Last, since it costs most; nothing of the above is believed without it.
  if (verdict.ok()) verdict = JudgeSignatures(chain, root_is_known);
  return verdict;
}

ChainVerdict JudgeEmail(const Certificate& leaf, absl::string_view email) {
  if (email.empty() || leaf.HasEmail(email)) return {};
  return Refuse(ChainFault::kWrongEmail, absl::StrCat(Title(leaf), " is not for ", email));
}

}  // namespace

absl::StatusOr<CertificateChain> CertificateChain::Make(std::vector<Certificate> certificates) {
  if (certificates.empty() || certificates.size() > kMaxLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("a chain has 1 to ", kMaxLength, " certificates, not ", certificates.size()));
  }
  size_t bytes = 0;
  for (const Certificate& certificate : certificates) bytes += certificate.der().size();
  if (bytes > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a chain has at most ", kMaxBytes, " bytes, not ", bytes));
  }
  for (size_t i = 0; i + 1 < certificates.size(); ++i) {
    if (!NamesIssuer(certificates[i], certificates[i + 1])) {
      return absl::InvalidArgumentError(
          absl::StrCat(Title(certificates[i]), " is followed by another than its issuer"));
    }
  }
  if (!certificates.back().IsSelfIssued()) {
    return absl::InvalidArgumentError("the chain does not end at a root");
  }
  CertificateChain chain;
  chain.certificates_ = std::move(certificates);
  return chain;
}

absl::StatusOr<CertificateChain> CertificateChain::FromDer(const std::vector<Bytes>& ders) {
  // Before anything is parsed.
  size_t bytes = 0;
  for (const Bytes& der : ders) bytes += der.size();
  if (ders.size() > kMaxLength || bytes > kMaxBytes) {
    return absl::InvalidArgumentError("the chain is too long");
  }
  std::vector<Certificate> certificates;
  for (const Bytes& der : ders) {
    P2PD_ASSIGN_OR_RETURN(Certificate certificate, Certificate::FromDer(der));
    certificates.push_back(std::move(certificate));
  }
  return Make(std::move(certificates));
}

std::vector<Bytes> CertificateChain::ToDer() const {
  std::vector<Bytes> ders;
  for (const Certificate& certificate : certificates_) ders.push_back(certificate.der());
  return ders;
}

absl::string_view ChainFaultName(ChainFault fault) {
  switch (fault) {
    case ChainFault::kNone:
      return "NONE";
    case ChainFault::kMalformed:
      return "MALFORMED";
    case ChainFault::kNotYetValid:
      return "NOT_YET_VALID";
    case ChainFault::kExpired:
      return "EXPIRED";
    case ChainFault::kRevoked:
      return "REVOKED";
    case ChainFault::kUntrustedRoot:
      return "UNTRUSTED_ROOT";
    case ChainFault::kBadSignature:
      return "BAD_SIGNATURE";
    case ChainFault::kPathTooLong:
      return "PATH_TOO_LONG";
    case ChainFault::kNameConstraint:
      return "NAME_CONSTRAINT";
    case ChainFault::kNotACa:
      return "NOT_A_CA";
    case ChainFault::kWrongUsage:
      return "WRONG_USAGE";
    case ChainFault::kWrongEmail:
      return "WRONG_EMAIL";
    case ChainFault::kRevocationUnknown:
      return "REVOCATION_UNKNOWN";
  }
  return "MALFORMED";
}

absl::Status TrustStore::AddRoot(const Certificate& root) {
  const ossl::ErrorScope errors;
  if (!root.is_ca() || !root.IsSelfIssued() ||
      (X509_get_key_usage(root.x509()) & KU_KEY_CERT_SIGN) == 0 ||
      X509_verify(root.x509(), root.public_key().evp()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(Title(root), " is not that of a CA signed by itself"));
  }
  if (!Trusts(root.fingerprint()) && roots_.size() >= kMaxRoots) {
    return absl::ResourceExhaustedError(absl::StrCat("at most ", kMaxRoots, " roots are trusted"));
  }
  roots_.insert_or_assign(root.fingerprint(), root);
  return absl::OkStatus();
}

absl::Status TrustStore::RemoveRoot(const CertificateHash& fingerprint) {
  if (roots_.erase(fingerprint) == 0) return absl::NotFoundError("no such root is trusted");
  return absl::OkStatus();
}

absl::Status TrustStore::AddCrl(const Certificate& ca, const Crl& crl) {
  if (!crl.SignedBy(ca)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the revocation list is not signed by ", ca.subject()));
  }
  if (crl.next_update() == absl::InfinitePast()) {
    return absl::InvalidArgumentError("the revocation list does not say how long it holds");
  }
  const auto known = crls_.find(ca.public_key().hash());
  if (known == crls_.end() && crls_.size() >= kMaxCrls) {
    return absl::ResourceExhaustedError(
        absl::StrCat("at most ", kMaxCrls, " revocation lists are kept"));
  }
  if (known != crls_.end() &&
      std::make_pair(crl.number(), crl.this_update()) <=
          std::make_pair(known->second.number(), known->second.this_update())) {
    return absl::AlreadyExistsError("the revocation list is not newer than the known one");
  }
  crls_.insert_or_assign(ca.public_key().hash(), crl);
  return absl::OkStatus();
}

ChainVerdict TrustStore::Verify(const CertificateChain& chain, absl::Time now,
                                const Options& options) const {
  const ossl::ErrorScope errors;
  if (!Trusts(chain.root().fingerprint())) {
    return Refuse(ChainFault::kUntrustedRoot,
                  absl::StrCat("the root ", chain.root().subject(), " is not trusted"));
  }
  ChainVerdict verdict = Judge(chain.certificates(), now, true);
  if (verdict.ok()) verdict = JudgeEmail(chain.leaf(), options.email);
  if (verdict.ok()) verdict = JudgeRevocation(chain);
  if (!verdict.ok()) return verdict;
  if (options.strict && verdict.revocation == RevocationStatus::kUnknown) {
    return Refuse(ChainFault::kRevocationUnknown,
                  absl::StrCat("no revocation list of ", chain.leaf().issuer(), " is known"));
  }
  verdict.explanation =
      absl::StrCat(Title(chain.leaf()), " is valid under ", chain.root().subject());
  return verdict;
}

ChainVerdict TrustStore::JudgeRevocation(const CertificateChain& chain) const {
  ChainVerdict verdict;
  for (size_t i = 0; i + 1 < chain.certificates().size(); ++i) {
    const Certificate& certificate = chain.certificates()[i];
    const auto crl = crls_.find(chain.certificates()[i + 1].public_key().hash());
    if (crl == crls_.end()) continue;
    // The last known list applies even when it is overdue.
    if (crl->second.Revokes(certificate)) {
      return Refuse(ChainFault::kRevoked, absl::StrCat(Title(certificate), " was revoked"));
    }
    if (i == 0) verdict.revocation = RevocationStatus::kGood;
  }
  return verdict;
}

ChainVerdict VerifySelfContained(const CertificateChain& chain, absl::Time now,
                                 absl::string_view email) {
  const ossl::ErrorScope errors;
  ChainVerdict verdict = Judge(chain.certificates(), now, false);
  if (verdict.ok()) verdict = JudgeEmail(chain.leaf(), email);
  return verdict;
}

}  // namespace p2pd::pki
