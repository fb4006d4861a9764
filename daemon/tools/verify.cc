#include "daemon/tools/verify.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/pki/chain.h"
#include "libcore/store/object.h"

namespace p2pd::daemon {
namespace {

// Bytes; the largest object is a quarter of it, a PEM file with a chain less.
constexpr size_t kMaxFile = 256 * 1024;
constexpr char kPemBegin[] = "-----BEGIN ";

constexpr int kValid = 0;
constexpr int kInvalid = 1;
constexpr int kUsage = 2;

bool IsPem(ByteView bytes) { return AsText(bytes).find(kPemBegin) != absl::string_view::npos; }
// A DER SEQUENCE; an encoded object begins with the tag of its first field, 0x08.
bool IsDer(ByteView bytes) { return !bytes.empty() && bytes[0] == 0x30; }

VerifyOutcome Usage(const std::string& file, const absl::Status& status) {
  // Errors of files name the file themselves.
  const bool named = absl::string_view(status.message()).find(file) != absl::string_view::npos;
  return {kUsage,
          named ? std::string(status.message()) : absl::StrCat(file, ": ", status.message())};
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

absl::StatusOr<std::vector<pki::Certificate>> Certificates(ByteView bytes) {
  if (IsPem(bytes)) return pki::Certificate::AllFromPem(bytes);
  P2PD_ASSIGN_OR_RETURN(pki::Certificate one, pki::Certificate::FromDer(bytes));
  return std::vector<pki::Certificate>{std::move(one)};
}

// The roots and lists that the caller named.
struct Trust {
  pki::TrustStore store;
  bool named = false;  // at least one root
};

absl::Status AddRoots(const std::string& file, Trust& trust) {
  P2PD_ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(file, kMaxFile));
  P2PD_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> roots, Certificates(bytes));
  for (const pki::Certificate& root : roots) P2PD_RETURN_IF_ERROR(trust.store.AddRoot(root));
  trust.named = true;
  return absl::OkStatus();
}

// A list is of a CA in the chain, or it is the wrong file.
absl::Status AddCrl(const std::string& file, const pki::CertificateChain& chain,
                    pki::TrustStore& store) {
  P2PD_ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(file, kMaxFile));
  P2PD_ASSIGN_OR_RETURN(const pki::Crl crl,
                        IsPem(bytes) ? pki::Crl::FromPem(bytes) : pki::Crl::FromDer(bytes));
  for (const pki::Certificate& ca : chain.certificates()) {
    if (!crl.SignedBy(ca)) continue;
    const absl::Status added = store.AddCrl(ca, crl);
    // An older list beside a newer one says nothing more.
    return absl::IsAlreadyExists(added) ? absl::OkStatus() : added;
  }
  return absl::InvalidArgumentError("the revocation list is of no CA in this chain");
}

std::string Describe(const pki::CertificateChain& chain) {
  const pki::Certificate& leaf = chain.leaf();
  std::string text;
  absl::StrAppend(&text, "subject: ", leaf.subject(), "\n");
  for (const std::string& email : leaf.emails()) absl::StrAppend(&text, "email: ", email, "\n");
  absl::StrAppend(&text, "fingerprint: ", Hex(leaf.fingerprint().view()), "\n");
  absl::StrAppend(&text, "valid: ", TimeText(leaf.not_before()), " to ", TimeText(leaf.not_after()),
                  "\n");
  absl::StrAppend(&text, "root: ", chain.root().subject(), " ",
                  Hex(chain.root().fingerprint().view()), "\n");
  return text;
}

