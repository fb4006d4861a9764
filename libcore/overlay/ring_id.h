// 160-bit positions on the ring: node ids and keys alike (Rowstron and Druschel 2001; width as in
// Bamboo).
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

namespace p2pd::overlay {

struct RingIdTag;
// Big-endian; ordered as an unsigned number.
using RingId = FixedBytes<RingIdTag, 20>;
// A node id is the first 160 bits of SHA-256 of the node's Ed25519 key; a key is h(kind, x) of
// store/key.h.
using NodeId = RingId;
using Key = RingId;

inline constexpr int kDigitBits = 4;  // base 16
inline constexpr int kDigits = 40;

// b - a modulo 2^160: how far to walk upwards from a to b.
RingId Clockwise(const RingId& a, const RingId& b);
// The shorter way round.
RingId Distance(const RingId& a, const RingId& b);
// True when `a` is nearer to `key` than `b` is; of two equally near ones the smaller id is nearer,
// so that every key has exactly one root.
bool Nearer(const Key& key, const NodeId& a, const NodeId& b);
// Digit `index`, 0 the most significant.
int Digit(const RingId& id, int index);
// How many leading digits are equal, 0..40.
int SharedDigits(const RingId& a, const RingId& b);
// The first 64 bits, which name a node in lists on the wire, and the lowest id that begins so.
uint64_t Head(const RingId& id);
RingId FromHead(uint64_t head);
// `Hex` of all 20 bytes, and the first 8 digits for people.
std::string ToHex(const RingId& id);
std::string Short(const RingId& id);
std::optional<RingId> RingIdFromHex(absl::string_view hex);

}  // namespace p2pd::overlay
