#include "tests/unit/archive/pieces/fake_disk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"

namespace p2pd::archive::pieces {

class FakeDisk::FakeFile final : public File {
 public:
  FakeFile(FakeDisk& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}

  absl::Status ReadAt(uint64_t offset, MutableByteView to, bool now) override {
    if (disk_.dead()) return absl::AbortedError("dead");
    if (now && disk_.cold_) return absl::UnavailableError("");
    P2PD_RETURN_IF_ERROR(disk_.read_error_);
    if (offset + to.size() > inode_->content.size()) return absl::OutOfRangeError("short");
    std::copy_n(inode_->content.begin() + static_cast<ptrdiff_t>(offset), to.size(), to.begin());
    return absl::OkStatus();
  }
  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    P2PD_RETURN_IF_ERROR(disk_.Step());
    std::set<uint64_t> fresh = inode_->allocated;
    for (uint64_t p = offset / kPage; p <= (offset + bytes.size() - 1) / kPage; ++p)
      fresh.insert(p);
    const uint64_t more = (fresh.size() - inode_->allocated.size()) * kPage;
    if (disk_.quota_ && disk_.BytesOnDisk() + more > *disk_.quota_) {
      return absl::ResourceExhaustedError("no space");
    }
    inode_->allocated = std::move(fresh);
    if (inode_->content.size() < offset + bytes.size())
      inode_->content.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), inode_->content.begin() + static_cast<ptrdiff_t>(offset));
    Dirty(offset, bytes.size());
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    P2PD_RETURN_IF_ERROR(disk_.Step());
    P2PD_RETURN_IF_ERROR(disk_.sync_error_);
    inode_->durable = inode_->content;
    inode_->dirty.clear();
    return absl::OkStatus();
  }
  absl::Status Resize(uint64_t size) override {
    P2PD_RETURN_IF_ERROR(disk_.Step());
    inode_->content.resize(size);
    inode_->durable.resize(size);  // the harder case for who trusts sizes
    inode_->modified = ++disk_.time_;
    return absl::OkStatus();
  }
  absl::Status Punch(uint64_t offset, uint64_t length) override {
    P2PD_RETURN_IF_ERROR(disk_.Step());
    P2PD_CHECK(offset % kPage == 0 && length % kPage == 0);
    for (uint64_t p = offset / kPage; p < (offset + length) / kPage; ++p)
      inode_->allocated.erase(p);
    const uint64_t end = std::min<uint64_t>(offset + length, inode_->content.size());
    std::fill(inode_->content.begin() + static_cast<ptrdiff_t>(offset),
              inode_->content.begin() + static_cast<ptrdiff_t>(end), uint8_t{0});
    Dirty(offset, end - offset);
    return absl::OkStatus();
  }
  absl::StatusOr<FileFacts> Facts() const override {
    if (disk_.dead()) return absl::AbortedError("dead");
    return FileFacts{.size = inode_->content.size(),
                     .bytes_on_disk = inode_->allocated.size() * kPage,
                     .modified = inode_->modified,
                     .block = kPage,
                     .linked = inode_->linked};
  }

 private:
  void Dirty(uint64_t offset, uint64_t length) {
    for (uint64_t p = offset / kPage; p * kPage < offset + length; ++p) inode_->dirty.insert(p);
    inode_->modified = ++disk_.time_;
  }
  FakeDisk& disk_;
  std::shared_ptr<Inode> inode_;
};

absl::Status FakeDisk::Step() {
  if (dead()) return absl::AbortedError("dead");
  if (left_ && --*left_ == 0) return absl::AbortedError("dies");
  ++changes_;
  return absl::OkStatus();
}

void FakeDisk::Restart() {
  left_.reset();
  for (auto& [path, old] : files_) {
    auto inode = std::make_shared<Inode>(*old);
    inode->durable.resize(inode->content.size());
    for (const uint64_t page : inode->dirty) {
      if (rng_.Below(2) == 0) continue;
      const size_t from = page * kPage;
      const size_t size = std::min<size_t>(kPage, inode->content.size() - from);
      std::copy_n(inode->content.begin() + static_cast<ptrdiff_t>(from), size,
                  inode->durable.begin() + static_cast<ptrdiff_t>(from));
    }
    inode->content = inode->durable;
    inode->dirty.clear();
    old = std::move(inode);
  }
}

Bytes& FakeDisk::Content(const std::string& path) { return files_.at(path)->content; }

void FakeDisk::Delete(const std::string& path) {
  files_.at(path)->linked = false;
  files_.erase(path);
}

void FakeDisk::Touch(const std::string& path) { files_.at(path)->modified = ++time_; }

uint64_t FakeDisk::BytesOnDisk() const {
  uint64_t sum = 0;
  for (const auto& [path, inode] : files_) sum += inode->allocated.size() * kPage;
  return sum;
}

absl::StatusOr<std::unique_ptr<File>> FakeDisk::Open(const FilePlace& place, bool create) {
  if (dead()) return absl::AbortedError("dead");
  const std::string path = absl::StrCat(place.root, "/", place.below);
  const auto found = files_.find(path);
  if (found == files_.end()) {
    if (!create) return absl::NotFoundError(path);
    P2PD_RETURN_IF_ERROR(Step());
    files_[path] = std::make_shared<Inode>();
  }
  return std::make_unique<FakeFile>(*this, files_[path]);
}

absl::Status FakeDisk::Remove(const FilePlace& place) {
  P2PD_RETURN_IF_ERROR(Step());
  files_.erase(absl::StrCat(place.root, "/", place.below));
  return absl::OkStatus();
}

absl::StatusOr<Bytes> FakeDisk::ReadWhole(const std::string& path, size_t max_bytes) {
  if (dead()) return absl::AbortedError("dead");
  const auto found = whole_.find(path);
  if (found == whole_.end()) return absl::NotFoundError(path);
  if (found->second.size() > max_bytes) return absl::ResourceExhaustedError(path);
  return found->second;
}

absl::Status FakeDisk::Replace(const std::string& path, ByteView content) {
  P2PD_RETURN_IF_ERROR(Step());
  whole_[path] = ToBytes(content);
  return absl::OkStatus();
}

absl::Status FakeDisk::RemoveWhole(const std::string& path) {
  P2PD_RETURN_IF_ERROR(Step());
  whole_.erase(path);
  return absl::OkStatus();
}

}  // namespace p2pd::archive::pieces