VerifyOutcome JudgeChain(const pki::CertificateChain& chain, Trust& trust,
                         const VerifyOptions& options) {
  std::string email;
  if (!options.email.empty()) {
    auto normal = pki::NormaliseEmail(options.email);
    if (!normal.ok()) return Usage("--email", normal.status());
    email = *std::move(normal);
  }
  // Without a root to trust its own is taken, so that lists are judged all the same.
  if (!trust.named) trust.store.AddRoot(chain.root()).IgnoreError();
  for (const std::string& crl : options.crls) {
    const absl::Status added = AddCrl(crl, chain, trust.store);
    if (!added.ok()) return Usage(crl, added);
  }
  pki::ChainVerdict verdict = trust.store.Verify(chain, options.at, {email});
  if (!trust.named && verdict.fault == pki::ChainFault::kUntrustedRoot) {
    // The root cannot even be one: say what is wrong with it.
    verdict = pki::VerifySelfContained(chain, options.at, email);
    if (verdict.ok()) verdict.fault = pki::ChainFault::kNotACa;
  }
  if (!verdict.ok()) {
    return {kInvalid, absl::StrCat("INVALID ", pki::ChainFaultName(verdict.fault), ": ",
                                   verdict.explanation, "\n", Describe(chain))};
  }
  const bool good = verdict.revocation == pki::RevocationStatus::kGood;
  return {kValid,
          absl::StrCat("VALID", trust.named ? "" : " (no --root given: its own root is taken)",
                       "\n", Describe(chain), "revocation: ", good ? "good" : "unknown", "\n")};
}

// The root need not be in the file when it is among those trusted.
absl::StatusOr<pki::CertificateChain> ChainOf(std::vector<pki::Certificate> certificates,
                                              const Trust& trust) {
  auto chain = pki::CertificateChain::Make(certificates);
  for (const auto& [fingerprint, root] : trust.store.roots()) {
    if (chain.ok()) break;
    std::vector<pki::Certificate> longer = certificates;
    longer.push_back(root);
    if (auto completed = pki::CertificateChain::Make(std::move(longer)); completed.ok()) {
      chain = std::move(completed);
    }
  }
  return chain;
}

VerifyOutcome JudgeObject(ByteView bytes, Trust& trust, const VerifyOptions& options) {
  const store::Judgement judgement = store::Validate(bytes, options.at);
  if (!judgement.object.has_value()) {
    return {kInvalid, absl::StrCat("INVALID ", store::ObjectFaultName(judgement.fault), "\n")};
  }
  const store::Object& object = *judgement.object;
  std::string text = absl::StrCat("object: ", store::ObjectKindName(object.kind()),
                                  "\nkey: ", Hex(object.key().view()),
                                  "\nexpires: ", TimeText(object.expires()), "\n");
  if (object.kind() != store::ObjectKind::OBJECT_KIND_AUTHENTICATION) {
    if (!options.email.empty() || trust.named || !options.crls.empty()) {
      return {kUsage, absl::StrCat(options.file, ": an object of kind ",
                                   store::ObjectKindName(object.kind()),
                                   " carries no chain that --root, --crl or --email could judge")};
    }
    return {kValid, absl::StrCat("VALID\n", text)};
  }
  VerifyOutcome outcome = JudgeChain(object.chain(), trust, options);
  if (outcome.exit_code != kUsage) outcome.text += text;
  return outcome;
}

}  // namespace

VerifyOutcome Verify(const VerifyOptions& options) {
  Trust trust;
  for (const std::string& file : options.roots) {
    const absl::Status added = AddRoots(file, trust);
    if (!added.ok()) return Usage(file, added);
  }
  const auto bytes = ReadFile(options.file, kMaxFile);
  if (!bytes.ok()) return Usage(options.file, bytes.status());
  if (!IsPem(*bytes) && !IsDer(*bytes)) return JudgeObject(*bytes, trust, options);
  auto certificates = Certificates(*bytes);
  if (!certificates.ok()) {
    return {kInvalid, absl::StrCat("INVALID ", pki::ChainFaultName(pki::ChainFault::kMalformed),
                                   ": ", certificates.status().message(), "\n")};
  }
  const auto chain = ChainOf(*std::move(certificates), trust);
  if (!chain.ok()) {
    return {kInvalid, absl::StrCat("INVALID ", pki::ChainFaultName(pki::ChainFault::kMalformed),
                                   ": ", chain.status().message(), "\n")};
  }
  return JudgeChain(*chain, trust, options);
}

}  // namespace p2pd::daemon
