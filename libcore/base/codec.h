// ByteReader and ByteWriter: big-endian fields out of and into bounded byte strings.
//
// A reader never reads past its end: the first short read makes it fail, every later read returns
// zero or empty, and ok() says so once at the end. So a parser is a list of reads and one check, as
// in the RFC's box diagram.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

namespace p2pd {

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  uint8_t U8();
  uint16_t U16();
  uint32_t U32();
  uint64_t U64();
  // `size` bytes; empty if there are fewer, and the reader fails.
  ByteView Take(size_t size);
  // A string behind its own length of 16 bits.
  ByteView Take16();
  ByteView TakeRest();
  template <class FixedT>
  FixedT Fixed() {
    return FixedT::FromView(Take(FixedT::kSize)).value_or(FixedT());
  }

  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }
  // True when everything was there and nothing is left.
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  uint64_t Number(size_t size);
  ByteView rest_;
  bool ok_ = true;
};

class ByteWriter {
 public:
  ByteWriter() = default;
  // Room for `size` bytes is made at once.
  explicit ByteWriter(size_t size) { bytes_.reserve(size); }

  ByteWriter& U8(uint8_t value);
  ByteWriter& U16(uint16_t value);
  ByteWriter& U32(uint32_t value);
  ByteWriter& U64(uint64_t value);
  ByteWriter& Put(ByteView bytes);
  // A string behind its own length of 16 bits; checks that it fits.
  ByteWriter& Put16(ByteView bytes);

  const Bytes& bytes() const { return bytes_; }
  Bytes Take() && { return std::move(bytes_); }

 private:
  ByteWriter& Number(uint64_t value, size_t size);
  Bytes bytes_;
};

}  // namespace p2pd
