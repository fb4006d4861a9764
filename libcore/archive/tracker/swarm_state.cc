#include "libcore/archive/tracker/swarm_state.h"

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "libcore/base/codec.h"
#include "libcore/base/siphash.h"

namespace p2pd::archive::tracker {
namespace {

// magic 8 | seconds of the wall clock 8 | swarms … | checksum 8
//   swarm    1 | hash 20 | age 4 | downloaded 4 | peers 4 | peers …
//   peer     family and class 1 | address 4 or 16 | port 2 | age 2
//   end      0
constexpr absl::string_view kMagic = "p2pdsws1";
constexpr size_t kChecksum = 8;
constexpr uint8_t kSwarm = 1;
constexpr uint8_t kEnd = 0;
constexpr uint8_t kV6 = 1 << 7;

// Of damage, not of forgery: who can write the file can do so with any key.
uint64_t ChecksumOf(ByteView bytes) { return SipHash24(SipHashKey{}, bytes); }

void WriteSwarm(const SwarmSnapshot& swarm, ByteWriter& out) {
  out.U8(kSwarm).Put(swarm.hash.view()).U32(swarm.age_seconds).U32(swarm.downloaded);
  out.U32(static_cast<uint32_t>(swarm.peers.size()));
  for (const PeerSnapshot& peer : swarm.peers) {
    const bool v6 = !peer.endpoint.address.is_v4();
    out.U8(static_cast<uint8_t>(static_cast<uint8_t>(peer.peer_class) | (v6 ? kV6 : 0)));
    out.Put(peer.endpoint.address.bytes()).U16(peer.endpoint.port);
    out.U16(static_cast<uint16_t>(std::min<uint32_t>(peer.age_seconds, UINT16_MAX)));
  }
}

bool ReadPeer(ByteReader& in, PeerSnapshot& peer) {
  const uint8_t kind = in.U8();
  if ((kind & ~kV6) >= kPeerClasses) return false;
  peer.peer_class = static_cast<PeerClass>(kind & ~kV6);
  std::array<uint8_t, 16> v6{};
  std::array<uint8_t, 4> v4{};
  if ((kind & kV6) != 0) {
    const ByteView bytes = in.Take(v6.size());
    std::copy(bytes.begin(), bytes.end(), v6.begin());
    peer.endpoint.address = net::IpAddress::V6(v6);
  } else {
    const ByteView bytes = in.Take(v4.size());
    std::copy(bytes.begin(), bytes.end(), v4.begin());
    peer.endpoint.address = net::IpAddress::V4(v4);
  }
  peer.endpoint.port = in.U16();
  peer.age_seconds = in.U16();
  return in.ok();
}

bool ReadSwarm(ByteReader& in, SwarmSnapshot& swarm) {
  swarm.hash = in.Fixed<InfoHash>();
  swarm.age_seconds = in.U32();
  swarm.downloaded = in.U32();
  const uint32_t peers = in.U32();
  swarm.peers.clear();
  for (uint32_t i = 0; i < peers; ++i) {
    if (!ReadPeer(in, swarm.peers.emplace_back())) return false;
  }
  return in.ok();
}

// Calls `take` for each swarm; false when what is there is not as it has to be.
bool ReadSwarms(ByteReader in, absl::FunctionRef<void(const SwarmSnapshot&)> take) {
  SwarmSnapshot swarm;
  while (true) {
    const uint8_t what = in.U8();
    if (!in.ok()) return false;
    if (what == kEnd) return in.AtEnd();
    if (what != kSwarm || !ReadSwarm(in, swarm)) return false;
    take(swarm);
  }
}

}  // namespace

Bytes EncodeState(const SwarmTable& table, Instant now, absl::Time wall) {
  const SwarmTable::Stats stats = table.stats();
  // What the table takes in memory is near to what it takes here.
  ByteWriter out(kMagic.size() + sizeof(uint64_t) + 34 * stats.swarms + 9 * stats.peers_v4 +
                 21 * stats.peers_v6 + 1 + kChecksum);
  out.Put(AsBytes(kMagic)).U64(static_cast<uint64_t>(absl::ToUnixSeconds(wall)));
  for (size_t shard = 0; shard < SwarmTable::kShards; ++shard) {
    table.Visit(now, shard, [&out](const SwarmSnapshot& swarm) { WriteSwarm(swarm, out); });
  }
  out.U8(kEnd);
  const uint64_t checksum = ChecksumOf(out.bytes());
  out.U64(checksum);
  return std::move(out).Take();
}

absl::StatusOr<size_t> RestoreState(ByteView state, Instant now, absl::Time wall,
                                    SwarmTable& table) {
  const absl::Status damaged =
      absl::DataLossError("the tracker's swarms are damaged: clients will announce again");
  if (state.size() < kMagic.size() + sizeof(uint64_t) + kChecksum) return damaged;
  ByteReader in(state.subspan(0, state.size() - kChecksum));
  if (AsText(in.Take(kMagic.size())) != kMagic) return damaged;
  const absl::Time written = absl::FromUnixSeconds(static_cast<int64_t>(in.U64()));
  if (LoadBigEndian64(state.data() + state.size() - kChecksum) !=
      ChecksumOf(state.subspan(0, state.size() - kChecksum))) {
    return damaged;
  }
  // Twice: nothing of a file that is wrong at its end is entered.
  if (!ReadSwarms(in, [](const SwarmSnapshot&) {})) return damaged;
  size_t swarms = 0;
  ReadSwarms(in, [&](const SwarmSnapshot& swarm) {
    table.Restore(now, swarm, wall - written);
    ++swarms;
  });
  return swarms;
}

}  // namespace p2pd::archive::tracker
