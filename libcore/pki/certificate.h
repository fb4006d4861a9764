// X.509 certificates (RFC 5280): parsed once, immutable, cheap to copy.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/user_key.h"

typedef struct x509_st X509;

namespace p2pd::pki {

// SHA-256 of a certificate's DER: how roots are named in `trust list` and in p2p: links.
struct CertificateHashTag;
using CertificateHash = FixedBytes<CertificateHashTag, 32>;

class Certificate {
 public:
  static constexpr size_t kMaxDer = 8192;

  static absl::StatusOr<Certificate> FromDer(ByteView der);
  // The first CERTIFICATE block.
  static absl::StatusOr<Certificate> FromPem(ByteView pem);
  // All of them, in order; at most 16.
  static absl::StatusOr<std::vector<Certificate>> AllFromPem(ByteView pem);

  const Bytes& der() const;
  std::string ToPem() const;
  const CertificateHash& fingerprint() const;
  const UserPublicKey& public_key() const;
  // Common name of the subject, UTF-8.
  const std::string& name() const;
  // One line as RFC 2253 writes it.
  const std::string& subject() const;
  const std::string& issuer() const;
  // rfc822Name entries of the SAN, normalised.
  const std::vector<std::string>& emails() const;
  absl::Time not_before() const;
  absl::Time not_after() const;
  std::string serial_hex() const;
  bool is_ca() const;
  bool IsSelfIssued() const;
  bool HasEmail(absl::string_view normalised_email) const;
  X509* x509() const;

 private:
  class Impl;
  std::shared_ptr<const Impl> impl_;  // owners: the copies of this value; immutable
};

// NFC and lower case (full case folding of the domain and the local part); InvalidArgument unless
// it has the form local@domain, 3..254 bytes of UTF-8, without control characters or spaces. All
// e-mail addresses in libcore are normalised ones.
absl::StatusOr<std::string> NormaliseEmail(absl::string_view email);

}  // namespace p2pd::pki
