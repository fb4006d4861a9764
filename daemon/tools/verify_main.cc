// p2pd-verify [--root F]... [--crl F]... [--email E] [--at TIME] FILE
#include <CLI/CLI.hpp>
#include <cstdio>

#include "daemon/tools/verify.h"
#include "libcore/runtime/clock.h"

int main(int argc, char** argv) {
  p2pd::daemon::VerifyOptions options;
  options.at = p2pd::runtime::WallNow();
  std::string at;
  CLI::App app(
      "Judges one object of the overlay or one certificate chain from a file.\n"
      "Exit code: 0 valid, 1 not, 2 usage.",
      "p2pd-verify");
  app.add_option("--root", options.roots, "Root to trust, PEM or DER (default: the chain's own)")
      ->allow_extra_args(false);
  app.add_option("--crl", options.crls, "Revocation list of a CA in the chain, PEM or DER")
      ->allow_extra_args(false);
  app.add_option("--email", options.email, "Address that the certificate must be for");
  app.add_option("--at", at, "Judge as of this time, such as 2026-11-21T12:00:00Z (default: now)");
  app.add_option("FILE", options.file,
                 "PEM certificates (the person's first), one DER certificate, or an object")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::string problem;
  if (!at.empty() && !absl::ParseTime(absl::RFC3339_full, at, &options.at, &problem)) {
    std::fprintf(stderr, "p2pd-verify: --at %s: %s\n", at.c_str(), problem.c_str());
    return 2;
  }
  const p2pd::daemon::VerifyOutcome outcome = p2pd::daemon::Verify(options);
  if (outcome.exit_code == 2) {
    std::fprintf(stderr, "p2pd-verify: %s\n", outcome.text.c_str());
  } else {
    std::fputs(outcome.text.c_str(), stdout);
  }
  return outcome.exit_code;
}
