// The archive and what the operator does not want: by a command, or by a list of the tracker's.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libcore/archive/archive.h"
#include "libcore/base/status.h"

namespace p2pd::archive {

absl::Status Archive::Deny(Instant now, absl::Time wall, const torrent::InfoHash& hash,
                           const std::string& reason) {
  const auto found = torrents_.find(KnownAs(hash));
  const bool here = found != torrents_.end();
  for (const auto& name : here ? found->second.row.hashes.Names() : std::vector{hash}) {
    P2PD_RETURN_IF_ERROR(library_.Deny({name, reason, wall}));
    denied_.insert(name);
  }
  Say(TellDenied{});
  const absl::Status removed = Remove(now, hash);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::Status Archive::Dismiss(Instant now, absl::Time wall, const torrent::InfoHash& name) {
  const auto found = torrents_.find(KnownAs(name));
  if (found == torrents_.end()) return Remove(now, name);
  for (const torrent::InfoHash& called : found->second.row.hashes.Names()) {
    P2PD_RETURN_IF_ERROR(library_.NoteRemoved(called, wall));
    dismissed_.insert(called);
  }
  return Remove(now, name);
}

bool Archive::Dismissed(const torrent::InfoHashes& hashes) const {
  const std::vector<torrent::InfoHash> names = hashes.Names();
  return std::any_of(names.begin(), names.end(),
                     [this](const torrent::InfoHash& name) { return dismissed_.count(name) != 0; });
}

absl::Status Archive::Allow(const torrent::InfoHash& hash) {
  if (deny_list_ && deny_list_(hash)) {
    return absl::FailedPreconditionError(
        absl::StrCat("torrent ", torrent::ToHex(hash), " is named by the operator's list"));
  }
  if (denied_.count(hash) == 0) {
    return absl::NotFoundError(absl::StrCat("torrent ", torrent::ToHex(hash), " is not denied"));
  }
  // Both names of a hybrid were denied in one go.
  const std::vector<Denial> all = library_.Denied();
  const auto one = std::find_if(all.begin(), all.end(),
                                [&](const Denial& denial) { return denial.hash == hash; });
  for (const Denial& denial : all) {
    const bool same = denial.hash == hash ||
                      (one != all.end() && denial.at == one->at && denial.reason == one->reason);
    if (!same) continue;
    denied_.erase(denial.hash);
    P2PD_RETURN_IF_ERROR(library_.Allow(denial.hash));
  }
  denied_.erase(hash);
  Say(TellDenied{});
  return absl::OkStatus();
}

bool Archive::Denied(const torrent::InfoHash& hash) const {
  return denied_.count(hash) != 0 || (deny_list_ && deny_list_(hash));
}

bool Archive::Denied(const torrent::InfoHashes& hashes) const {
  const std::vector<torrent::InfoHash> names = hashes.Names();
  return std::any_of(names.begin(), names.end(),
                     [this](const torrent::InfoHash& name) { return Denied(name); });
}

void Archive::SetDenyList(Instant now, NamesDenied names) {
  deny_list_ = std::move(names);
  doomed_.clear();
  for (const auto& [hash, torrent] : torrents_) {
    if (Denied(torrent.row.hashes)) doomed_.push_back(hash);
  }
  RemoveDoomed(now);
}

void Archive::RemoveDoomed(Instant now) {
  for (size_t i = std::min(kRemovalsASecond, doomed_.size()); i > 0; --i) {
    const torrent::InfoHash hash = doomed_.front();
    doomed_.pop_front();
    const absl::Status removed = Remove(now, hash);
    if (!removed.ok() && !absl::IsNotFound(removed)) doomed_.push_back(hash);
  }
}

}  // namespace p2pd::archive
