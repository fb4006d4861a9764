#include "libcore/archive/lt/snapshot.h"

#include <algorithm>

namespace p2pd::archive::lt {

double Availability(absl::Span<const uint32_t> copies) {
  if (copies.empty()) return 0;
  const uint32_t whole = *std::min_element(copies.begin(), copies.end());
  const auto beyond =
      std::count_if(copies.begin(), copies.end(), [&](uint32_t c) { return c > whole; });
  return whole + static_cast<double>(beyond) / static_cast<double>(copies.size());
}

double Availability(const TorrentSnapshot& torrent) {
  std::vector<uint32_t> copies = torrent.organic;
  for (uint32_t i = 0; i < copies.size(); ++i) {
    copies[i] += torrent.member[i] + (torrent.have.Has(pieces::Piece(i)) ? 1 : 0);
  }
  return Availability(copies);
}

}  // namespace p2pd::archive::lt
