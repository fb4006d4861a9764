#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/ca/authority_folder.h"
#include "clients/cli/ca/os_rng.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/passphrase.h"
#include "clients/common/files.h"
#include "p2pd/v1/identity_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

ExitCode ReportAuthority(const absl::Status& status) {
  return clients::Report(
      grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message())));
}

// The passphrase of a CA key, for as long as the command runs.
class KeyPassphrase {
 public:
  KeyPassphrase() = default;
  ~KeyPassphrase() { WipePassphrase(text_); }
  KeyPassphrase(const KeyPassphrase&) = delete;
  KeyPassphrase& operator=(const KeyPassphrase&) = delete;

  // InvalidArgument when none is given.
  absl::Status Ask(const std::string& prompt, const PassphraseOptions& options) {
    std::string problem;
    std::optional<std::string> asked = AskPassphrase(prompt, options, &problem);
    if (!asked) return absl::InvalidArgumentError(problem);
    text_ = *asked;
    WipePassphrase(*asked);
    return absl::OkStatus();
  }
  AuthorityAccess Access(Rng& rng) const {
    return {absl::Now(), &rng, text_};  // lint: allow(a certificate authority dates what it signs)
  }

 private:
  std::string text_;
};

// Runs `act(access)`; a key that turns out to be encrypted is asked for on the terminal, once.
template <class Act>
auto WithKey(bool passphrase_stdin, KeyPassphrase& passphrase, Act act) {
  OsRng rng;
  using Result = decltype(act(passphrase.Access(rng)));
  if (passphrase_stdin) {
    const absl::Status asked = passphrase.Ask("", {.from_stdin = true});
    if (!asked.ok()) return Result(asked);
  }
  auto result = act(passphrase.Access(rng));
  if (!NeedsPassphrase(result.status()) || passphrase_stdin) return result;
  const absl::Status asked = passphrase.Ask("Passphrase of the authority's key", {});
  if (!asked.ok()) {
    return Result(
        absl::InvalidArgumentError(absl::StrCat(result.status().message(), "; ", asked.message())));
  }
  return act(passphrase.Access(rng));
}

}  // namespace

ExitCode CaInit(const CaInitArgs& args) {
  KeyPassphrase passphrase;
  if (args.passphrase || args.passphrase_stdin) {
    const absl::Status asked =
        passphrase.Ask("New passphrase for the authority's key", {args.passphrase_stdin, true});
    if (!asked.ok()) return ReportAuthority(asked);
  }
  OsRng rng;
  InitOptions options;
  options.name = args.name;
  options.validity = absl::Hours(24 * args.days);
  const auto made = InitAuthority(args.dir, options, passphrase.Access(rng));
  if (!made.ok()) return ReportAuthority(made.status());
  std::printf("%s: certificate in %s, fingerprint %s\n", made->name.c_str(),
              made->certificate_file.c_str(), made->fingerprint.c_str());
  return ExitCode::kDone;
}

ExitCode CaIssue(const CaIssueArgs& args) {
  KeyPassphrase passphrase;
  const auto issued =
      WithKey(args.passphrase_stdin, passphrase, [&](const AuthorityAccess& access) {
        return IssueFromCsr(args.dir, args.csr, args.out, args.days, access);
      });
  if (!issued.ok()) return ReportAuthority(issued.status());
  if (clients::IsStandardOutput(args.out)) return ExitCode::kDone;
  std::printf("%s (%s): certificate in %s, serial %s, until %s\n", issued->email.c_str(),
              issued->name.c_str(), args.out.c_str(), issued->serial.c_str(),
              absl::FormatTime("%Y-%m-%d", issued->not_after, absl::UTCTimeZone()).c_str());
  return ExitCode::kDone;
}

ExitCode CaRevoke(const std::string& dir, const std::string& email, bool passphrase_stdin) {
  KeyPassphrase passphrase;
  const auto revoked = WithKey(passphrase_stdin, passphrase, [&](const AuthorityAccess& access) {
    return RevokeByEmail(dir, email, access);
  });
  if (!revoked.ok()) return ReportAuthority(revoked.status());
  for (const IssuedCertificate& certificate : *revoked) {
    std::printf("%s: serial %s is revoked\n", certificate.email.c_str(),
                certificate.serial.c_str());
  }
  std::printf("the list is in %s/crl.pem; tell the overlay with: p2pctl ca publish %s\n",
              dir.c_str(), dir.c_str());
  return ExitCode::kDone;
}

ExitCode CaPublish(Session& session, const std::string& dir, bool passphrase_stdin) {
  KeyPassphrase passphrase;
  const auto crl = WithKey(passphrase_stdin, passphrase,
                           [&](const AuthorityAccess& access) { return CurrentCrl(dir, access); });
  if (!crl.ok()) return ReportAuthority(crl.status());
  v1::PublishCrlRequest request;
  request.set_crl(crl->crl_der);
  request.set_issuer_certificate(crl->ca_der);
  return session.CallAndPrint<v1::IdentityService>(
      &v1::IdentityService::Stub::PublishCrl, request, [](const v1::PublishCrlResponse& response) {
        std::printf("revocation list %llu is in the overlay, valid for %s more\n",
                    static_cast<unsigned long long>(response.crl_number()),
                    Show(response.remaining_validity()).c_str());
      });
}

}  // namespace p2pd::cli
