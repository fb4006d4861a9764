#include "libcore/overlay/ring_id.h"

#include <algorithm>

#include "libcore/base/hex.h"

namespace p2pd::overlay {

RingId Clockwise(const RingId& a, const RingId& b) {
  RingId out;
  MutableByteView bytes = out.mutable_view();
  int borrow = 0;
  for (size_t i = RingId::kSize; i-- > 0;) {
    const int difference = static_cast<int>(b[i]) - static_cast<int>(a[i]) - borrow;
    borrow = difference < 0 ? 1 : 0;
    bytes[i] = static_cast<uint8_t>(difference + (borrow << 8));
  }
  return out;
}

RingId Distance(const RingId& a, const RingId& b) {
  return std::min(Clockwise(a, b), Clockwise(b, a));
}

bool Nearer(const Key& key, const NodeId& a, const NodeId& b) {
  const RingId to_a = Distance(key, a);
  const RingId to_b = Distance(key, b);
  return to_a != to_b ? to_a < to_b : a < b;
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

uint64_t Head(const RingId& id) {
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = (out << 8) | id[i];
  return out;
}

RingId FromHead(uint64_t head) {
  RingId out;
  for (size_t i = 0; i < 8; ++i) {
    out.mutable_view()[i] = static_cast<uint8_t>(head >> (56 - 8 * i));
  }
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
