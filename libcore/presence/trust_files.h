// Trust on disk: the roots that the person trusts, and the newest revocation list of each
// authority, restored into a pki::TrustStore at start.
//
// Rules: a root is trusted after it is on disk and no longer before its blob is gone. A damaged
// blob is named and passed over: one bad file does not take the trust in all others away.
// Threads: one owner. Limits: kMaxRoots, kMaxCrls.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/base/storage.h"
#include "libcore/pki/chain.h"

namespace p2pd::presence {

inline constexpr size_t kMaxCrls = 1024;

// Returns one sentence for each blob that could not be used, naming it.
std::vector<std::string> LoadTrust(const Storage& storage, pki::TrustStore& trust);

// PEM or DER. InvalidArgument, AlreadyExists, ResourceExhausted, or what the disk says.
absl::Status AddTrustRoot(Storage& storage, pki::TrustStore& trust, ByteView file);
// NotFound.
absl::Status RemoveTrustRoot(Storage& storage, pki::TrustStore& trust,
                             const pki::CertificateHash& fingerprint);
// Keeps a list that is newer than the one known. InvalidArgument (signature), AlreadyExists (not
// newer), ResourceExhausted.
absl::Status AddTrustedCrl(Storage& storage, pki::TrustStore& trust, const pki::Certificate& ca,
                           const pki::Crl& crl);

// PEM or DER, the first certificate.
absl::StatusOr<pki::Certificate> ReadCertificate(ByteView file);
absl::StatusOr<pki::Crl> ReadCrl(ByteView file);

}  // namespace p2pd::presence
