// What tests of the catalogue share: summaries and details of torrents that are easily told apart.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "libcore/archive/catalogue/detail.h"

namespace p2pd::archive::catalogue {

// A name that wants to be markup, a header line, an end of a string and a lie.
inline const char kHostile[] =
    "</title><script>alert(1)</script>\"'&amp;\r\nSet-Cookie: a=b\x01\xff\xe2\x80\xae"
    "gpj.exe";

inline torrent::InfoHash HashNumber(uint8_t number) {
  std::array<uint8_t, torrent::InfoHash::kSize> bytes{};
  bytes[0] = number;
  return torrent::InfoHash(bytes);
}

// Archived whole, ten pieces, and nobody else has it.
inline TorrentSummary MakeSummary(uint8_t number, const std::string& name) {
  TorrentSummary out;
  out.hashes.v1 = HashNumber(number);
  out.name = name;
  out.size = uint64_t{number} << 20;
  out.pieces = 10;
  out.held = 10;
  out.state = TorrentState::kArchived;
  out.added = absl::FromUnixSeconds(1'700'000'000 + 60 * number);
  out.total = {1, 0};
  return out;
}

inline Detail MakeDetail(const TorrentSummary& summary) {
  Detail out;
  out.summary = summary;
  out.row.hashes = summary.hashes;
  out.row.name = summary.name;
  out.row.size = summary.size;
  out.row.pieces = summary.pieces;
  out.row.piece_length = 1 << 20;
  out.row.state = summary.state;
  out.row.is_private = summary.is_private;
  out.row.added = summary.added;
  out.row.file = "some file.torrent";
  out.copies.assign(summary.pieces, 1);
  out.have.assign(summary.pieces, true);
  out.files = {{summary.name + "/a", 1000}, {summary.name + "/b", 2000}};
  out.file_count = 2;
  out.trackers = {"http://tracker.example/announce?x=<y>"};
  return out;
}

}  // namespace p2pd::archive::catalogue
