// The archive's files, where somebody else has his hands on them: a disk that is not mounted or
// fills up, and what was deleted while its torrent slept.
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/archive_host.h"
#include "libcore/base/log.h"

namespace p2pd::daemon {

using archive::torrent::InfoHash;

// To go on would be to believe in copies that are not there, and to fetch all of them again.
absl::Status ArchiveHost::CheckFolder() const {
  const std::string files = absl::StrCat(folder_, "/Files");
  std::error_code error;
  if (std::filesystem::exists(files, error) && !std::filesystem::is_empty(files, error)) {
    return absl::OkStatus();
  }
  const std::vector<archive::TorrentRow> rows = library_->All();
  const auto kept = std::count_if(rows.begin(), rows.end(), [](const archive::TorrentRow& row) {
    return row.state == archive::TorrentState::kArchived ||
           row.state == archive::TorrentState::kDormant;
  });
  if (kept == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(files, " is empty, and ", kept,
                   " torrents are kept there: mount its disk; or, if they were deleted on purpose, "
                   "put any file there, and what others have is fetched again"));
}

void ArchiveHost::CheckDisk() {
  struct statvfs disk{};
  if (statvfs(folder_.c_str(), &disk) == 0) {
    const uint64_t all = uint64_t{disk.f_blocks} * disk.f_frsize;
    const uint64_t left = uint64_t{disk.f_bavail} * disk.f_frsize;
    const uint64_t reserve = std::min(kReserve, all / kReserveShare);
    archive_->SetDiskRoom(left > reserve ? left - reserve : 0);
  }
  CheckSleepers();
}

void ArchiveHost::CheckSleepers() {
  std::vector<std::pair<InfoHash, std::string>> turn;
  {
    const MutexLock lock(&mutex_);
    auto at = checked_ ? beds_.upper_bound(*checked_) : beds_.begin();
    const size_t most = rounds_ == 0 ? kChecksAtFirst : kChecks;
    for (; at != beds_.end() && turn.size() < most; ++at) {
      turn.emplace_back(at->first, at->second.folder);
    }
    if (at == beds_.end()) ++rounds_;
    checked_ = at == beds_.end() ? std::nullopt : std::optional(turn.back().first);
  }
  std::error_code error;
  size_t roused = 0;
  for (const auto& [hash, folder] : turn) {
    const bool gone = !std::filesystem::exists(absl::StrCat(folder_, "/Files/", folder), error);
    if (!gone || error) continue;
    // None of them is: a disk that went away, and may come back.
    if (std::filesystem::is_empty(absl::StrCat(folder_, "/Files"), error) || error) return;
    P2PD_LOG(daemon, kWarn, "archive: Files/", folder, " was removed while its torrent ",
             archive::torrent::ToHex(hash), " slept");
    archive_->Rouse(loop_.now(), hash);
    // The others have their turn in the next round.
    if (++roused == kRouses) return;
  }
}

}  // namespace p2pd::daemon
