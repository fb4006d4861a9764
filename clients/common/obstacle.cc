#include "clients/common/obstacle.h"

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace p2pd::clients {
namespace {

using std::chrono::milliseconds;

// A socket that is closed when the scope ends.
class Knock {
 public:
  explicit Knock(int family) : fd_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Knock() {
    if (fd_ >= 0) close(fd_);
  }
  Knock(const Knock&) = delete;
  Knock& operator=(const Knock&) = delete;
  int fd() const { return fd_; }

  // 0, or errno; ETIMEDOUT beyond the limit.
  int Connect(const sockaddr* address, socklen_t size, milliseconds limit) const {
    if (fd_ < 0) return errno;
    if (connect(fd_, address, size) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (!Wait(POLLOUT, limit)) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
  }
  bool Wait(short events, milliseconds limit) const {
    pollfd watched{fd_, events, 0};
    return poll(&watched, 1, static_cast<int>(limit.count())) > 0;
  }

 private:
  const int fd_;
};

std::string GroupName(gid_t gid) {
  const group* entry = getgrgid(gid);
  return entry != nullptr ? entry->gr_name : absl::StrCat(gid);
}

std::string UserName(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? entry->pw_name : absl::StrCat(uid);
}

bool InGroup(gid_t wanted) {
  if (getegid() == wanted) return true;
  const int count = getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<size_t>(std::max(count, 0)));
  const int got = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<size_t>(std::max(got, 0)));
  return std::find(groups.begin(), groups.end(), wanted) != groups.end();
}

ConnectionProblem NotAllowed(const std::string& path, std::optional<uid_t> daemon) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return {ExitCode::kNotAllowed,
            absl::StrCat("you may not use unix:", path, ": join the daemon's group (and log in ",
                         "anew), or run as its user")};
  }
  const uid_t owner = daemon.value_or(info.st_uid);
  // Nobody is to join root's group for a telephone.
  if (info.st_gid == 0) {
    return {ExitCode::kNotAllowed,
            absl::StrCat("you may not use unix:", path, ": run as ", UserName(owner),
                         ", or start that p2pd in a group that you are in (sg GROUP -c …, or as a "
                         "service)")};
  }
  return {ExitCode::kNotAllowed,
          absl::StrCat("you may not use unix:", path, ": join the group ", GroupName(info.st_gid),
                       " (and log in anew), or run as ", UserName(owner))};
}

// The door lets in its own user, root, and the group of the socket.
bool LetsUsIn(int fd, const std::string& path, uid_t* daemon) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  struct stat info{};
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return true;
  *daemon = credentials.uid;
  return geteuid() == 0 || geteuid() == credentials.uid || stat(path.c_str(), &info) != 0 ||
         InGroup(info.st_gid);
}

}  // namespace

ConnectionProblem Silence(const std::string& target, milliseconds limit) {
  return {ExitCode::kTimedOut,
          absl::StrCat("the daemon at ", target, " said nothing for ", limit.count() / 1000,
                       " s: it is stopped or busy; see its process and its log")};
}

ConnectionProblem UnixObstacle(const std::string& path, milliseconds limit) {
  const std::string target = "unix:" + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() > kMaxSocketPath) {
    return {ExitCode::kUsage, absl::StrCat("--control ", target, ": a socket's path has 1 to ",
                                           kMaxSocketPath, " bytes")};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const Knock knock(AF_UNIX);
  const int error =
      knock.Connect(reinterpret_cast<const sockaddr*>(&address), sizeof address, limit);
  if (error == EACCES || error == EPERM) return NotAllowed(path, std::nullopt);
  // The queue of those who wait to be let in is full.
  if (error == EAGAIN) return Silence(target, limit);
  if (error == ENOENT || error == ENOTDIR) {
    return {ExitCode::kUnreachable,
            absl::StrCat("no daemon at ", target, ": start p2pd, or name its socket with ",
                         "--control")};
  }
  if (error == ECONNREFUSED) {
    return {ExitCode::kUnreachable,
            absl::StrCat("nobody serves ", target, ": start p2pd, or name its socket with ",
                         "--control")};
  }
  if (error != 0) {
    return {ExitCode::kUnreachable,
            absl::StrCat("cannot connect to ", target, ": ", std::strerror(error))};
  }
  // A p2pd speaks first (HTTP/2 settings), or closes the door on whom it does not let in.
  if (!knock.Wait(POLLIN, limit)) return Silence(target, limit);
  char byte = 0;
  uid_t daemon = 0;
  if (recv(knock.fd(), &byte, 1, 0) <= 0 && !LetsUsIn(knock.fd(), path, &daemon)) {
    return NotAllowed(path, daemon);
  }
  return {ExitCode::kUnreachable,
          absl::StrCat("whoever serves ", target, " does not speak as a p2pd: is it ending, or is ",
                       "--control wrong?")};
}

ConnectionProblem TcpObstacle(const std::string& host, uint16_t port, const std::string& tls_ca,
                              milliseconds limit) {
  const std::string target = absl::StrCat(host, ":", port);
  const std::string bare =
      host.size() > 2 && host.front() == '[' ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(bare.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0) {
    return {ExitCode::kUnreachable,
            absl::StrCat("no address is known for ", host, ": check --control ", target)};
  }
  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = found; one != nullptr && error != 0; one = one->ai_next) {
    error = Knock(one->ai_family).Connect(one->ai_addr, one->ai_addrlen, limit);
  }
  freeaddrinfo(found);
  if (error == ETIMEDOUT) return Silence(target, limit);
  if (error != 0) {
    return {ExitCode::kUnreachable,
            absl::StrCat("nobody answers at ", target, " (", std::strerror(error),
                         "): start p2pd with --control ", target)};
  }
  return {ExitCode::kUnreachable,
          absl::StrCat("whoever answers at ", target, " does not show the certificate in ", tls_ca,
                       ": give --tls-ca the control/tls.pem of that daemon's data folder")};
}

}  // namespace p2pd::clients
