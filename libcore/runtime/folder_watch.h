// FolderWatch: calls back on a loop when something happens in a folder (inotify): a file is made,
// written, closed, moved or removed.
//
// Rules: what happened is not told; the owner looks. Calls may come without need, and changes that
// another machine makes over a network share do not come at all: look now and then, too.
// Threads: that of the loop. Sources: inotify(7).
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

class FolderWatch {
 public:
  // The errors of inotify_add_watch(2), with the path: NotFound, PermissionDenied,
  // ResourceExhausted when the user has too many watches.
  static absl::StatusOr<std::unique_ptr<FolderWatch>> Open(Loop& loop, const std::string& path,
                                                           absl::AnyInvocable<void()> on_change);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

 private:
  FolderWatch(int fd, absl::AnyInvocable<void()> on_change)
      : fd_(fd), on_change_(std::move(on_change)) {}
  void OnReadable();

  const int fd_;
  absl::AnyInvocable<void()> on_change_;
  std::unique_ptr<ReadWatch> watch_;
};

}  // namespace p2pd::runtime
