#include "libcore/media/red_packet.h"

#include <algorithm>

#include "libcore/base/codec.h"

namespace p2pd::media {
namespace {

constexpr uint8_t kMoreBit = 0x80;
constexpr uint32_t kLengthMask = 0x3ff;

}  // namespace

std::optional<RedPayload> ParseRed(ByteView payload, uint8_t block_type) {
  ByteReader reader(payload);
  RedPayload red;
  std::array<size_t, kMaxRedCopies> sizes{};
  for (uint8_t head = reader.U8(); head != block_type; head = reader.U8()) {
    if (!reader.ok() || head != (kMoreBit | block_type) || red.count == kMaxRedCopies) {
      return std::nullopt;
    }
    const uint32_t rest = uint32_t{reader.U8()} << 16 | reader.U16();
    red.copies[red.count].offset = rest >> 10;
    sizes[red.count] = rest & kLengthMask;
    if (red.copies[red.count].offset == 0 || sizes[red.count] == 0) return std::nullopt;
    ++red.count;
  }
  for (size_t i = 0; i < red.count; ++i) red.copies[i].payload = reader.Take(sizes[i]);
  red.frame = reader.TakeRest();
  if (!reader.ok() || red.frame.empty()) return std::nullopt;
  return red;
}

void RedWriter::Remember(uint32_t timestamp, ByteView frame) {
  Sent& sent = sent_[next_];
  next_ = (next_ + 1) % sent_.size();
  sent.timestamp = timestamp;
  sent.size = frame.size() <= kMaxRedBlock ? frame.size() : 0;
  std::copy_n(frame.begin(), sent.size, sent.payload.begin());
}

size_t RedWriter::Write(uint32_t timestamp, ByteView frame, uint8_t distance, uint8_t block_type,
                        MutableByteView out) const {
  const uint32_t offset = distance * static_cast<uint32_t>(kFrameSamples);
  const auto copy = std::find_if(sent_.begin(), sent_.end(), [&](const Sent& sent) {
    return sent.size > 0 && sent.timestamp == timestamp - offset;
  });
  if (distance == 0 || copy == sent_.end() || out.size() < 5 + copy->size + frame.size()) return 0;
  const uint32_t rest = offset << 10 | static_cast<uint32_t>(copy->size);
  auto at = out.begin();
  *at++ = kMoreBit | block_type;
  *at++ = static_cast<uint8_t>(rest >> 16);
  *at++ = static_cast<uint8_t>(rest >> 8);
  *at++ = static_cast<uint8_t>(rest);
  *at++ = block_type;
  at = std::copy_n(copy->payload.begin(), copy->size, at);
  at = std::copy(frame.begin(), frame.end(), at);
  return static_cast<size_t>(at - out.begin());
}

}  // namespace p2pd::media
