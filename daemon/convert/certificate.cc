#include "daemon/convert/certificate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libcore/base/hex.h"

namespace p2pd::daemon {
namespace {

constexpr absl::string_view kTrustRoots = "trustRoots/";
// Fewer digits than this are a typing mistake rather than a name.
constexpr size_t kMinPrefix = 8;

std::string KindName(pki::KeyKind kind) {
  switch (kind) {
    case pki::KeyKind::kP256:
      return "P-256";
    case pki::KeyKind::kRsa:
      return "RSA";
    case pki::KeyKind::kEd25519:
      return "Ed25519";
  }
  return "";
}

}  // namespace

void SetTime(absl::Time time, google::protobuf::Timestamp* to) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return;
  const timespec spec = absl::ToTimespec(time);
  to->set_seconds(spec.tv_sec);
  to->set_nanos(static_cast<int32_t>(spec.tv_nsec));
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration out;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return out;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  const absl::Duration out =
      absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  return absl::Nanoseconds(absl::ToInt64Nanoseconds(out));
}

v1::CertificateInfo ToProto(const pki::Certificate& certificate) {
  v1::CertificateInfo out;
  out.set_subject_name(certificate.name());
  for (const std::string& email : certificate.emails()) out.add_emails(email);
  out.set_issuer_name(certificate.issuer());
  out.set_fingerprint(Hex(certificate.fingerprint().view()));
  out.set_key_fingerprint(Hex(certificate.public_key().hash().view()));
  out.set_key_algorithm(KindName(certificate.public_key().kind()));
  SetTime(certificate.not_before(), out.mutable_not_before_time());
  SetTime(certificate.not_after(), out.mutable_not_after_time());
  return out;
}

v1::CertificateInfo ToProto(const pki::CertificateChain& chain,
                            std::optional<pki::RevocationStatus> revocation) {
  v1::CertificateInfo out = ToProto(chain.leaf());
  if (chain.certificates().size() > 1) out.set_issuer_name(chain.certificates()[1].name());
  out.set_root_fingerprint(Hex(chain.root().fingerprint().view()));
  out.set_root_name(chain.root().name());
  if (revocation) {
    out.set_revocation(*revocation == pki::RevocationStatus::kGood ? v1::CertificateInfo::GOOD
                                                                   : v1::CertificateInfo::UNKNOWN);
  }
  return out;
}

v1::TrustRoot ToProto(const pki::Certificate& root, const pki::TrustStore& trust) {
  v1::TrustRoot out;
  out.set_name(TrustRootName(root.fingerprint()));
  *out.mutable_certificate() = ToProto(root);
  out.mutable_certificate()->set_issuer_name(root.name());
  out.mutable_certificate()->set_root_name(root.name());
  out.mutable_certificate()->set_root_fingerprint(Hex(root.fingerprint().view()));
  const auto crl = trust.crls().find(root.public_key().hash());
  if (crl != trust.crls().end()) {
    out.set_crl_number(crl->second.number());
    SetTime(crl->second.next_update(), out.mutable_crl_next_update_time());
  }
  return out;
}

std::string TrustRootName(const pki::CertificateHash& fingerprint) {
  return absl::StrCat(kTrustRoots, Hex(fingerprint.view()));
}

std::optional<pki::CertificateHash> FindTrustRoot(absl::string_view name,
                                                  const pki::TrustStore& trust) {
  absl::ConsumePrefix(&name, kTrustRoots);
  const std::string prefix = absl::AsciiStrToLower(name);
  if (prefix.size() < kMinPrefix) return std::nullopt;
  std::optional<pki::CertificateHash> found;
  for (const auto& [fingerprint, root] : trust.roots()) {
    if (!absl::StartsWith(Hex(fingerprint.view()), prefix)) continue;
    if (found) return std::nullopt;
    found = fingerprint;
  }
  return found;
}

}  // namespace p2pd::daemon
