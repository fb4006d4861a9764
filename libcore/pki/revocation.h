// Certificate revocation lists (RFC 5280 §5).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/pki/certificate.h"

typedef struct X509_crl_st X509_CRL;

namespace p2pd::pki {

class Crl {
 public:
  static constexpr size_t kMaxDer = 48 * 1024;

  static absl::StatusOr<Crl> FromDer(ByteView der);
  static absl::StatusOr<Crl> FromPem(ByteView pem);

  const Bytes& der() const;
  std::string ToPem() const;
  // crlNumber; 0 when absent.
  uint64_t number() const;
  absl::Time this_update() const;
  // The CRL's expiry; the distant past when absent, so that such a list is never kept.
  absl::Time next_update() const;
  bool SignedBy(const Certificate& ca) const;
  bool Revokes(const Certificate& certificate) const;
  X509_CRL* crl() const;

 private:
  class Impl;
  std::shared_ptr<const Impl> impl_;  // owners: the copies of this value; immutable
};

}  // namespace p2pd::pki
