// FakeDisk: a file layer in memory that can be full, fail, and die between two calls. What was not
// synced when it died is there page by page or not, as chance has it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "libcore/archive/pieces/file_layer.h"
#include "libcore/base/mutex.h"
#include "libcore/base/rng.h"

namespace p2pd::archive::pieces {

class FakeDisk final : public FileLayer {
 public:
  static constexpr uint32_t kPage = 4096;

  explicit FakeDisk(Rng& rng) : rng_(rng) {}

  // The disk answers no more after so many changes; what it was asked then is not done.
  void DieAfter(uint64_t changes) { left_ = changes; }
  bool dead() const { return left_ == uint64_t{0}; }
  uint64_t changes() const { return changes_; }
  // The machine starts again with what was durable and some of the rest.
  void Restart();
  // No more than so many bytes, in pages.
  void SetQuota(uint64_t bytes) { quota_ = bytes; }
  void FailReads(absl::Status status) { read_error_ = std::move(status); }
  void FailSyncs(absl::Status status) { sync_error_ = std::move(status); }
  // Nothing is in memory.
  void SetCold(bool cold) { cold_ = cold; }

  // Somebody else's hands.
  Bytes& Content(const std::string& path);
  bool Exists(const std::string& path) const { return files_.contains(path); }
  void Delete(const std::string& path);
  void Touch(const std::string& path);
  uint64_t BytesOnDisk() const;

  absl::StatusOr<std::unique_ptr<File>> Open(const FilePlace& place, bool create) override;
  absl::Status Remove(const FilePlace& place) override;
  absl::StatusOr<Bytes> ReadWhole(const std::string& path, size_t max_bytes) override;
  absl::Status Replace(const std::string& path, ByteView content) override;
  absl::Status RemoveWhole(const std::string& path) override;
  absl::Status MakeRoot(const std::string&) override { return absl::OkStatus(); }

 private:
  class FakeFile;
  struct Inode {
    Bytes content;
    Bytes durable;
    std::set<uint64_t> dirty;  // pages
    std::set<uint64_t> allocated;
    int64_t modified = 1;
    bool linked = true;
  };

  // Counts a change; not OK when the disk is dead.
  absl::Status Step();

  Rng& rng_;
  std::map<std::string, std::shared_ptr<Inode>> files_;  // owners: the disk and open files
  std::map<std::string, Bytes> whole_;
  std::optional<uint64_t> left_;
  uint64_t changes_ = 0;
  std::optional<uint64_t> quota_;
  absl::Status read_error_;
  absl::Status sync_error_;
  bool cold_ = false;
  int64_t time_ = 1;
};

}  // namespace p2pd::archive::pieces
