// Daemon: the whole process in order of life: lock, threads, doors, ready, reload, drain, end.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/config.h"

namespace p2pd::daemon {

// Runs until SIGTERM, SIGINT or Shutdown of the API, then drains; a second signal ends at once. OK
// for a clean end; else one line for a person. `read_again` gives the configuration at SIGHUP.
// Called once, from main's thread before any other thread runs.
absl::Status RunDaemon(const Config& config,
                       const std::function<absl::StatusOr<Config>()>& read_again);

}  // namespace p2pd::daemon
