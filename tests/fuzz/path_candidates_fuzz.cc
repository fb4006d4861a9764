// Lists of candidates: bounded, and what is accepted travels again unchanged.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/ice/candidate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::ice;
  const auto list = ParseCandidates(p2pd::ByteView(data, size));
  if (!list) return 0;
  P2PD_CHECK(list->candidates.size() <= kMaxCandidates);
  const auto again = ParseCandidates(EncodeCandidates(*list));
  P2PD_CHECK(again && again->generation == list->generation);
  P2PD_CHECK(again->candidates == list->candidates);
  return 0;
}
