// Small files, whole: read with a bound, written so that a crash leaves the old or the new content,
// never a part.
//
// Errors name the path, what was tried and why it failed, since they reach a person unchanged.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"

namespace p2pd {

enum class FileMode { kPublic, kSecret };  // 0644 and 0600

// NotFound, PermissionDenied, or ResourceExhausted when the file has more than `max_bytes`. With
// kSecret the file must not be readable by group or others, else FailedPrecondition.
absl::StatusOr<Bytes> ReadFile(const std::string& path, size_t max_bytes,
                               FileMode mode = FileMode::kPublic);

// Writes beside `path`, syncs, renames over it, syncs the folder.
absl::Status WriteFileAtomically(const std::string& path, ByteView content, FileMode mode);

// Makes the folder and its parents with mode 0700 where missing. FailedPrecondition when something
// else has the name.
absl::Status MakeFolder(const std::string& path);

// ErrnoToStatus with the path and the action in front: "cannot open /x: No such file or directory";
// behind it, where the disk is full or read-only, what to do. `action` is a verb: "open".
absl::Status FileError(int error, const std::string& action, const std::string& path);
// Whether FileError said what to do: more advice would contradict it.
bool SaysWhatToDo(const absl::Status& status);

}  // namespace p2pd
