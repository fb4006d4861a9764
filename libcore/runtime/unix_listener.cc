#include "libcore/runtime/unix_listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"

namespace p2pd::runtime {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kFolderMode = 0750;
// Connections that wait to be accepted; beyond it connect fails with EAGAIN.
constexpr int kBacklog = 64;
constexpr absl::Duration kRetryAfterExhaustion = absl::Milliseconds(100);

static_assert(UnixListener::kMaxPath == sizeof(sockaddr_un::sun_path) - 1);

std::optional<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return std::nullopt;
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Whether a process accepts connections at `address`.
bool SomebodyServes(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: the backlog is full, so there is somebody. EACCES: somebody else's.
  const bool served = result == 0 || (errno != ECONNREFUSED && errno != ENOENT);
  close(fd);
  return served;
}

absl::Status MakeRoom(const std::string& path, const sockaddr_un& address) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const std::string folder = path.substr(0, slash);
    struct stat info{};
    if (stat(folder.c_str(), &info) != 0) {
      P2PD_RETURN_IF_ERROR(MakeFolder(folder));
      if (chmod(folder.c_str(), kFolderMode) != 0) {
        return FileError(errno, "set the mode of", folder);
      }
    }
  }
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return FileError(errno, "look at", path);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is no socket: choose another with --control"));
  }
  if (SomebodyServes(address)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is served by another process: stop it or choose another with --control"));
  }
  if (unlink(path.c_str()) != 0) return FileError(errno, "replace", path);
  return absl::OkStatus();
}

std::optional<PeerCredentials> CredentialsOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  PeerCredentials out{
      .pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid, .groups = {}};
  // The kernel's maximum (NGROUPS_MAX) is 65,536; more than 1,024 here means their rights do not
  // count.
  std::vector<gid_t> groups(1024);
  socklen_t bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
    groups.resize(bytes / sizeof(gid_t));
    out.groups = std::move(groups);
  }
  return out;
}

}  // namespace

OwnCredentials Self() { return {.uid = geteuid(), .gid = getegid()}; }

void CloseConnection(int fd) { close(fd); }

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(Loop& loop,
                                                                 const std::string& path,
                                                                 OnConnection on_connection) {
  const auto address = Address(path);
  if (!address) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path, "' is too long for a Unix socket: ", UnixListener::kMaxPath, " bytes at most"));
  }
  P2PD_RETURN_IF_ERROR(MakeRoom(path, *address));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return FileError(errno, "make a socket for", path);
  std::unique_ptr<UnixListener> listener(
      new UnixListener(loop, fd, path, std::move(on_connection)));
  // The mode of the file is that of the socket at bind, less the umask; so it is never wider than
  // wanted, not even for a moment.
  fchmod(fd, kSocketMode);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return FileError(errno, "make the socket", path);
  }
  struct stat info{};
  if (chmod(path.c_str(), kSocketMode) != 0 || lstat(path.c_str(), &info) != 0) {
    return FileError(errno, "set the mode of", path);
  }
  listener->device_ = info.st_dev;
  listener->inode_ = info.st_ino;
  listener->group_ = info.st_gid;
  if (listen(fd, kBacklog) != 0) return FileError(errno, "listen on", path);
  listener->Watch();
  return listener;
}

UnixListener::UnixListener(Loop& loop, int fd, std::string path, OnConnection on_connection)
    : loop_(loop),
      fd_(fd),
      path_(std::move(path)),
      on_connection_(std::move(on_connection)),
      retry_(loop, [this] { Watch(); }) {}

UnixListener::~UnixListener() {
  watch_.reset();
  close(fd_);
  struct stat info{};
  if (inode_ != 0 && lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

void UnixListener::Watch() {
  watch_ = std::make_unique<ReadWatch>(loop_, fd_, [this] { OnReadable(); });
}

void UnixListener::OnReadable() {
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      P2PD_LOG(runtime, kWarn, "cannot accept on ", path_, ": ", strerror(errno));
      watch_.reset();
      retry_.Set(loop_.now() + kRetryAfterExhaustion);
    }
    return;
  }
  const auto credentials = CredentialsOf(fd);
  if (!credentials) {
    close(fd);
    return;
  }
  on_connection_(fd, *credentials);
}

}  // namespace p2pd::runtime
