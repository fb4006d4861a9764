#include "libcore/overlay/ring_id.h"

#include <algorithm>
#include <compare>

#include "libcore/base/hex.h"

namespace p2pd::overlay {
namespace {

// 160 bits as three words, most significant first; the last has 32. Every hop compares dozens of
// distances.
struct Number {
  uint64_t high = 0;
  uint64_t middle = 0;
  uint32_t low = 0;
  friend auto operator<=>(const Number&, const Number&) = default;
};

Number Load(const RingId& id) {
  const uint8_t* const bytes = id.array().data();
  return {LoadBigEndian64(bytes), LoadBigEndian64(bytes + 8),
          static_cast<uint32_t>(LoadBigEndian64(bytes + 12))};
}

RingId ToId(const Number& number) {
  RingId out;
  uint8_t* const bytes = out.mutable_view().data();
  StoreBigEndian64(number.high, bytes);
  // The last eight bytes first: the middle word overlaps their upper half.
  StoreBigEndian64(number.low, bytes + 12);
  StoreBigEndian64(number.middle, bytes + 8);
  return out;
}

// a - b modulo 2^160.
Number Subtract(const Number& a, const Number& b) {
  const uint64_t low_borrow = a.low < b.low ? 1 : 0;
  const uint64_t middle = a.middle - b.middle;
  const uint64_t middle_borrow = (a.middle < b.middle || middle < low_borrow) ? 1 : 0;
  return {a.high - b.high - middle_borrow, middle - low_borrow, a.low - b.low};
}

Number Distance(const Number& a, const Number& b) {
  return std::min(Subtract(a, b), Subtract(b, a));
}

}  // namespace

RingId Clockwise(const RingId& a, const RingId& b) { return ToId(Subtract(Load(b), Load(a))); }

RingId Distance(const RingId& a, const RingId& b) { return ToId(Distance(Load(a), Load(b))); }

bool Nearer(const Key& key, const NodeId& a, const NodeId& b) {
  const Number at = Load(key);
  const std::strong_ordering order = Distance(at, Load(a)) <=> Distance(at, Load(b));
  return order != 0 ? order < 0 : a < b;
}

int Digit(const RingId& id, int index) {
  const uint8_t byte = id[static_cast<size_t>(index) / 2];
  return index % 2 == 0 ? byte >> 4 : byte & 15;
}

int SharedDigits(const RingId& a, const RingId& b) {
  for (size_t i = 0; i < RingId::kSize; ++i) {
    if (a[i] == b[i]) continue;
    return static_cast<int>(2 * i) + ((a[i] >> 4) == (b[i] >> 4) ? 1 : 0);
  }
  return kDigits;
}

uint64_t Head(const RingId& id) { return LoadBigEndian64(id.array().data()); }

RingId FromHead(uint64_t head) {
  RingId out;
  StoreBigEndian64(head, out.mutable_view().data());
  return out;
}

std::string ToHex(const RingId& id) { return Hex(id.view()); }
std::string Short(const RingId& id) { return Hex(id.view().subspan(0, 4)); }

std::optional<RingId> RingIdFromHex(absl::string_view hex) {
  const std::optional<Bytes> bytes = FromHex(hex);
  if (!bytes) return std::nullopt;
  return RingId::FromView(*bytes);
}

}  // namespace p2pd::overlay
