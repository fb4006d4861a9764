#include "clients/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace p2pd::clients {
namespace {

// As many as the kernel follows (path_resolution(7)).
constexpr int kMaxLinks = 40;

const char* Advice(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ": make the folder first, or name another file";
    case EISDIR:
      return ": name a file";
    case ENOSPC:
    case EDQUOT:
      return ": make room, or name another file";
    default:
      return ": name another file";
  }
}

std::string Problem(const std::string& path, int error) {
  return absl::StrCat("cannot write ", path, ": ", std::strerror(error), Advice(error));
}

absl::Status Failed(const std::string& path, int error) {
  return absl::Status(absl::ErrnoToStatusCode(error), Problem(path, error));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Where the links at `path` lead: a file, or a place where there is none yet. nullopt when that is
// an open descriptor (/proc/self/fd), which has no place beside it, or when the links have no end.
std::optional<std::string> FollowLinks(std::string path) {
  for (int links = 0; links < kMaxLinks; ++links) {
    char folder[PATH_MAX];
    if (realpath(FolderOf(path).c_str(), folder) != nullptr &&
        absl::StartsWith(absl::StrCat(folder, "/"), "/proc/")) {
      return std::nullopt;
    }
    char target[PATH_MAX];
    const ssize_t size = readlink(path.c_str(), target, sizeof target);
    if (size < 0) return path;
    const std::string link(target, static_cast<size_t>(size));
    path = absl::StartsWith(link, "/") ? link : absl::StrCat(FolderOf(path), "/", link);
  }
  return std::nullopt;
}

// Where a file of the same folder is renamed to; nullopt: what has the name is written to itself.
std::optional<std::string> Replaceable(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) return std::nullopt;
  return FollowLinks(path);
}

// 0, or errno.
int WriteAll(int fd, const std::string& content) {
  for (size_t done = 0; done < content.size();) {
    const ssize_t part = write(fd, content.data() + done, content.size() - done);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return errno;
    done += static_cast<size_t>(part);
  }
  // A device or a pipe has nothing to sync.
  return fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP ? 0 : errno;
}

int WriteAndClose(int fd, const std::string& content) {
  const int error = WriteAll(fd, content);
  const int closed = close(fd) == 0 ? 0 : errno;
  return error != 0 ? error : closed;
}

absl::Status Replace(const std::string& path, const std::string& content, bool secret) {
  const std::string beside = path + ".new";
  // What an interrupted run left; opened anew, so that no link at that name is followed.
  unlink(beside.c_str());
  const int fd =
      open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
  if (fd < 0) return Failed(path, errno);
  int error = WriteAndClose(fd, content);
  if (error == 0 && rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(beside.c_str());
  return Failed(path, error);
}

}  // namespace

std::optional<std::string> ReadInput(const std::string& path, size_t max_bytes,
                                     std::string* problem, bool secret) {
  const bool standard = path == "-";
  const int fd = standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    *problem = absl::StrCat("cannot open ", path, ": ", std::strerror(errno));
    return std::nullopt;
  }
  struct stat info{};
  // Only a file has readers of its own.
  if (secret && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077) != 0) {
    if (!standard) close(fd);
    *problem = absl::StrCat(path, " holds a secret but others may read it: run chmod 600 ", path);
    return std::nullopt;
  }
  std::string content;
  char buffer[65536];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0 && content.size() <= max_bytes) {
    content.append(buffer, static_cast<size_t>(got));
  }
  const int error = errno;
  if (!standard) close(fd);
  if (got < 0) {
    *problem = absl::StrCat("cannot read ", path, ": ", std::strerror(error));
    return std::nullopt;
  }
  if (content.size() > max_bytes) {
    *problem = absl::StrCat(path, " has more than the ", max_bytes, " bytes that are taken");
    return std::nullopt;
  }
  return content;
}

bool IsStandardOutput(const std::string& path) {
  if (path == "-") return true;
  struct stat named{};
  struct stat open_one{};
  return stat(path.c_str(), &named) == 0 && fstat(STDOUT_FILENO, &open_one) == 0 &&
         named.st_dev == open_one.st_dev && named.st_ino == open_one.st_ino &&
         !FollowLinks(path).has_value();
}

absl::Status CheckOutput(const std::string& path) {
  if (IsStandardOutput(path)) return absl::OkStatus();
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(Problem(path, EISDIR));
  }
  const std::optional<std::string> replaced = Replaceable(path);
  const std::string needed = replaced ? FolderOf(*replaced) : path;
  if (access(needed.c_str(), replaced ? W_OK | X_OK : W_OK) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(Problem(path, errno));
}

absl::Status WriteOutput(const std::string& path, const std::string& content, bool secret) {
  if (IsStandardOutput(path)) {
    errno = 0;
    const bool written = std::fwrite(content.data(), 1, content.size(), stdout) == content.size();
    return written && std::fflush(stdout) == 0 ? absl::OkStatus()
                                               : Failed("to standard output", errno);
  }
  if (const std::optional<std::string> replaced = Replaceable(path)) {
    return Replace(*replaced, content, secret);
  }
  const int fd = open(path.c_str(), O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return Failed(path, errno);
  const int error = WriteAndClose(fd, content);
  return error == 0 ? absl::OkStatus() : Failed(path, error);
}

}  // namespace p2pd::clients
