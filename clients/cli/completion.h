// Completion scripts for shells, made from the command tree itself, so that they never lag behind
// it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace p2pd::cli {

// To standard output. False for a shell that is none of bash, zsh, fish.
bool PrintCompletion(const CLI::App& app, const std::string& shell);

}  // namespace p2pd::cli
