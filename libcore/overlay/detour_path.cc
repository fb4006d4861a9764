#include "libcore/overlay/detour_path.h"

#include <algorithm>
#include <array>
#include <utility>

#include "libcore/base/codec.h"

namespace p2pd::overlay {
namespace {

// 1 | far 8 | the first 7 bytes of via; the last one is the lower half of the port, whose upper
// half is 1, so that it is never 0.
constexpr uint8_t kFirstByte = 1;
constexpr uint16_t kPort = 0x0100;

}  // namespace

net::Endpoint DetourPath::ToEndpoint() const {
  ByteWriter writer;
  writer.U8(kFirstByte).U64(far).U64(via);
  std::array<uint8_t, 16> address{};
  std::copy_n(writer.bytes().begin(), address.size(), address.begin());
  return {net::IpAddress::V6(address), static_cast<uint16_t>(kPort | writer.bytes().back())};
}

std::optional<DetourPath> DetourPath::From(const net::Endpoint& endpoint) {
  if (!IsDetour(endpoint)) return std::nullopt;
  Bytes bytes(endpoint.address.bytes().begin(), endpoint.address.bytes().end());
  bytes.push_back(static_cast<uint8_t>(endpoint.port));
  ByteReader reader(bytes);
  reader.U8();
  DetourPath out;
  out.far = reader.U64();
  out.via = reader.U64();
  return out;
}

Bytes DetourPath::ToBytes() const {
  ByteWriter writer(16);
  writer.U64(far).U64(via);
  return std::move(writer).Take();
}

std::optional<DetourPath> DetourPath::FromBytes(ByteView bytes) {
  ByteReader reader(bytes);
  DetourPath out;
  out.far = reader.U64();
  out.via = reader.U64();
  if (!reader.AtEnd()) return std::nullopt;
  return out;
}

bool IsDetour(const net::Endpoint& endpoint) {
  return !endpoint.address.is_v4() && endpoint.address.bytes()[0] == kFirstByte;
}

}  // namespace p2pd::overlay
