#include "libcore/archive/catalogue/detail.h"

#include <utility>

#include "absl/strings/str_join.h"

namespace p2pd::archive::catalogue {

std::optional<Detail> Describe(const Archive& archive, const torrent::InfoHash& hash) {
  auto view = archive.Find(hash);
  if (!view) return std::nullopt;
  Detail out;
  out.summary = archive.Summary(hash);
  out.row = std::move(view->row);
  out.trouble = std::move(view->trouble);
  out.copies = std::move(view->copies);
  out.have = std::move(view->have);
  for (const Holder& holder : view->holders) out.members += holder.member ? 1 : 0;
  const std::optional<torrent::Metainfo> metainfo = archive.MetainfoOf(hash);
  if (!metainfo) return out;
  size_t bytes = 0;
  for (const torrent::MetainfoFile& file : metainfo->files) {
    if (file.padding) continue;
    // The first of them, without a hole.
    const bool named = out.files.size() == out.file_count++;
    if (!named || out.files.size() >= Detail::kMaxFiles) continue;
    std::string path = absl::StrJoin(file.path, "/");
    bytes += path.size();
    if (bytes <= Detail::kMaxPathBytes) out.files.push_back({std::move(path), file.size});
  }
  for (const std::vector<std::string>& tier : metainfo->trackers) {
    for (const std::string& url : tier) {
      if (out.trackers.size() < Detail::kMaxTrackers) out.trackers.push_back(url);
    }
  }
  out.comment = metainfo->comment;
  return out;
}

}  // namespace p2pd::archive::catalogue
