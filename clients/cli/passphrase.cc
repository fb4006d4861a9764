#include "clients/cli/passphrase.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

namespace p2pd::cli {
namespace {

std::optional<std::string> FromCredential() {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr) return std::nullopt;
  std::ifstream file(std::string(folder) + "/p2pd-passphrase");
  std::string line;
  if (!file || !std::getline(file, line)) return std::nullopt;
  return line;
}

std::optional<std::string> FromTerminal(const std::string& prompt) {
  if (isatty(STDIN_FILENO) == 0) return std::nullopt;
  termios shown{};
  if (tcgetattr(STDIN_FILENO, &shown) != 0) return std::nullopt;
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  std::fprintf(stderr, "%s: ", prompt.c_str());
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string line;
  const bool got = static_cast<bool>(std::getline(std::cin, line));
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::fputs("\n", stderr);
  return got ? std::optional(line) : std::nullopt;
}

}  // namespace

void WipePassphrase(std::string& passphrase) {
  explicit_bzero(passphrase.data(), passphrase.size());
  passphrase.clear();
}

std::optional<std::string> AskPassphrase(const std::string& prompt,
                                         const PassphraseOptions& options, std::string* problem) {
  if (std::optional<std::string> credential = FromCredential()) return credential;
  if (options.from_stdin) {
    std::string line;
    if (std::getline(std::cin, line)) return line;
    *problem = "standard input ended before a passphrase came";
    return std::nullopt;
  }
  std::optional<std::string> first = FromTerminal(prompt);
  if (!first) {
    *problem =
        "a passphrase is needed: run in a terminal, or give it on standard input with "
        "--passphrase-stdin";
    return std::nullopt;
  }
  if (!options.confirm) return first;
  std::optional<std::string> second = FromTerminal("Again");
  const bool same = second == first;
  if (second) WipePassphrase(*second);
  if (same) return first;
  WipePassphrase(*first);
  *problem = "the two passphrases differ";
  return std::nullopt;
}

}  // namespace p2pd::cli
