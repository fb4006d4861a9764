// Tally: what one worker of the tracker did and dropped. One thread counts, any thread reads.
//
// Why not Counters: an announce has no time to look up names in a map. Threads: Add the owner's,
// Get any. Limits: the names below.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace p2pd::archive::tracker {

enum class Count : uint8_t {
  kUdpConnects,
  kUdpAnnounces,
  kUdpScrapes,
  kHttpAnnounces,
  kHttpScrapes,
  kPeersGiven,
  kArchiveGiven,         // replies with the archive in the list although copies are not scarce, too
  kEvents,               // told to the archive
  kDroppedEventsFull,    // not told: its queue was full
  kRefused,              // by allow-list, deny list or keys
  kDroppedMalformed,     // UDP: too short or of no known action
  kDroppedNotConnected,  // UDP: a connection id that we did not give, or too long ago
  kErrorsMalformed,      // answered as such: port 0, bad query
  kHttpNotFound,
  kHttpMalformed,  // no HTTP, or beyond its limits
};
inline constexpr size_t kCounts = static_cast<size_t>(Count::kHttpMalformed) + 1;

// "tracker.…", as the API shows it.
absl::string_view NameOf(Count count);

class Tally {
 public:
  // One writer: a load and a store are enough, and cheaper than an atomic addition.
  void Add(Count count, uint64_t amount = 1) {
    std::atomic<uint64_t>& value = values_[static_cast<size_t>(count)];
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  uint64_t Get(Count count) const {
    return values_[static_cast<size_t>(count)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kCounts> values_{};
};

}  // namespace p2pd::archive::tracker
