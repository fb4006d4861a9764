// Magnet links: what is accepted is written and read again as the same.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto magnet = p2pd::archive::torrent::ParseMagnet(p2pd::AsText({data, size}));
  if (!magnet.ok()) return 0;
  const std::string link = ToLink(*magnet);
  if (link.size() > p2pd::archive::torrent::Magnet::kMaxLink) return 0;
  const auto again = p2pd::archive::torrent::ParseMagnet(link);
  P2PD_CHECK(again.ok() && again->hashes == magnet->hashes && again->name == magnet->name);
  P2PD_CHECK(again->trackers == magnet->trackers && again->peers == magnet->peers);
  return 0;
}
