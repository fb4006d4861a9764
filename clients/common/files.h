// Files that the caller names: read whole with a bound, written so that a full disk leaves the old
// content. "-" is standard input or output.
//
// Rules: a file that is there is replaced by one that is complete (written beside it, synced,
// renamed), behind symbolic links too; what is no regular file (a device, a pipe) is written to and
// stays what it is. Errors are one line for a person: what, where, why, what to do.
// Threads: any.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace p2pd::clients {

// The whole file, or standard input for "-"; nullopt and a sentence in `problem` when it cannot be
// read or is larger than `max_bytes`; of a secret also when group or others may read the file.
std::optional<std::string> ReadInput(const std::string& path, size_t max_bytes,
                                     std::string* problem, bool secret = false);

// "-", /dev/stdout and other names of the descriptor that answers are printed to.
bool IsStandardOutput(const std::string& path);

// Whether WriteOutput could write there; asked before something is done whose result would have no
// place. Changes nothing. InvalidArgument: the caller named a bad place.
absl::Status CheckOutput(const std::string& path);

// `secret` makes a regular file 0600. The code is that of the system's error.
absl::Status WriteOutput(const std::string& path, const std::string& content, bool secret);

}  // namespace p2pd::clients
