#include "libcore/presence/key_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/pki/pkcs12.h"

namespace p2pd::presence {
namespace {

absl::StatusOr<KeyFile> ReadPem(pki::Crypto& crypto, ByteView file, const SecretBytes& passphrase) {
  KeyFile out;
  if (absl::StrContains(AsText(file), "-----BEGIN CERTIFICATE-----")) {
    P2PD_ASSIGN_OR_RETURN(out.certificates, pki::Certificate::AllFromPem(file));
  }
  if (absl::StrContains(AsText(file), "PRIVATE KEY-----")) {
    absl::StatusOr<pki::UserKey> key = pki::UserKey::FromPem(crypto, file, passphrase);
    if (key.status().code() == absl::StatusCode::kFailedPrecondition) {
      return absl::PermissionDeniedError("the private key in the file needs a passphrase");
    }
    P2PD_RETURN_IF_ERROR(key.status());
    out.key = *std::move(key);
  }
  if (out.certificates.empty() && !out.key) {
    return absl::InvalidArgumentError("the PEM file holds neither a certificate nor a private key");
  }
  return out;
}

// Extends `path` towards a self-issued certificate; the first complete path that holds wins, and
// `why` says what was wrong with one that did not.
std::optional<pki::CertificateChain> Extend(std::vector<pki::Certificate> path,
                                            const std::vector<pki::Certificate>& known,
                                            absl::Time now, std::string& why) {
  if (path.back().IsSelfIssued()) {
    absl::StatusOr<pki::CertificateChain> chain = pki::CertificateChain::Make(path);
    if (!chain.ok()) return std::nullopt;
    const pki::ChainVerdict verdict = pki::VerifySelfContained(*chain, now, "");
    if (verdict.ok()) return *std::move(chain);
    if (why.empty()) {
      why = absl::StrCat(pki::ChainFaultName(verdict.fault), ": ", verdict.explanation);
    }
    return std::nullopt;
  }
  if (path.size() >= pki::CertificateChain::kMaxLength) return std::nullopt;
  for (const pki::Certificate& issuer : known) {
    if (issuer.subject() != path.back().issuer()) continue;
    std::vector<pki::Certificate> longer = path;
    longer.push_back(issuer);
    std::optional<pki::CertificateChain> chain = Extend(std::move(longer), known, now, why);
    if (chain) return chain;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<KeyFile> ReadKeyFile(pki::Crypto& crypto, ByteView file,
                                    const SecretBytes& passphrase) {
  if (file.size() > kMaxKeyFile) {
    return absl::InvalidArgumentError("the file is larger than 64 KiB: no certificate, no key");
  }
  if (absl::StrContains(AsText(file), "-----BEGIN ")) return ReadPem(crypto, file, passphrase);
  if (absl::StatusOr<pki::Certificate> certificate = pki::Certificate::FromDer(file);
      certificate.ok()) {
    KeyFile out;
    out.certificates.push_back(*std::move(certificate));
    return out;
  }
  P2PD_ASSIGN_OR_RETURN(pki::KeyWithChain both, pki::ParsePkcs12(crypto, file, passphrase));
  KeyFile out;
  out.key = std::move(both.key);
  out.certificates = std::move(both.certificates);
  return out;
}

absl::StatusOr<pki::CertificateChain> CompleteChain(
    const pki::KeyHash& user, const std::vector<pki::Certificate>& certificates,
    const std::map<pki::CertificateHash, pki::Certificate>& roots, absl::Time now) {
  std::vector<pki::Certificate> known;
  for (const auto& [fingerprint, root] : roots) known.push_back(root);
  std::vector<pki::Certificate> leaves;
  for (const pki::Certificate& certificate : certificates) {
    known.push_back(certificate);
    if (certificate.public_key().hash() == user) leaves.push_back(certificate);
  }
  if (leaves.empty()) return absl::NotFoundError("no certificate in the file holds this key");
  std::sort(leaves.begin(), leaves.end(), [](const pki::Certificate& a, const pki::Certificate& b) {
    return a.not_before() > b.not_before();
  });
  std::string why;
  for (const pki::Certificate& leaf : leaves) {
    std::optional<pki::CertificateChain> chain = Extend({leaf}, known, now, why);
    if (chain) return *std::move(chain);
  }
  if (!why.empty()) return absl::FailedPreconditionError(why);
  return absl::InvalidArgumentError(
      absl::StrCat("the certificate's issuer (", leaves.front().issuer(),
                   ") is neither in the file nor among the trusted roots"));
}

}  // namespace p2pd::presence
