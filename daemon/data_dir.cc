#include "daemon/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

// Whose lock it is, as it wrote into the file; empty when that cannot be read.
std::string HolderOf(int fd) {
  char text[32] = {};
  const ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
  if (got <= 0) return "";
  return absl::StrCat(" (process ",
                      absl::StripAsciiWhitespace(absl::string_view(text, static_cast<size_t>(got))),
                      ")");
}

absl::Status WithAdvice(const absl::Status& status) {
  if (SaysWhatToDo(status)) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(),
                                   "; let this account write there, or choose another folder with "
                                   "--data-dir"));
}

absl::Status CannotWrite(int error, const std::string& folder) {
  return WithAdvice(FileError(error, "write in the data folder", folder));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDir>> DataDir::Open(const std::string& path) {
  if (const absl::Status made = MakeFolder(path); !made.ok()) return WithAdvice(made);
  const std::string lock = path + "/lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return CannotWrite(errno, path);
  std::unique_ptr<DataDir> folder(new DataDir(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError(errno, "lock", lock);
    return absl::FailedPreconditionError(
        absl::StrCat("another p2pd", HolderOf(fd), " uses the data folder ", path,
                     ": stop it, or choose another with --data-dir"));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  // An empty or read-only disk shows here, before anything else is touched.
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return CannotWrite(errno, path);
  }
  return folder;
}

DataDir::~DataDir() { close(lock_fd_); }

}  // namespace p2pd::daemon
