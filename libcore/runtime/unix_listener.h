// UnixListener: a Unix stream socket with an accept loop of our own, so that every connection comes
// with the credentials of the process at its other end (gRPC's own listener does not ask for them).
//
// Rules: the socket has mode 0660; a folder that is missing is made with mode 0750. A socket file
// that somebody still serves is left alone and is an error; one that nobody serves (after kill -9)
// is replaced. Out of descriptors, the listener waits for 100 ms and goes on.
// Threads: the loop's.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

// Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED, SO_PEERGROUPS).
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};

// Of this process, for comparison.
struct OwnCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
};
OwnCredentials Self();

class UnixListener {
 public:
  // Bytes of a path, unix(7): the kernel takes no longer one.
  static constexpr size_t kMaxPath = 107;

  // The callback owns `fd`.
  using OnConnection = absl::AnyInvocable<void(int fd, const PeerCredentials&)>;

  // FailedPrecondition when somebody serves `path`; PermissionDenied, InvalidArgument (path too
  // long for a socket: 107 bytes) otherwise; each with one line for a person.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Open(Loop& loop, const std::string& path,
                                                            OnConnection on_connection);
  // Closes and removes the socket file.
  ~UnixListener();

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }
  // The group that owns the socket file: its members may use the door.
  gid_t group() const { return group_; }

 private:
  UnixListener(Loop& loop, int fd, std::string path, OnConnection on_connection);
  void OnReadable();
  void Watch();

  Loop& loop_;
  const int fd_;
  const std::string path_;
  gid_t group_ = 0;
  // Identity of the file that we made: another one at the same path is not ours to remove.
  dev_t device_ = 0;
  ino_t inode_ = 0;
  OnConnection on_connection_;
  std::unique_ptr<ReadWatch> watch_;
  Timer retry_;
};

// Closes a descriptor handed to OnConnection that nobody wants.
void CloseConnection(int fd);

}  // namespace p2pd::runtime
