// The archive's names: what happens to torrents of one name, and which folder and file each has.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/archive/archive.h"

namespace p2pd::archive {
namespace {

// Digits of the hash that tell two torrents of one name apart, where so many do.
constexpr size_t kShortHash = 8;
// In a file's name beside the torrent's own, so that a person sees which came first.
constexpr char kArrival[] = " %Y-%m-%d %H.%M.%S";
// For hash, number, arrival and ".torrent" behind a name, bytes.
constexpr size_t kSuffix = 72;

// The name's beginning, cut between characters, with `suffix` behind it.
std::string WithSuffix(absl::string_view name, absl::string_view suffix) {
  size_t size = std::min(name.size(), torrent::kMaxName - kSuffix);
  while (size > 0 && size < name.size() && (static_cast<uint8_t>(name[size]) & 0xc0) == 0x80) {
    --size;
  }
  return absl::StrCat(name.substr(0, size), suffix);
}

}  // namespace

std::vector<torrent::InfoHash> Archive::OthersNamed(const TorrentRow& row) const {
  std::vector<torrent::InfoHash> out;
  const auto [first, last] = named_.equal_range(row.name);
  for (auto at = first; at != last; ++at) {
    const bool same = torrents_.at(at->second).row.name == row.name;
    if (same && at->second != row.hashes.Best()) out.push_back(at->second);
  }
  return out;
}

absl::Status Archive::CheckName(const TorrentRow& row) const {
  if (options_.same_name != SameName::kReject) return absl::OkStatus();
  for (const torrent::InfoHash& hash : OthersNamed(row)) {
    // What somebody calls it who has not shown it counts for nothing.
    if (!Described(torrents_.at(hash))) continue;
    return absl::AlreadyExistsError(
        absl::StrCat("another torrent has the name '", row.name, "': ", torrent::ToHex(hash)));
  }
  return absl::OkStatus();
}

// Only what is here whole stands for what was there before, and only for whom the operator chose:
// a name is whatever a stranger calls his torrent.
void Archive::Supersede(Instant now) {
  for (const torrent::InfoHash& hash : std::exchange(supersedes_, {})) {
    const auto found = torrents_.find(hash);
    if (options_.same_name != SameName::kSupersede || found == torrents_.end()) continue;
    const TorrentRow& row = found->second.row;
    if (row.source != Source::kSubmitted && row.source != Source::kWatched) continue;
    for (const torrent::InfoHash& other : OthersNamed(row)) {
      const TorrentRow& older = torrents_.at(other).row;
      if (older.pinned || older.added > row.added) continue;
      const absl::Status removed = Remove(now, other);
      if (!removed.ok()) SetTrouble(found->second, std::string(removed.message()));
    }
  }
}

bool Archive::FolderTaken(const std::string& folder, const torrent::InfoHash& by) const {
  const auto [first, last] = named_.equal_range(folder);
  return std::any_of(first, last, [&](const auto& entry) {
    return entry.second != by && torrents_.at(entry.second).row.folder == folder;
  });
}

void Archive::NameFolders(TorrentRow& row) const {
  const torrent::InfoHash& best = row.hashes.Best();
  const std::string hash = torrent::ToHex(best);
  row.folder = row.name;
  // Somebody may have called his torrent as this one's folder would be called.
  for (size_t i = 1; FolderTaken(row.folder, best); ++i) {
    const std::string digits = hash.substr(0, i * kShortHash);
    const bool all = digits.size() == hash.size();
    row.folder =
        WithSuffix(row.name, all ? absl::StrCat(" ", digits, " ", i) : absl::StrCat(" ", digits));
  }
  const std::string arrival = absl::FormatTime(kArrival, row.added, absl::UTCTimeZone());
  row.file =
      WithSuffix(row.name, absl::StrCat(arrival, " ", hash.substr(0, kShortHash), ".torrent"));
}

const torrent::InfoHash& Archive::KnownAs(const torrent::InfoHash& name) const {
  const auto other = other_names_.find(name);
  return other == other_names_.end() ? name : other->second;
}

void Archive::Name(const Torrent& torrent) {
  const TorrentRow& row = torrent.row;
  if (row.hashes.v1 && row.hashes.v2 && Described(torrent)) {
    other_names_.emplace(torrent::Truncate(*row.hashes.v2), *row.hashes.v1);
  }
  named_.emplace(row.name, row.hashes.Best());
  if (!row.folder.empty() && row.folder != row.name) named_.emplace(row.folder, row.hashes.Best());
}

void Archive::Unname(const Torrent& torrent) {
  if (torrent.row.hashes.v2) {
    const auto other = other_names_.find(torrent::Truncate(*torrent.row.hashes.v2));
    const bool ours = other != other_names_.end() && other->second == torrent.row.hashes.Best();
    if (ours) other_names_.erase(other);
  }
  for (const std::string& name : {torrent.row.name, torrent.row.folder}) {
    const auto [first, last] = named_.equal_range(name);
    for (auto at = first; at != last;) {
      at = at->second == torrent.row.hashes.Best() ? named_.erase(at) : std::next(at);
    }
  }
}

}  // namespace p2pd::archive
