// Storage: named blobs that outlive the process. Protocol code sees this interface; the daemon
// gives it a folder, the simulator a map that can be torn by a crash.
//
// Rules: a Write that returned OK is still there after kill -9; a failed one left the old blob.
// Names are slash-separated words of [A-Za-z0-9._@-], at most 200 characters each and 255 in all,
// never starting with a dot, so that no name leaves the folder, and never ending in ".new", which
// is how a half-written blob is called. Any other name is InvalidArgument.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"
#include "libcore/base/file.h"

namespace p2pd {

class Storage {
 public:
  // Larger blobs are refused in both directions.
  static constexpr size_t kMaxBlob = 16 << 20;

  virtual ~Storage() = default;
  // NotFound when there is no such blob.
  virtual absl::StatusOr<Bytes> Read(absl::string_view name) const = 0;
  // Of what was written with kSecret: FailedPrecondition too, when others may read its file.
  virtual absl::StatusOr<Bytes> ReadSecret(absl::string_view name) const { return Read(name); }
  virtual absl::Status Write(absl::string_view name, ByteView content, FileMode mode) = 0;
  // OK when there was none. Nothing of it is left: a half-written one goes with it, and so do the
  // folders above it that are empty now.
  virtual absl::Status Remove(absl::string_view name) = 0;
  // Names that start with `prefix`, sorted.
  virtual std::vector<std::string> List(absl::string_view prefix) const = 0;
  // What a person calls the blob: the path of its file, where there is one.
  virtual std::string TitleOf(absl::string_view name) const { return std::string(name); }

  static bool ValidName(absl::string_view name);
};

// A folder below which each blob is one file, written atomically and synced.
class FolderStorage final : public Storage {
 public:
  explicit FolderStorage(std::string folder) : folder_(std::move(folder)) {}
  absl::StatusOr<Bytes> Read(absl::string_view name) const override;
  absl::StatusOr<Bytes> ReadSecret(absl::string_view name) const override;
  absl::Status Write(absl::string_view name, ByteView content, FileMode mode) override;
  absl::Status Remove(absl::string_view name) override;
  std::vector<std::string> List(absl::string_view prefix) const override;
  std::string TitleOf(absl::string_view name) const override { return PathOf(name); }

 private:
  std::string PathOf(absl::string_view name) const;
  std::string folder_;
};

// For tests and the simulator.
class MemoryStorage final : public Storage {
 public:
  absl::StatusOr<Bytes> Read(absl::string_view name) const override;
  absl::Status Write(absl::string_view name, ByteView content, FileMode mode) override;
  absl::Status Remove(absl::string_view name) override;
  std::vector<std::string> List(absl::string_view prefix) const override;
  // From now on every Write fails with this (a full or read-only disk); OK ends it.
  void FailWrites(absl::Status status) { failure_ = std::move(status); }

 private:
  std::map<std::string, Bytes, std::less<>> blobs_;
  absl::Status failure_;
};

}  // namespace p2pd
