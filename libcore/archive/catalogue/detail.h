// Detail: what the page of one torrent says, and what belongs to a person who wants the torrent: no
// addresses of peers. Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcore/archive/archive.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::catalogue {

struct Detail {
  // Beyond these files are counted, not named: a path may have thousands of bytes.
  static constexpr size_t kMaxFiles = 500;
  static constexpr size_t kMaxPathBytes = 64 << 10;
  // That a page and a magnet link name.
  static constexpr size_t kMaxTrackers = 8;

  struct File {
    std::string path;
    uint64_t size = 0;
  };

  TorrentSummary summary;
  TorrentRow row;
  std::string trouble;
  uint32_t members = 0;  // other archives that are connected
  std::vector<uint32_t> copies;
  Pieces have;
  std::vector<File> files;
  size_t file_count = 0;
  std::vector<std::string> trackers;
  std::string comment;
  // The owner adds them: from the library and from the folder Torrents.
  std::vector<Reading> history;
  Bytes metainfo;
};

// nullopt: there is no such torrent.
std::optional<Detail> Describe(const Archive& archive, const torrent::InfoHash& hash);

}  // namespace p2pd::archive::catalogue
