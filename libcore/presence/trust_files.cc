#include "libcore/presence/trust_files.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/presence/limits.h"
#include "p2pd/wire/v1/objects.pb.h"

namespace p2pd::presence {
namespace {

constexpr absl::string_view kRoots = "trust/roots/";
constexpr absl::string_view kCrls = "trust/crls/";

std::string RootBlob(const pki::CertificateHash& fingerprint) {
  return absl::StrCat(kRoots, Hex(fingerprint.view()));
}

bool IsPem(ByteView file) { return absl::StrContains(AsText(file), "-----BEGIN "); }

absl::Status LoadRoot(const Storage& storage, const std::string& blob, pki::TrustStore& trust) {
  P2PD_ASSIGN_OR_RETURN(const Bytes bytes, storage.Read(blob));
  P2PD_ASSIGN_OR_RETURN(const pki::Certificate root, ReadCertificate(bytes));
  if (RootBlob(root.fingerprint()) != blob) {
    return absl::DataLossError("it is not the certificate that its name says");
  }
  return trust.AddRoot(root);
}

absl::Status LoadCrl(const Storage& storage, const std::string& blob, pki::TrustStore& trust) {
  P2PD_ASSIGN_OR_RETURN(const Bytes bytes, storage.Read(blob));
  wire::v1::RevocationBody body;
  if (!body.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("it is damaged");
  }
  P2PD_ASSIGN_OR_RETURN(const pki::Certificate ca,
                        pki::Certificate::FromDer(AsBytes(body.ca_certificate())));
  P2PD_ASSIGN_OR_RETURN(const pki::Crl crl, pki::Crl::FromDer(AsBytes(body.crl())));
  return trust.AddCrl(ca, crl);
}

std::string Problem(const Storage& storage, const std::string& blob, const absl::Status& status) {
  return absl::StrCat(storage.TitleOf(blob), " is not used: ", status.message(),
                      "; restore it from a backup, or remove it");
}

}  // namespace

absl::StatusOr<pki::Certificate> ReadCertificate(ByteView file) {
  return IsPem(file) ? pki::Certificate::FromPem(file) : pki::Certificate::FromDer(file);
}

absl::StatusOr<pki::Crl> ReadCrl(ByteView file) {
  return IsPem(file) ? pki::Crl::FromPem(file) : pki::Crl::FromDer(file);
}

std::vector<std::string> LoadTrust(const Storage& storage, pki::TrustStore& trust) {
  std::vector<std::string> problems;
  for (const std::string& blob : storage.List(kRoots)) {
    const absl::Status status = LoadRoot(storage, blob, trust);
    if (!status.ok()) problems.push_back(Problem(storage, blob, status));
  }
  for (const std::string& blob : storage.List(kCrls)) {
    const absl::Status status = LoadCrl(storage, blob, trust);
    if (!status.ok()) problems.push_back(Problem(storage, blob, status));
  }
  return problems;
}

absl::Status AddTrustRoot(Storage& storage, pki::TrustStore& trust, ByteView file) {
  P2PD_ASSIGN_OR_RETURN(const pki::Certificate root, ReadCertificate(file));
  if (trust.Trusts(root.fingerprint())) {
    return absl::AlreadyExistsError(absl::StrCat(root.name(), " is trusted already"));
  }
  if (trust.roots().size() >= kMaxRoots) {
    return absl::ResourceExhaustedError(absl::StrCat("at most ", kMaxRoots, " roots are trusted"));
  }
  P2PD_RETURN_IF_ERROR(trust.AddRoot(root));
  const absl::Status written =
      storage.Write(RootBlob(root.fingerprint()), AsBytes(root.ToPem()), FileMode::kPublic);
  if (!written.ok()) trust.RemoveRoot(root.fingerprint()).IgnoreError();  // it was just added
  return written;
}

absl::Status RemoveTrustRoot(Storage& storage, pki::TrustStore& trust,
                             const pki::CertificateHash& fingerprint) {
  if (!trust.Trusts(fingerprint)) {
    return absl::NotFoundError("no trusted root has this fingerprint");
  }
  P2PD_RETURN_IF_ERROR(storage.Remove(RootBlob(fingerprint)));
  return trust.RemoveRoot(fingerprint);
}

absl::Status AddTrustedCrl(Storage& storage, pki::TrustStore& trust, const pki::Certificate& ca,
                           const pki::Crl& crl) {
  const pki::KeyHash& key = ca.public_key().hash();
  if (trust.crls().count(key) == 0 && trust.crls().size() >= kMaxCrls) {
    return absl::ResourceExhaustedError(
        absl::StrCat("revocation lists of at most ", kMaxCrls, " authorities are kept"));
  }
  P2PD_RETURN_IF_ERROR(trust.AddCrl(ca, crl));
  wire::v1::RevocationBody body;
  body.set_ca_certificate(ToText(ca.der()));
  body.set_crl(ToText(crl.der()));
  return storage.Write(absl::StrCat(kCrls, Hex(key.view())), AsBytes(body.SerializeAsString()),
                       FileMode::kPublic);
}

}  // namespace p2pd::presence
