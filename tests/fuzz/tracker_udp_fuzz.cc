// Datagrams to the UDP tracker, beside a naive model of its swarms: a map of maps that knows who is
// in and whether it is a seed. Replies hold members only, never the asker, no seeds for a seed; and
// who has not shown its address gets no more bytes than it sent.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "libcore/archive/tracker/udp_tracker.h"
#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/base/rng.h"

namespace {

using namespace p2pd::archive::tracker;  // NOLINT(google-build-using-namespace)
using p2pd::ByteReader;
using p2pd::Bytes;
using p2pd::ByteView;
using p2pd::Instant;
using p2pd::LoadBigEndian64;
using p2pd::StoreBigEndian64;
using p2pd::net::Endpoint;
using p2pd::net::IpAddress;

constexpr size_t kAnnounceSize = 98;

uint32_t Load32(const uint8_t* from) { return ByteReader(ByteView(from, 4)).U32(); }

// 0 to 7: IPv4, above: IPv6.
IpAddress SourceNumber(uint8_t number) {
  if (number % 16 < 8) return IpAddress::V4({10, 0, 0, static_cast<uint8_t>(number % 16)});
  return IpAddress::V6({0x20, 0x01, 0x0d, 0xb8, static_cast<uint8_t>(number % 16)});
}

class Model {
 public:
  // What an announce that was answered did, and what its answer has to be.
  void CheckAnnounce(const Endpoint& from, ByteView request, ByteView reply) {
    const InfoHash hash = *InfoHash::FromView(request.subspan(16, 20));
    const Endpoint peer = {.address = from.address,
                           .port = static_cast<uint16_t>(request[96] << 8 | request[97])};
    const bool seed = LoadBigEndian64(request.data() + 64) == 0;
    const uint32_t wanted = std::min(Load32(request.data() + 92), kMaxPeersInReply);
    const bool stopped = Load32(request.data() + 80) == 3;
    auto& swarm = swarms_[hash];
    if (stopped) {
      swarm.erase(peer);
    } else {
      swarm[peer] = seed;
    }
    uint32_t seeds = 0;
    size_t possible = 0;
    for (const auto& [member, is_seed] : swarm) {
      if (is_seed) ++seeds;
      const bool fits = member.address.is_v4() == from.address.is_v4();
      if (fits && member != peer && !(seed && is_seed)) ++possible;
    }
    P2PD_CHECK(Load32(reply.data() + 12) == swarm.size() - seeds);
    P2PD_CHECK(Load32(reply.data() + 16) == seeds);
    const size_t each = from.address.is_v4() ? 6 : 18;
    P2PD_CHECK((reply.size() - 20) % each == 0);
    std::set<Endpoint> listed;
    for (size_t at = 20; at < reply.size(); at += each) {
      const Endpoint member = Read(reply.subspan(at, each));
      P2PD_CHECK(listed.insert(member).second && member != peer && swarm.contains(member));
      P2PD_CHECK(!seed || !swarm[member]);
    }
    P2PD_CHECK(listed.size() == (stopped ? 0 : std::min<size_t>(wanted, possible)));
  }

 private:
  static Endpoint Read(ByteView compact) {
    ByteReader in(compact);
    Endpoint out;
    if (compact.size() == 6) {
      std::array<uint8_t, 4> address;
      std::copy_n(in.Take(4).begin(), 4, address.begin());
      out.address = IpAddress::V4(address);
    } else {
      std::array<uint8_t, 16> address;
      std::copy_n(in.Take(16).begin(), 16, address.begin());
      out.address = IpAddress::V6(address);
    }
    out.port = in.U16();
    return out;
  }

  std::map<InfoHash, std::map<Endpoint, bool>> swarms_;
};

}  // namespace

// Each datagram: source 1, kind 1, size 1, bytes. Kind 1 gets the id of its source written over its
// first 8 bytes; kind 2 is an announce of 98 bytes made of the few that are given.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  p2pd::SeededRng rng(1);
  const Instant now = Instant::FromNanos(1'000'000'000'000);
  SwarmTable table({}, now, rng);
  const AccessBoard board{Access()};
  Tracker tracker({}, table, board, nullptr, rng);
  UdpTracker udp(tracker);
  Model model;
  ByteReader in({data, size});
  while (in.remaining() > 0) {
    const Endpoint from = {.address = SourceNumber(in.U8()), .port = 1};
    const uint8_t kind = in.U8() % 3;
    const ByteView given = in.Take(in.U8());
    Bytes datagram(given.begin(), given.end());
    if (kind == 2 && given.size() >= 5) {
      datagram.assign(kAnnounceSize, 0);
      datagram[11] = 1;
      datagram[16] = given[0] % 4;   // hash
      datagram[71] = given[1] % 2;   // left
      datagram[83] = given[2] % 4;   // event
      datagram[95] = given[3];       // wanted
      datagram[97] = given[4] % 64;  // port
    }
    const uint64_t id = udp.ConnectionIdFor(now, from.address);
    if (kind > 0 && datagram.size() >= 8) StoreBigEndian64(id, datagram.data());
    Bytes reply(UdpTracker::kMaxReply);
    reply.resize(
        udp.Answer(now, from, datagram, p2pd::MutableByteView(reply.data(), reply.size())));
    const bool proved = datagram.size() >= 8 && LoadBigEndian64(datagram.data()) == id;
    P2PD_CHECK(proved || reply.size() <= datagram.size());
    if (reply.empty()) continue;
    P2PD_CHECK(reply.size() >= 8 &&
               std::equal(reply.begin() + 4, reply.begin() + 8, datagram.begin() + 12));
    if (Load32(reply.data()) == 1) model.CheckAnnounce(from, datagram, reply);
  }
  return 0;
}
