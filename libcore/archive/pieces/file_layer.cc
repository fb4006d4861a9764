#include "libcore/archive/pieces/file_layer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/descriptor.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::archive::pieces {
namespace {

std::string PathOf(const FilePlace& place) { return absl::StrCat(place.root, "/", place.below); }

// ELOOP is what O_NOFOLLOW says of a link, ENOTDIR what O_DIRECTORY says of one and of all else.
absl::Status PlaceError(int error, const char* action, const FilePlace& place) {
  if (error == ELOOP || error == ENOTDIR) {
    return absl::FailedPreconditionError(
        absl::StrCat(PathOf(place), ": a link or something else stands in its way"));
  }
  return FileError(error, action, PathOf(place));
}

class SystemFile final : public File {
 public:
  SystemFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::Status ReadAt(uint64_t offset, MutableByteView to, bool now) override {
    while (!to.empty()) {
      const iovec part{to.data(), to.size()};
      const ssize_t got =
          preadv2(fd_.get(), &part, 1, static_cast<off_t>(offset), now ? RWF_NOWAIT : 0);
      if (got < 0) {
        if (errno == EINTR) continue;
        // What the file system cannot say at once, it says when asked to wait.
        if (now) return absl::UnavailableError("");
        return FileError(errno, "read", path_);
      }
      if (got == 0) return absl::OutOfRangeError(absl::StrCat(path_, " is shorter than it was"));
      to.remove_prefix(static_cast<size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
    return absl::OkStatus();
  }

  absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t done =
          pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0) {
        if (errno == EINTR) continue;
        return FileError(errno, "write", path_);
      }
      bytes.remove_prefix(static_cast<size_t>(done));
      offset += static_cast<uint64_t>(done);
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    return fdatasync(fd_.get()) == 0 ? absl::OkStatus() : FileError(errno, "sync", path_);
  }

  absl::Status Resize(uint64_t size) override {
    return ftruncate(fd_.get(), static_cast<off_t>(size)) == 0 ? absl::OkStatus()
                                                               : FileError(errno, "resize", path_);
  }

  absl::Status Punch(uint64_t offset, uint64_t length) override {
    return fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     static_cast<off_t>(offset), static_cast<off_t>(length)) == 0
               ? absl::OkStatus()
               : FileError(errno, "punch a hole into", path_);
  }

  absl::StatusOr<FileFacts> Facts() const override {
    struct stat facts{};
    if (fstat(fd_.get(), &facts) != 0) return FileError(errno, "look at", path_);
    constexpr int64_t kNanos = 1'000'000'000;
    constexpr uint64_t kStatBlock = 512;  // stat(2), st_blocks
    FileFacts out;
    out.size = static_cast<uint64_t>(facts.st_size);
    out.bytes_on_disk = static_cast<uint64_t>(facts.st_blocks) * kStatBlock;
    out.modified = facts.st_mtim.tv_sec * kNanos + facts.st_mtim.tv_nsec;
    out.block = static_cast<uint32_t>(facts.st_blksize);
    out.linked = facts.st_nlink > 0;
    return out;
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class System final : public FileLayer {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const FilePlace& place, bool create) override {
    P2PD_ASSIGN_OR_RETURN(Walk walk, FolderOf(place, create));
    // A pipe of that name would block the one who opens it.
    constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const int above = walk.folders.back().get();
    Descriptor fd(openat(above, walk.name.c_str(), kFlags));
    if (fd.get() < 0 && errno == ENOENT && create) {
      constexpr mode_t kMode = 0644;
      fd = Descriptor(openat(above, walk.name.c_str(), kFlags | O_CREAT, kMode));
      // Or the file's bytes would be durable, and its name not.
      if (fd.get() >= 0 && fsync(above) != 0) return PlaceError(errno, "sync the folder of", place);
    }
    if (fd.get() < 0) return PlaceError(errno, "open", place);
    struct stat facts{};
    if (fstat(fd.get(), &facts) != 0) return PlaceError(errno, "look at", place);
    if (!S_ISREG(facts.st_mode)) return PlaceError(ENOTDIR, "open", place);
    return std::make_unique<SystemFile>(std::move(fd), PathOf(place));
  }

  absl::Status Remove(const FilePlace& place) override {
    absl::StatusOr<Walk> walk = FolderOf(place, false);
    if (absl::IsNotFound(walk.status())) return absl::OkStatus();
    P2PD_RETURN_IF_ERROR(walk.status());
    if (unlinkat(walk->folders.back().get(), walk->name.c_str(), 0) != 0 && errno != ENOENT) {
      return PlaceError(errno, "remove", place);
    }
    for (size_t i = walk->parts.size(); i-- > 0;) {
      if (unlinkat(walk->folders[i].get(), walk->parts[i].c_str(), AT_REMOVEDIR) != 0) break;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Bytes> ReadWhole(const std::string& path, size_t max_bytes) override {
    return ReadFile(path, max_bytes);
  }
  absl::Status Replace(const std::string& path, ByteView content) override {
    return WriteFileAtomically(path, content, FileMode::kPublic);
  }
  absl::Status RemoveWhole(const std::string& path) override {
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return FileError(errno, "remove", path);
  }
  absl::Status MakeRoot(const std::string& path) override { return MakeFolder(path); }

 private:
  // A way down: folders[0] is the root, folders[i + 1] is parts[i] in folders[i].
  struct Walk {
    std::vector<Descriptor> folders;
    std::vector<std::string> parts;
    std::string name;
  };

  static absl::StatusOr<Walk> FolderOf(const FilePlace& place, bool create) {
    Walk walk;
    walk.parts = absl::StrSplit(place.below, '/');
    walk.name = std::move(walk.parts.back());
    walk.parts.pop_back();
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    walk.folders.emplace_back(open(place.root.c_str(), kFlags));
    if (walk.folders.back().get() < 0) return PlaceError(errno, "open", place);
    for (const std::string& part : walk.parts) {
      const int above = walk.folders.back().get();
      Descriptor next(openat(above, part.c_str(), kFlags | O_NOFOLLOW));
      if (next.get() < 0 && errno == ENOENT && create) {
        constexpr mode_t kMode = 0755;
        if (mkdirat(above, part.c_str(), kMode) != 0 && errno != EEXIST) {
          return PlaceError(errno, "make the folder of", place);
        }
        if (fsync(above) != 0) return PlaceError(errno, "sync the folder of", place);
        next = Descriptor(openat(above, part.c_str(), kFlags | O_NOFOLLOW));
      }
      if (next.get() < 0) return PlaceError(errno, "open the folder of", place);
      walk.folders.push_back(std::move(next));
    }
    return walk;
  }
};

}  // namespace

FileLayer& SystemFileLayer() {
  static System layer;
  return layer;
}

}  // namespace p2pd::archive::pieces
