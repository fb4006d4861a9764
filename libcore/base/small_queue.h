// SmallQueue: first in, first out, for the thousands of queues that are empty nearly always. It
// takes no memory before its first element, where std::deque takes 600 bytes.
//
// Rules: what is popped is destroyed at once or a little later, so take out of front() what holds
// memory before. Pushing invalidates references. Threads: one owner. Limits: the owner's.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace p2pd {

template <class T>
class SmallQueue {
 public:
  bool empty() const { return head_ == items_.size(); }
  size_t size() const { return items_.size() - head_; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  // Oldest first.
  auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() const { return items_.end(); }

  void push_back(T item) { items_.push_back(std::move(item)); }
  void push_front(T item) {
    if (head_ > 0) {
      items_[--head_] = std::move(item);
    } else {
      items_.insert(items_.begin(), std::move(item));
    }
  }
  void pop_front() {
    ++head_;
    if (empty()) {
      items_.clear();
      head_ = 0;
      // A burst's memory is not kept.
      if (items_.capacity() * sizeof(T) > kKeptBytes) items_ = {};
    } else if (head_ >= kSlack && 2 * head_ >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

 private:
  // An empty queue keeps no more than this for its next elements.
  static constexpr size_t kKeptBytes = 256;
  // So many popped elements stay before the others move up.
  static constexpr size_t kSlack = 16;
  std::vector<T> items_;
  size_t head_ = 0;
};

}  // namespace p2pd
