#include "libcore/runtime/folder_watch.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include "libcore/base/file.h"

namespace p2pd::runtime {
namespace {

constexpr uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                             IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
// A page of events at a time; what they are is of no interest.
constexpr size_t kEventBuffer = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<FolderWatch>> FolderWatch::Open(
    Loop& loop, const std::string& path, absl::AnyInvocable<void()> on_change) {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return FileError(errno, "watch", path);
  std::unique_ptr<FolderWatch> out(new FolderWatch(fd, std::move(on_change)));
  if (inotify_add_watch(fd, path.c_str(), kEvents) < 0) return FileError(errno, "watch", path);
  out->watch_ = std::make_unique<ReadWatch>(loop, fd, [raw = out.get()] { raw->OnReadable(); });
  return out;
}

FolderWatch::~FolderWatch() {
  watch_.reset();
  close(fd_);
}

void FolderWatch::OnReadable() {
  std::array<char, kEventBuffer> events{};
  while (read(fd_, events.data(), events.size()) > 0) {
  }
  on_change_();
}

}  // namespace p2pd::runtime
