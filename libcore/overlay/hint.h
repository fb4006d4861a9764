// Hint: what is said of a node that we may never have met: where it is, how to seal something for
// it, how far it probably is. HintEvent: it came, or it went.
//
// Rules: a hint is hearsay. It may choose whom to ask first and nothing else: no table of links, no
// replica set is made of hints, and whoever is asked proves himself. The stamp orders what is said
// of one head: serial numbers (RFC 1982), so that the later word wins whatever way it took.
//
//   event   kind 1 | head 8 | stamp 4                                        kind 2: gone
//           kind 1 | head 8 | stamp 4 | endpoint 7 or 19 | key 32 | place 8 | age 1      kind 1:
//           there
//
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/codec.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/coordinates.h"
#include "libcore/overlay/network_cap.h"
#include "libcore/pki/x25519.h"

namespace p2pd::overlay {

struct Hint {
  uint64_t head = 0;  // the first 64 bits of its id
  uint32_t stamp = 0;
  net::Endpoint endpoint;
  pki::X25519Public sealing_key;
  uint64_t place = 0;  // Coordinate::Pack, 0 when unknown
  Instant born;        // about when it joined; on the wire its age, to a power of two
  Instant learnt;      // when we heard of it; not on the wire

  std::optional<Coordinate> coordinate() const { return Coordinate::Unpack(place); }
};

struct HintEvent {
  bool there = true;
  Hint hint;  // of who is gone: head and stamp only
};

// True when `a` was said after `b` (RFC 1982, 32 bits).
inline bool LaterStamp(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }
// How far to walk upwards from a to b, and the shorter way round; modulo 2^64.
inline uint64_t ClockwiseHeads(uint64_t a, uint64_t b) { return b - a; }
inline uint64_t HeadDistance(uint64_t a, uint64_t b) { return a - b < b - a ? a - b : b - a; }
// Those round a position as Ring::ReplicaSet would choose them.
struct Outwards {
  std::vector<size_t> above;  // nearest first
  std::vector<size_t> below;
};
// Indices of up to `per_side` nodes on each side among `size` hints, where `hint_at(i)` is the
// i-th from the position upwards. One that stands on it counts among those above; where there are
// no more than both sides take, all do.
template <class HintAt>
Outwards WalkOutwards(uint64_t position, size_t size, size_t per_side, const HintAt& hint_at) {
  Outwards out;
  NetworkCap cap(kMaxReplicasFromNetwork);
  const bool all = size <= 2 * per_side;
  size_t up = 0;
  size_t down = 0;
  while (up + down < size && (out.above.size() < per_side || out.below.size() < per_side)) {
    const uint64_t to_next = ClockwiseHeads(position, hint_at(up).head);
    const uint64_t to_last = ClockwiseHeads(hint_at(size - 1 - down).head, position);
    const bool room_above = out.above.size() < per_side;
    const bool upwards = room_above && (out.below.size() >= per_side || to_next <= to_last);
    const size_t i = upwards ? up++ : size - 1 - down++;
    const net::IpAddress& address = hint_at(i).endpoint.address;
    if (!address.IsPrivate() && !cap.Admits(net::WideNetworkOf(address)) && !all) continue;
    (upwards ? out.above : out.below).push_back(i);
  }
  return out;
}
// Of these, chosen likewise, the nearest on either side of a position, those above it first,
// upwards.
std::vector<Hint> OnEitherSide(uint64_t position, std::vector<Hint> hints, size_t per_side);
// A number that belongs to a head and a salt, spread evenly.
uint64_t MixHead(uint64_t head, uint64_t salt);
// Its upper 16 bits: two heads share them once in 65,536 times, and not with the next salt.
inline uint16_t Fingerprint(uint64_t head, uint64_t salt) {
  return static_cast<uint16_t>(MixHead(head, salt) >> 48);
}

// Bytes of the longest event, with an IPv6 address.
inline constexpr size_t kMaxHintEvent = 73;
size_t HintEventSize(const HintEvent& event);
// The age is counted from `born` to `now`.
void WriteHintEvent(Instant now, const HintEvent& event, ByteWriter& writer);
// All of `bytes`, at most `most` events. nullopt when anything does not parse, or names an address
// that nobody can have.
std::optional<std::vector<HintEvent>> ParseHintEvents(Instant now, ByteView bytes, size_t most);

}  // namespace p2pd::overlay
