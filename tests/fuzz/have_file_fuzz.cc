// The have file: what reads is written as the same bytes. The sum behind it is made right first,
// since chance never meets it.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/pieces/have_file.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using p2pd::archive::pieces::HaveFile;
  P2PD_CHECK(!HaveFile::Read({data, size}) || size > p2pd::pki::Sha256Digest::kSize);
  p2pd::Bytes bytes(data, data + size);
  p2pd::Append(bytes, p2pd::pki::Sha256(bytes).view());
  const auto read = HaveFile::Read(bytes);
  if (read) P2PD_CHECK(read->Write() == bytes);
  return 0;
}
