// ArchiveScrub: carries out the archive's slow scrub (libcore/archive/scrubber.h) with the engine,
// and keeps where it is in a file, so that a restart goes on there.
//
// Threads: the archive's.
#pragma once

#include <optional>
#include <string>

#include "libcore/archive/archive.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/scrubber.h"

namespace p2pd::daemon {

class ArchiveScrub {
 public:
  // Where it is, is written down so often: what was hashed since is hashed again after a crash.
  static constexpr absl::Duration kSave = absl::Minutes(1);

  // Reads `path`. All outlive it.
  ArchiveScrub(const archive::ScrubOptions& options, std::string path, archive::Archive& archive,
               archive::lt::Engine& engine, Counters& counters, Instant now, absl::Time wall);
  // Writes it.
  ~ArchiveScrub();

  // Once a second, and after each answer.
  void Go(Instant now, absl::Time wall);
  // The engine has it now, or will not.
  void OnLoaded(Instant now, absl::Time wall, const archive::torrent::InfoHash& hash);
  void OnScrubbed(Instant now, absl::Time wall, const archive::lt::Scrubbed& scrubbed);
  archive::ScrubView view() const { return scrubber_.view(); }

 private:
  void Save();

  const std::string path_;
  archive::Archive& archive_;
  archive::lt::Engine& engine_;
  archive::Scrubber scrubber_;
  std::optional<archive::ScrubOrder> roused_;  // its torrent slept
  uint64_t all_ = 0;                           // bytes that are kept
  std::optional<Instant> saved_at_;
};

}  // namespace p2pd::daemon
