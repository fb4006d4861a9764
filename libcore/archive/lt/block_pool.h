// BlockPool: memory for blocks on their way between disk and peers, reused instead of freed.
//
// Rules: a block is of 16 KiB. Beyond the limit Take says no, and who asked waits. Threads: any.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::lt {

class BlockPool {
 public:
  explicit BlockPool(size_t max_bytes);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // nullptr when all are out.
  char* Take();
  void Return(char* block);
  size_t bytes_out() const;

 private:
  const size_t max_;
  mutable Mutex mutex_;
  std::vector<char*> free_ ABSL_GUARDED_BY(mutex_);
  size_t out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace p2pd::archive::lt
