// ChurnTrace: who was up when, read from a file: a line for each stay of a machine, its number and
// the seconds at which it comes and goes. Availability traces of peer-to-peer systems have this
// shape.
//
//   # machine  comes  goes
//   0          0      3600
//   1          12.5   900
//
// Machines are numbered from 0; stays of one machine do not overlap. Limits: kMaxStays.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace p2pd::sim {

struct Stay {
  size_t machine = 0;
  absl::Duration comes;  // since the trace begins
  absl::Duration goes;
};

struct ChurnTrace {
  static constexpr size_t kMaxStays = 10'000'000;
  static constexpr size_t kMaxMachines = 60'000;

  size_t machines = 0;
  std::vector<Stay> stays;  // by machine, then by time
  absl::Duration ends;      // the last moment at which somebody goes
};

// NotFound, or InvalidArgument with the line that is wrong.
absl::StatusOr<ChurnTrace> ReadChurnTrace(const std::string& path);

}  // namespace p2pd::sim
