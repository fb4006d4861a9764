// Passphrases come from a systemd credential, from standard input when asked for, or from the
// terminal without echo; never from an argument, where every user of the machine could read them.
#pragma once

#include <optional>
#include <string>

namespace p2pd::cli {

struct PassphraseOptions {
  bool from_stdin = false;  // --passphrase-stdin: one line
  bool confirm = false;     // a new one: asked twice on a terminal
};

// The credential "p2pd-passphrase" ($CREDENTIALS_DIRECTORY) if it is there, else standard input if
// asked for, else the terminal. nullopt and a sentence in `problem` when none of them gives one.
// Wipe what you got.
std::optional<std::string> AskPassphrase(const std::string& prompt,
                                         const PassphraseOptions& options, std::string* problem);
void WipePassphrase(std::string& passphrase);

}  // namespace p2pd::cli
