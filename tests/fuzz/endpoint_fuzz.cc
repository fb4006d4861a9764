// Endpoints on the wire and the first-byte demultiplexer: whatever is accepted has exactly one
// encoding.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/net/demux.h"
#include "libcore/net/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const p2pd::ByteView input(data, size);
  p2pd::net::Classify(input);
  const auto endpoint = p2pd::net::Endpoint::FromBytes(input);
  if (endpoint) {
    P2PD_CHECK(endpoint->ToBytes() == p2pd::ToBytes(input));
    P2PD_CHECK(p2pd::net::Endpoint::Parse(endpoint->ToString()) == endpoint);
  }
  return 0;
}
