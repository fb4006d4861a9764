#include "libcore/overlay/hint.h"

#include <algorithm>

#include "libcore/overlay/contact.h"

namespace p2pd::overlay {
namespace {

constexpr uint8_t kThere = 1;
constexpr uint8_t kGone = 2;
// Ages above 2^kMaxAge seconds (six months) are the same to us.
constexpr int kMaxAge = 24;

// Seconds as a power of two, 0..kMaxAge.
uint8_t AgeClass(absl::Duration age) {
  int64_t seconds = absl::ToInt64Seconds(age);
  uint8_t out = 0;
  for (; seconds > 1 && out < kMaxAge; seconds /= 2) ++out;
  return out;
}

bool ReadEvent(Instant now, ByteReader& reader, HintEvent& event) {
  const uint8_t kind = reader.U8();
  event.hint.head = reader.U64();
  event.hint.stamp = reader.U32();
  event.there = kind == kThere;
  if (kind == kGone) return reader.ok();
  if (kind != kThere) return false;
  const std::optional<net::Endpoint> endpoint = net::Endpoint::Read(reader);
  if (!endpoint || !CanBeReached(*endpoint)) return false;
  event.hint.endpoint = *endpoint;
  event.hint.sealing_key = reader.Fixed<pki::X25519Public>();
  event.hint.place = reader.U64();
  const uint8_t age = reader.U8();
  if (!reader.ok() || age > kMaxAge) return false;
  event.hint.born = now - absl::Seconds(int64_t{1} << age);
  event.hint.learnt = now;
  return true;
}

}  // namespace

uint64_t MixHead(uint64_t head, uint64_t salt) {
  // splitmix64's finisher.
  uint64_t z = head + 0x9e3779b97f4a7c15 * (salt + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::vector<Hint> OnEitherSide(uint64_t position, std::vector<Hint> hints, size_t per_side) {
  std::sort(hints.begin(), hints.end(), [position](const Hint& a, const Hint& b) {
    return ClockwiseHeads(position, a.head) < ClockwiseHeads(position, b.head);
  });
  if (hints.size() <= 2 * per_side) return hints;
  std::vector<Hint> out;
  const size_t size = hints.size();
  const Outwards way =
      WalkOutwards(position, size, per_side, [&](size_t i) -> const Hint& { return hints[i]; });
  for (const size_t i : way.above) out.push_back(hints[i]);
  for (auto it = way.below.rbegin(); it != way.below.rend(); ++it) out.push_back(hints[*it]);
  return out;
}

size_t HintEventSize(const HintEvent& event) {
  if (!event.there) return 13;
  return event.hint.endpoint.address.is_v4() ? 61 : kMaxHintEvent;
}

void WriteHintEvent(Instant now, const HintEvent& event, ByteWriter& writer) {
  const Hint& hint = event.hint;
  writer.U8(event.there ? kThere : kGone).U64(hint.head).U32(hint.stamp);
  if (!event.there) return;
  hint.endpoint.Write(writer);
  writer.Put(hint.sealing_key.view()).U64(hint.place).U8(AgeClass(now - hint.born));
}

std::optional<std::vector<HintEvent>> ParseHintEvents(Instant now, ByteView bytes, size_t most) {
  ByteReader reader(bytes);
  std::vector<HintEvent> out;
  while (reader.remaining() > 0) {
    HintEvent event;
    if (out.size() == most || !ReadEvent(now, reader, event)) return std::nullopt;
    out.push_back(event);
  }
  return out;
}

}  // namespace p2pd::overlay
