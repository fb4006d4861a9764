// Judging a certificate: chain up to a trusted root, validity, revocation, path length, name
// constraints, e-mail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/revocation.h"

namespace p2pd::pki {

// The user's certificate first, the self-signed root last.
class CertificateChain {
 public:
  static constexpr size_t kMaxLength = 6;
  static constexpr size_t kMaxBytes = 24 * 1024;

  // InvalidArgument unless 1..6 certificates, at most 24 KiB, each named as issuer by the one
  // before it and the last one self-issued. Signatures are judged by Verify.
  static absl::StatusOr<CertificateChain> Make(std::vector<Certificate> certificates);
  static absl::StatusOr<CertificateChain> FromDer(const std::vector<Bytes>& ders);

  const Certificate& leaf() const { return certificates_.front(); }
  const Certificate& root() const { return certificates_.back(); }
  const std::vector<Certificate>& certificates() const { return certificates_; }
  std::vector<Bytes> ToDer() const;

 private:
  std::vector<Certificate> certificates_;
};

// Why a chain was refused; each is an end reason of its own for a call.
enum class ChainFault {
  kNone,
  kMalformed,
  kNotYetValid,
  kExpired,
  kRevoked,
  kUntrustedRoot,
  kBadSignature,
  kPathTooLong,
  kNameConstraint,
  kNotACa,
  kWrongUsage,
  kWrongEmail,
  kRevocationUnknown,  // in strict mode only
};
absl::string_view ChainFaultName(ChainFault fault);  // "EXPIRED", "WRONG_EMAIL", …

enum class RevocationStatus { kGood, kUnknown };

struct ChainVerdict {
  ChainFault fault = ChainFault::kNone;
  RevocationStatus revocation = RevocationStatus::kUnknown;
  std::string explanation;  // one sentence for a person
  bool ok() const { return fault == ChainFault::kNone; }
};

// The roots one trusts and the newest CRL seen of each CA. No root is trusted by default.
// Roots and CRLs are persisted by their owner; this is the judgement.
class TrustStore {
 public:
  // A person trusts a handful; the CAs below them with lists of their own are a few more.
  static constexpr size_t kMaxRoots = 64;
  static constexpr size_t kMaxCrls = 256;

  // InvalidArgument unless it is a self-signed CA certificate; ResourceExhausted beyond kMaxRoots.
  absl::Status AddRoot(const Certificate& root);
  // NotFound.
  absl::Status RemoveRoot(const CertificateHash& fingerprint);
  const std::map<CertificateHash, Certificate>& roots() const { return roots_; }
  bool Trusts(const CertificateHash& root) const { return roots_.count(root) != 0; }

  // Keeps the CRL if the CA signed it and its number is newer than the one kept.
  // InvalidArgument when the signature is wrong or nextUpdate is missing, AlreadyExists when it is
  // not newer, ResourceExhausted beyond kMaxCrls.
  absl::Status AddCrl(const Certificate& ca, const Crl& crl);
  const std::map<KeyHash, Crl>& crls() const { return crls_; }

  // `email` must be in the leaf's SAN; empty: any. kUntrustedRoot when the root is not in roots().
  // strict: a leaf whose CA has no known CRL is refused with kRevocationUnknown.
  struct Options {
    std::string email;
    bool strict = false;
  };
  ChainVerdict Verify(const CertificateChain& chain, absl::Time now, const Options& options) const;
  // What the known lists say, of a chain to whatever root: kRevoked when one of its certificates is
  // in the list of its issuer, else kNone with `revocation` of the leaf.
  ChainVerdict JudgeRevocation(const CertificateChain& chain) const;

 private:
  std::map<CertificateHash, Certificate> roots_;
  std::map<KeyHash, Crl> crls_;  // by the CA's key
};

// As a storing node judges: everything but trust in the root and revocation; the chain's own root
// is taken as root.
ChainVerdict VerifySelfContained(const CertificateChain& chain, absl::Time now,
                                 absl::string_view email);

}  // namespace p2pd::pki
