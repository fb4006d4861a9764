// What people hand to an S-tracker over the overlay, and its answers: what reads is written as the
// same bytes, and what a signature stands under is bounded.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/submission/submission.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::archive::submission;
  const p2pd::ByteView bytes(data, size);
  if (const auto request = ParseRequest(bytes)) {
    P2PD_CHECK(Write(*request) == bytes);
    const auto body = ParseBody(request->body);
    if (body) P2PD_CHECK(WriteBody(*body) == request->body);
  }
  if (const auto body = ParseBody(bytes)) P2PD_CHECK(WriteBody(*body) == bytes);
  if (const auto answer = ParseAnswer(bytes)) P2PD_CHECK(ParseAnswer(Write(*answer)) == answer);
  const auto content = ContentOf(bytes);
  if (content.ok()) P2PD_CHECK(!content->bytes.empty());
  return 0;
}
