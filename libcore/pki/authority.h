// What a certificate authority does: a self-signed root, a CSR in and a certificate out, a CRL. No
// files here; `p2pctl ca` keeps them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/revocation.h"
#include "libcore/pki/user_key.h"

namespace p2pd::pki {

struct RootOptions {
  std::string name;  // common name
  absl::Time not_before;
  absl::Time not_after;
  int path_length = 0;                         // pathLenConstraint
  std::vector<std::string> permitted_domains;  // name constraint on rfc822Name; empty: none
};
absl::StatusOr<Certificate> MakeRoot(const UserKey& key, const RootOptions& options);

// A CA below another one (for tests of chains, and for institutions).
absl::StatusOr<Certificate> MakeIntermediate(const UserKey& ca_key, const Certificate& ca,
                                             const UserPublicKey& key, const RootOptions& options);

// PKCS#10 (RFC 2986) in DER, with the e-mail address as SAN extension request.
absl::StatusOr<Bytes> MakeCsr(const UserKey& key, absl::string_view name, absl::string_view email);

struct CsrContents {
  std::string name;
  std::string email;  // normalised
  UserPublicKey public_key;
};
// DER or PEM, at most 8 KiB. InvalidArgument unless it parses, its own signature verifies, and it
// names exactly one e-mail address.
absl::StatusOr<CsrContents> ParseCsr(ByteView csr);

struct IssueOptions {
  absl::Time not_before;
  absl::Time not_after;
};
// End-entity certificate: digitalSignature and keyAgreement (keyEncipherment for RSA),
// emailProtection, SAN rfc822Name, random 128-bit serial.
absl::StatusOr<Certificate> IssueCertificate(const UserKey& ca_key, const Certificate& ca,
                                             const CsrContents& csr, const IssueOptions& options);

struct RevokedEntry {
  std::string serial_hex;
  absl::Time revoked_at;
};
struct CrlOptions {
  uint64_t number = 1;
  absl::Time this_update;
  absl::Time next_update;
  std::vector<RevokedEntry> revoked;
};
absl::StatusOr<Crl> MakeCrl(const UserKey& ca_key, const Certificate& ca,
                            const CrlOptions& options);

}  // namespace p2pd::pki
