// IntakeHost: the archive's ways in that need no command, on a thread of their own: the watch
// folder.
//
// Rules: the folder is looked at when inotify says so, when a file may be whole, and each kLook
// (network shares have no inotify). One file is handed over at a time. A folder that vanished is
// made again. Threads: Start, Stop and the destructor from main's; AddCounters from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/archive_host.h"
#include "libcore/archive/intake/drop_folder.h"
#include "libcore/base/mutex.h"
#include "libcore/runtime/folder_watch.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/thread.h"

namespace p2pd::daemon {

class IntakeHost {
 public:
  static constexpr absl::Duration kLook = absl::Seconds(30);
  // What happens within it is one look.
  static constexpr absl::Duration kGather = absl::Milliseconds(250);

  // Makes the folder where it is missing. `archive` outlives Stop, and this outlives `archive`,
  // whose answers come back here. Errors are one line for a person.
  static absl::StatusOr<std::unique_ptr<IntakeHost>> Start(const std::string& watch_folder,
                                                           ArchiveHost& archive);
  ~IntakeHost() { Stop(); }
  // Hands nothing over any more.
  void Stop();
  // "archive.watched_…".
  void AddCounters(std::map<std::string, uint64_t>& out) const;

 private:
  IntakeHost(std::string watch_folder, ArchiveHost& archive)
      : path_(std::move(watch_folder)), archive_(archive) {}
  absl::Status Open();
  // Looks, hands over the next file, and sets the timer.
  void Work();
  void HandOver(archive::intake::Dropped dropped);
  void OnAnswer(const std::string& name, const absl::Status& status);
  void OpenAgain();

  const std::string path_;
  ArchiveHost& archive_;
  runtime::Loop loop_;
  std::unique_ptr<runtime::Timer> timer_;
  std::unique_ptr<archive::intake::DropFolder> folder_;
  std::unique_ptr<runtime::FolderWatch> watch_;
  bool busy_ = false;  // one is with the archive
  bool lost_ = false;  // that the folder is gone was said
  // Of folders before this one.
  uint64_t taken_before_ = 0;
  uint64_t refused_before_ = 0;

  mutable Mutex mutex_;
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;

  std::unique_ptr<runtime::Thread> thread_;
};

}  // namespace p2pd::daemon
