// pki's values as the control API shows them.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "libcore/pki/chain.h"
#include "p2pd/v1/certificate.pb.h"
#include "p2pd/v1/identity_service.pb.h"

namespace p2pd::daemon {

// Sets `to` unless `time` is infinite; proto3 has no infinity.
void SetTime(absl::Time time, google::protobuf::Timestamp* to);
google::protobuf::Duration ToProto(absl::Duration duration);
// Saturates at what int64 nanoseconds hold, about 292 years.
absl::Duration FromProto(const google::protobuf::Duration& duration);

// `revocation`: nullopt where nobody asked.
v1::CertificateInfo ToProto(const pki::CertificateChain& chain,
                            std::optional<pki::RevocationStatus> revocation);
v1::CertificateInfo ToProto(const pki::Certificate& certificate);
// `trust` tells the newest revocation list.
v1::TrustRoot ToProto(const pki::Certificate& root, const pki::TrustStore& trust);

// "trustRoots/{fingerprint}".
std::string TrustRootName(const pki::CertificateHash& fingerprint);
// The root that `name` means: the whole fingerprint or its first 8 or more digits, with or without
// "trustRoots/", upper or lower case; nullopt when none or several fit.
std::optional<pki::CertificateHash> FindTrustRoot(absl::string_view name,
                                                  const pki::TrustStore& trust);

}  // namespace p2pd::daemon
