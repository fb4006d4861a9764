// Latency models: how long a datagram takes from one simulated machine to another.
//
// Two of them: a synthetic one that needs no data, and a matrix of measured round trips. Machines
// have numbers; one way is half the round trip, the same in both directions. Threads: one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"

namespace p2pd::sim {

class LatencyModel {
 public:
  virtual ~LatencyModel() = default;
  virtual absl::Duration OneWay(uint32_t a, uint32_t b) const = 0;
};

// Machines in some twenty towns on a plane of 120 by 60 ms, each with an access line of its own of
// 0.3 to 8 ms: median round trip near 90 ms, as between universities on several continents. Plane
// and height after Dabek et al., 'Vivaldi', 2004.
std::unique_ptr<LatencyModel> MakeSyntheticLatency(uint64_t seed);

// Round trips in ms: n lines of n numbers, tabs between them. Machine i is line i modulo n; two
// machines of one line are 0.5 to 2 ms apart. InvalidArgument or NotFound say what is wrong where.
absl::StatusOr<std::unique_ptr<LatencyModel>> ReadLatencyMatrix(const std::string& path);

}  // namespace p2pd::sim
