// p2pctl: the command line of p2pd.
#include "clients/cli/command_line.h"

int main(int argc, char** argv) { return p2pd::cli::RunCommandLine(argc, argv); }
