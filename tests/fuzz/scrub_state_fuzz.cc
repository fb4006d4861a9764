// Where a scrub was: whatever the file says, the scrubber goes on from there, and
// what it saves then reads.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "libcore/archive/scrubber.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd;
  using archive::ScrubTorrent;
  using archive::torrent::InfoHash;
  const absl::Time wall = absl::FromUnixSeconds(4'000'000'000);
  Counters counters;
  archive::Scrubber scrubber({}, counters, Instant(), wall);
  const ByteView bytes(data, size);
  if (!scrubber.Restore(bytes, wall).ok()) return 0;
  InfoHash only;
  only.mutable_view()[0] = 7;
  const auto next = [&](const std::optional<InfoHash>& after) -> std::optional<ScrubTorrent> {
    if (after && *after >= only) return std::nullopt;
    return ScrubTorrent{only, 16'384, std::vector<bool>(3, true)};
  };
  Instant now;
  for (int i = 0; i < 8; ++i) {
    now = now + absl::Seconds(1);
    const auto order = scrubber.Poll(now, wall + absl::Hours(24 * 31), 3 * 16'384, next);
    if (!order) continue;
    P2PD_CHECK(order->hash == only && order->piece < 3);
    scrubber.OnScrubbed(*order, i % 2 == 0);
  }
  const Bytes saved = scrubber.Save();
  P2PD_CHECK(scrubber.Restore(saved, wall).ok());
  return 0;
}
