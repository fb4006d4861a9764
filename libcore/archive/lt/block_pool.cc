#include "libcore/archive/lt/block_pool.h"

#include <algorithm>

#include "libcore/archive/pieces/piece_proof.h"

namespace p2pd::archive::lt {

BlockPool::BlockPool(size_t max_bytes) : max_(std::max<size_t>(max_bytes / pieces::kBlock, 1)) {}

BlockPool::~BlockPool() {
  for (char* const block : free_) delete[] block;
}

char* BlockPool::Take() {
  const MutexLock lock(&mutex_);
  if (out_ == max_) return nullptr;
  ++out_;
  if (free_.empty()) return new char[pieces::kBlock];
  char* const block = free_.back();
  free_.pop_back();
  return block;
}

void BlockPool::Return(char* block) {
  const MutexLock lock(&mutex_);
  free_.push_back(block);
  --out_;
}

size_t BlockPool::bytes_out() const {
  const MutexLock lock(&mutex_);
  return out_ * pieces::kBlock;
}

}  // namespace p2pd::archive::lt
