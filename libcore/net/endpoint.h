// IP addresses and endpoints (address and UDP port), IPv4 and IPv6, as values without a socket.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"
#include "libcore/base/codec.h"

namespace p2pd::net {

// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:a.b.c.d) is always kept as IPv4, so that one
// machine has one value whichever socket saw it.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress V4(std::array<uint8_t, 4> bytes);
  static IpAddress V6(const std::array<uint8_t, 16>& bytes);
  static std::optional<IpAddress> Parse(absl::string_view text);

  bool is_v4() const { return v4_; }
  // 4 or 16 bytes in network order.
  ByteView bytes() const { return v4_ ? ByteView(bytes_.data(), 4) : ByteView(bytes_.data(), 16); }
  bool IsUnspecified() const;
  bool IsLoopback() const;
  bool IsLinkLocal() const;
  // RFC 1918, RFC 4193, loopback, link-local: ranges without the diversity limits of the open
  // Internet.
  bool IsPrivate() const;
  bool IsMulticast() const;
  // The first `bits` of the address with the rest zero: the network that quotas and diversity
  // limits count.
  IpAddress Prefix(int bits) const;
  std::string ToString() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <class H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.v4_, a.bytes_);
  }

 private:
  bool v4_ = true;
  std::array<uint8_t, 16> bytes_{};
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  // "127.0.0.1:7464" or "[::1]:7464"; nullopt for anything else (names are resolved by runtime).
  static std::optional<Endpoint> Parse(absl::string_view text);
  std::string ToString() const;
  // On the wire: one byte 4 or 6, the address, the port big-endian (7 or 19 bytes).
  void Write(ByteWriter& writer) const;
  static std::optional<Endpoint> Read(ByteReader& reader);
  Bytes ToBytes() const;
  // nullopt unless `bytes` is exactly one endpoint.
  static std::optional<Endpoint> FromBytes(ByteView bytes);

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  template <class H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

// The network that a quota is charged to: /24 of IPv4, /56 of IPv6.
IpAddress NetworkOf(const IpAddress& address);
// The wider one that bounds a replica set: /16 of IPv4, /32 of IPv6.
IpAddress WideNetworkOf(const IpAddress& address);

}  // namespace p2pd::net
