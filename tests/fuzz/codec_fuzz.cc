// A script of reads against a naive model that keeps an index into the whole input. The first byte
// of the input is the number of reads, then one byte a read; the rest is what is read.
#include <cstddef>
#include <cstdint>
#include <string>

#include "libcore/base/bytes.h"
#include "libcore/base/check.h"
#include "libcore/base/codec.h"

namespace {

// Reads by index and never goes on after a short read.
class Model {
 public:
  explicit Model(p2pd::ByteView bytes) : bytes_(bytes) {}

  p2pd::Bytes Take(size_t size) {
    if (failed_ || size > bytes_.size() - at_) {
      failed_ = true;
      return {};
    }
    p2pd::Bytes out;
    for (size_t i = 0; i < size; ++i) out.push_back(bytes_[at_++]);
    return out;
  }
  uint64_t Number(size_t size) {
    uint64_t value = 0;
    for (const uint8_t byte : Take(size)) value = value * 256 + byte;
    return value;
  }
  bool failed() const { return failed_; }
  bool at_end() const { return !failed_ && at_ == bytes_.size(); }

 private:
  p2pd::ByteView bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

void Step(uint8_t what, p2pd::ByteReader& reader, Model& model) {
  switch (what % 6) {
    case 0:
      P2PD_CHECK(reader.U8() == model.Number(1));
      break;
    case 1:
      P2PD_CHECK(reader.U16() == model.Number(2));
      break;
    case 2:
      P2PD_CHECK(reader.U32() == model.Number(4));
      break;
    case 3:
      P2PD_CHECK(reader.U64() == model.Number(8));
      break;
    case 4:
      P2PD_CHECK(p2pd::ToBytes(reader.Take(what)) == model.Take(what));
      break;
    case 5:
      P2PD_CHECK(p2pd::ToBytes(reader.Take16()) == model.Take(model.Number(2)));
      break;
  }
  P2PD_CHECK(reader.ok() == !model.failed());
  P2PD_CHECK(reader.AtEnd() == model.at_end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t steps = std::min<size_t>(data[0], size - 1);
  const p2pd::ByteView input(data + 1 + steps, size - 1 - steps);
  p2pd::ByteReader reader(input);
  Model model(input);
  for (size_t i = 0; i < steps; ++i) Step(data[1 + i], reader, model);
  return 0;
}
