#include "libcore/base/codec.h"

#include <array>

#include "libcore/base/check.h"

namespace p2pd {

ByteView ByteReader::Take(size_t size) {
  if (!ok_ || size > rest_.size()) {
    ok_ = false;
    rest_ = ByteView();
    return ByteView();
  }
  const ByteView taken = rest_.subspan(0, size);
  rest_.remove_prefix(size);
  return taken;
}

uint64_t ByteReader::Number(size_t size) {
  uint64_t value = 0;
  for (const uint8_t byte : Take(size)) value = value << 8 | byte;
  return value;
}

uint8_t ByteReader::U8() { return static_cast<uint8_t>(Number(1)); }
uint16_t ByteReader::U16() { return static_cast<uint16_t>(Number(2)); }
uint32_t ByteReader::U32() { return static_cast<uint32_t>(Number(4)); }
uint64_t ByteReader::U64() { return Number(8); }
ByteView ByteReader::Take16() { return Take(U16()); }
ByteView ByteReader::TakeRest() { return Take(rest_.size()); }

ByteWriter& ByteWriter::Number(uint64_t value, size_t size) {
  std::array<uint8_t, sizeof value> bytes;
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * (size - 1 - i)));
  return Put(ByteView(bytes.data(), size));
}

ByteWriter& ByteWriter::U8(uint8_t value) { return Number(value, 1); }
ByteWriter& ByteWriter::U16(uint16_t value) { return Number(value, 2); }
ByteWriter& ByteWriter::U32(uint32_t value) { return Number(value, 4); }
ByteWriter& ByteWriter::U64(uint64_t value) { return Number(value, 8); }

ByteWriter& ByteWriter::Put(ByteView bytes) {
  Append(bytes_, bytes);
  return *this;
}

ByteWriter& ByteWriter::Put16(ByteView bytes) {
  P2PD_CHECK(bytes.size() <= 0xffff);
  return U16(static_cast<uint16_t>(bytes.size())).Put(bytes);
}

}  // namespace p2pd
