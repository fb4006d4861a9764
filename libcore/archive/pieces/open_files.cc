#include "libcore/archive/pieces/open_files.h"

namespace p2pd::archive::pieces {

absl::StatusOr<std::shared_ptr<File>> OpenFiles::Get(const Key& key, const FilePlace& place,
                                                     bool create) {
  {
    const MutexLock lock(&mutex_);
    const auto found = open_.find(key);
    if (found != open_.end()) {
      by_use_.splice(by_use_.begin(), by_use_, found->second.used);
      return found->second.file;
    }
  }
  absl::StatusOr<std::unique_ptr<File>> opened = layer_.Open(place, create);
  if (!opened.ok()) return opened.status();
  std::shared_ptr<File> file = *std::move(opened);
  std::shared_ptr<File> leaving;  // closed outside the lock
  const MutexLock lock(&mutex_);
  const auto [at, fresh] = open_.try_emplace(key);
  if (!fresh) return at->second.file;  // somebody else was faster
  by_use_.push_front(key);
  at->second = {file, by_use_.begin()};
  if (open_.size() > capacity_) {
    const auto oldest = open_.find(by_use_.back());
    leaving = std::move(oldest->second.file);
    open_.erase(oldest);
    by_use_.pop_back();
  }
  return file;
}

void OpenFiles::Forget(uint64_t torrent) {
  const MutexLock lock(&mutex_);
  auto at = open_.lower_bound({torrent, 0});
  while (at != open_.end() && at->first.first == torrent) {
    by_use_.erase(at->second.used);
    at = open_.erase(at);
  }
}

}  // namespace p2pd::archive::pieces
