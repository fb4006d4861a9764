// FileLayer: the seam between the piece store and the operating system. Tests put a disk there that
// dies between two calls, is full, or loses what was not synced.
//
// Rules: a path is a root, which is trusted, and what lies below it, which is not: each part below
// is opened by itself and never through a link. Errors are those of FileError, with the path in
// front. Threads: any; a File may be used by several threads at once, as pread(2) and pwrite(2)
// may.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::pieces {

struct FileFacts {
  uint64_t size = 0;
  // Without holes.
  uint64_t bytes_on_disk = 0;
  // Nanoseconds since 1970; compared for being the same, nothing else.
  int64_t modified = 0;
  // Of the file system: holes are made of these. A power of two.
  uint32_t block = 4096;
  // False when somebody removed the file while it was open.
  bool linked = true;
};

class File {
 public:
  virtual ~File() = default;
  // All of `to`; OutOfRange when the file ends before; Unavailable with `now` when the bytes are
  // not in memory.
  virtual absl::Status ReadAt(uint64_t offset, MutableByteView to, bool now) = 0;
  virtual absl::Status WriteAt(uint64_t offset, ByteView bytes) = 0;
  // Both data and size are durable when it returns.
  virtual absl::Status Sync() = 0;
  virtual absl::Status Resize(uint64_t size) = 0;
  virtual absl::Status Punch(uint64_t offset, uint64_t length) = 0;
  virtual absl::StatusOr<FileFacts> Facts() const = 0;
};

// Where a file is.
struct FilePlace {
  std::string root;   // absolute, trusted
  std::string below;  // parts parted by slashes; as Layout::ValidPath says
};

class FileLayer {
 public:
  virtual ~FileLayer() = default;
  // NotFound when it is missing and `create` is not set; then folders are made as well.
  // FailedPrecondition when a part is a link, or the last one no plain file.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const FilePlace& place, bool create) = 0;
  // OK when it was not there. Folders below the root that are empty now go with it.
  virtual absl::Status Remove(const FilePlace& place) = 0;
  // Whole small files of ours: as ReadFile and WriteFileAtomically of base/file.h.
  virtual absl::StatusOr<Bytes> ReadWhole(const std::string& path, size_t max_bytes) = 0;
  virtual absl::Status Replace(const std::string& path, ByteView content) = 0;
  virtual absl::Status RemoveWhole(const std::string& path) = 0;
  virtual absl::Status MakeRoot(const std::string& path) = 0;
};

// The operating system's own. Lives for ever.
FileLayer& SystemFileLayer();

}  // namespace p2pd::archive::pieces
