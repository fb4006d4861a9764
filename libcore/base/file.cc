#include "libcore/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/descriptor.h"
#include "libcore/base/status.h"

namespace p2pd {
namespace {

constexpr absl::string_view kAdvised = "p2pd/advised";  // a status' payload

absl::Status WriteAll(int fd, ByteView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return FileError(errno, "write", path);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return FileError(errno, "sync", path);
  return absl::OkStatus();
}

// A disk that takes nothing more: what to do is about the disk, not about the name.
bool IsAboutTheDisk(int error) { return error == ENOSPC || error == EDQUOT || error == EROFS; }

absl::Status SyncFolder(const std::string& folder) {
  const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return FileError(errno, "open folder", folder);
  if (fsync(fd.get()) != 0) return FileError(errno, "sync folder", folder);
  return absl::OkStatus();
}

}  // namespace

absl::Status FileError(int error, const std::string& action, const std::string& path) {
  const absl::Status status =
      absl::ErrnoToStatus(error, absl::StrCat("cannot ", action, " ", path));
  if (!IsAboutTheDisk(error)) return status;
  absl::Status advised(
      status.code(),
      absl::StrCat(status.message(), error == EROFS
                                         ? "; make that disk writable, or choose another place"
                                         : "; disk full: make room there and try again"));
  advised.SetPayload(kAdvised, absl::Cord());
  return advised;
}

bool SaysWhatToDo(const absl::Status& status) { return status.GetPayload(kAdvised).has_value(); }

absl::StatusOr<Bytes> ReadFile(const std::string& path, size_t max_bytes, FileMode mode) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return FileError(errno, "open", path);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return FileError(errno, "look at", path);
  if (S_ISDIR(info.st_mode)) return FileError(EISDIR, "read", path);
  if (mode == FileMode::kSecret && (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds a secret but others may read it: run chmod 600 ", path));
  }
  // Read in place, so that a secret leaves no second copy; the size that the file system names is a
  // hint only (a pipe has none), and one byte more shows the end or the excess.
  constexpr size_t kChunk = 16384;
  P2PD_CHECK(max_bytes < std::numeric_limits<size_t>::max());
  Bytes content(std::min(static_cast<size_t>(info.st_size), max_bytes) + 1);
  size_t size = 0;
  while (true) {
    if (size == content.size()) content.resize(std::min(size + kChunk, max_bytes + 1));
    const ssize_t got = read(fd.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", path);
    size += static_cast<size_t>(got);
    if (size > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " is larger than the ", max_bytes, " bytes that are read"));
    }
    if (got == 0) {
      content.resize(size);
      return content;
    }
  }
}

absl::Status WriteFileAtomically(const std::string& path, ByteView content, FileMode mode) {
  const std::string beside = path + ".new";
  const mode_t bits = mode == FileMode::kSecret ? 0600 : 0644;
  {
    const Descriptor fd(
        open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, bits));
    if (fd.get() < 0) {
      // A person knows the file that is meant, not the one beside it.
      return IsAboutTheDisk(errno) ? FileError(errno, "write", path)
                                   : FileError(errno, "create", beside);
    }
    absl::Status written = fchmod(fd.get(), bits) == 0
                               ? WriteAll(fd.get(), content, path)
                               : FileError(errno, "set the mode of", beside);
    if (!written.ok()) {
      unlink(beside.c_str());
      return written;
    }
  }
  if (rename(beside.c_str(), path.c_str()) != 0) {
    const absl::Status failed = FileError(errno, "replace", path);
    unlink(beside.c_str());
    return failed;
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return SyncFolder(folder.empty() ? "." : folder);
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const std::string parent = std::filesystem::path(path).parent_path().string();
  if (!parent.empty() && parent != path) P2PD_RETURN_IF_ERROR(MakeFolder(parent));
  if (mkdir(path.c_str(), 0700) == 0) return SyncFolder(parent.empty() ? "." : parent);
  if (errno != EEXIST) return FileError(errno, "make folder", path);
  // Somebody was faster, or a file has the name.
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  return FileError(ENOTDIR, "make folder", path);
}

}  // namespace p2pd
