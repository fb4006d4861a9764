// OpenFiles: descriptors of the files that were used last, shared by all torrents of a store.
//
// Rules: what is in use stays open although it left the pool; a file is opened outside the lock, so
// that a slow disk stops nobody else. Threads: any. Limits: the capacity, beyond which the one
// unused longest leaves.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "libcore/archive/pieces/file_layer.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::pieces {

class OpenFiles {
 public:
  // Of which torrent, and which of its files.
  using Key = std::pair<uint64_t, size_t>;

  OpenFiles(FileLayer& layer, size_t capacity) : layer_(layer), capacity_(capacity) {}

  // Owners: the pool, and whoever reads or writes just now. As FileLayer::Open.
  absl::StatusOr<std::shared_ptr<File>> Get(const Key& key, const FilePlace& place, bool create);
  // All of one torrent.
  void Forget(uint64_t torrent);

 private:
  struct Entry {
    std::shared_ptr<File> file;
    std::list<Key>::iterator used;
  };
  FileLayer& layer_;
  const size_t capacity_;
  Mutex mutex_;
  std::map<Key, Entry> open_ ABSL_GUARDED_BY(mutex_);
  std::list<Key> by_use_ ABSL_GUARDED_BY(mutex_);  // the last used one first
};

}  // namespace p2pd::archive::pieces
