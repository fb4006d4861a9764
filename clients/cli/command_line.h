// The command line of p2pctl: every command, its arguments, its help. All of CLI11 is in this one
// file's .cc, since it is heavy to compile.
#pragma once

namespace p2pd::cli {

// Parses, runs one command, returns the process's exit code.
int RunCommandLine(int argc, char** argv);

}  // namespace p2pd::cli
