// The tracker's file of swarms: what is read and written again holds the same, and what is refused
// leaves the table empty. The checksum, which no fuzzer finds, is put behind the input.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/tracker/swarm_state.h"
#include "libcore/base/check.h"
#include "libcore/base/rng.h"
#include "libcore/base/siphash.h"

namespace {

using namespace p2pd::archive::tracker;  // NOLINT(google-build-using-namespace)
using p2pd::Bytes;
using p2pd::ByteView;
using p2pd::Instant;

const absl::Time kWall = absl::FromUnixSeconds(1'800'000'000);

struct Holder {
  const Instant now = Instant::FromNanos(1'000'000'000'000);
  p2pd::SeededRng rng{1};
  SwarmTable table{{}, now, rng};

  bool Restore(ByteView state) {
    const bool good = RestoreState(state, now, kWall, table).ok();
    P2PD_CHECK(good || table.stats().swarms == 0);
    return good;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Holder raw;
  raw.Restore({data, size});
  Bytes state(data, data + size);
  state.resize(size + 8);
  p2pd::StoreBigEndian64(p2pd::SipHash24(p2pd::SipHashKey{}, {data, size}), state.data() + size);
  Holder first;
  if (!first.Restore(state)) return 0;
  Holder second;
  P2PD_CHECK(second.Restore(EncodeState(first.table, first.now, kWall)));
  const SwarmTable::Stats a = first.table.stats();
  const SwarmTable::Stats b = second.table.stats();
  P2PD_CHECK(a.swarms == b.swarms && a.peers_v4 == b.peers_v4 && a.peers_v6 == b.peers_v6);
  for (size_t shard = 0; shard < SwarmTable::kShards; ++shard) {
    first.table.Visit(first.now, shard, [&](const SwarmSnapshot& swarm) {
      const SwarmCounts x = second.table.Scrape(swarm.hash);
      P2PD_CHECK(x.complete + x.incomplete == swarm.peers.size());
      P2PD_CHECK(x.downloaded == swarm.downloaded);
    });
  }
  return 0;
}
