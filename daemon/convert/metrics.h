// The daemon's figures as Prometheus reads them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libcore/archive/archive.h"

namespace p2pd::daemon {

struct Figures {
  std::string version;
  absl::Duration uptime;
  absl::Duration cpu;  // user and system
  uint64_t resident_bytes = 0;
  // As NodeHost::AllCounters.
  std::map<std::string, uint64_t> counters;
  uint64_t overlay_peers = 0;
  uint64_t stored_objects = 0;
  uint64_t stored_bytes = 0;
  uint64_t calls = 0;  // that have not ended
  // Where there is an archive.
  struct Archive {
    archive::ArchiveCounts counts;
    std::vector<archive::TorrentSummary> torrents;
  };
  std::optional<Archive> archive;
};

// Text format 0.0.4.
std::string ToExposition(const Figures& figures);

}  // namespace p2pd::daemon
