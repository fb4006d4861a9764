// What a person or a configuration file writes: endpoints, hexadecimal, names of blobs, log levels.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/base/hex.h"
#include "libcore/base/log.h"
#include "libcore/base/storage.h"
#include "libcore/net/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text = p2pd::AsText(p2pd::ByteView(data, size));
  if (const auto endpoint = p2pd::net::Endpoint::Parse(text)) {
    P2PD_CHECK(p2pd::net::Endpoint::Parse(endpoint->ToString()) == endpoint);
    P2PD_CHECK(p2pd::net::Endpoint::FromBytes(endpoint->ToBytes()) == endpoint);
  }
  if (const auto bytes = p2pd::FromHex(text)) {
    P2PD_CHECK(p2pd::FromHex(p2pd::Hex(*bytes)) == bytes);
  }
  if (p2pd::Storage::ValidName(text)) {
    P2PD_CHECK(text.find("..") != 0 && text.find("/..") == absl::string_view::npos);
    P2PD_CHECK(text.front() != '/');
  }
  p2pd::ParseLogLevel(text);
  return 0;
}
