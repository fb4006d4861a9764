// A member's record once it is unsealed: what reads is written as the same bytes.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/federation/member_record.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::archive::federation;
  const p2pd::ByteView bytes(data, size);
  const auto record = ParseMemberRecord(bytes);
  if (record) P2PD_CHECK(WriteMemberRecord(*record) == bytes);
  return 0;
}
