#include "libcore/net/endpoint.h"

#include <arpa/inet.h>  // lint: allow(text form of addresses only, no socket)

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace p2pd::net {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::V4(std::array<uint8_t, 4> bytes) {
  IpAddress out;
  std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
  return out;
}

IpAddress IpAddress::V6(const std::array<uint8_t, 16>& bytes) {
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    return V4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress out;
  out.v4_ = false;
  out.bytes_ = bytes;
  return out;
}

std::optional<IpAddress> IpAddress::Parse(absl::string_view text) {
  // inet_pton would stop at a NUL and take what stands before it.
  if (text.find('\0') != absl::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  std::array<uint8_t, 4> v4{};
  if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return V4(v4);
  std::array<uint8_t, 16> v6{};
  if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return V6(v6);
  return std::nullopt;
}

bool IpAddress::IsUnspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t b) { return b == 0; });
}

bool IpAddress::IsLoopback() const {
  if (v4_) return bytes_[0] == 127;
  return bytes_[15] == 1 &&
         std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t b) { return b == 0; });
}

bool IpAddress::IsLinkLocal() const {
  if (v4_) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::IsPrivate() const {
  if (IsLoopback() || IsLinkLocal()) return true;
  if (!v4_) return (bytes_[0] & 0xfe) == 0xfc;
  return bytes_[0] == 10 || (bytes_[0] == 172 && (bytes_[1] & 0xf0) == 16) ||
         (bytes_[0] == 192 && bytes_[1] == 168);
}

bool IpAddress::IsMulticast() const { return v4_ ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

IpAddress IpAddress::Prefix(int bits) const {
  IpAddress out = *this;
  for (size_t i = 0; i < out.bytes_.size(); ++i) {
    const int keep = std::clamp(bits - static_cast<int>(i) * 8, 0, 8);
    out.bytes_[i] = static_cast<uint8_t>(out.bytes_[i] & (0xff00 >> keep));
  }
  return out;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

std::optional<Endpoint> Endpoint::Parse(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  absl::string_view host = text.substr(0, colon);
  const absl::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  Endpoint out;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty())
    return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  const bool has_colon = host.find(':') != absl::string_view::npos;
  if (!address || has_colon != bracketed) return std::nullopt;
  out.address = *address;
  return out;
}

std::string Endpoint::ToString() const {
  return address.is_v4() ? absl::StrCat(address.ToString(), ":", port)
                         : absl::StrCat("[", address.ToString(), "]:", port);
}

void Endpoint::Write(ByteWriter& writer) const {
  writer.U8(address.is_v4() ? 4 : 6).Put(address.bytes()).U16(port);
}

std::optional<Endpoint> Endpoint::Read(ByteReader& reader) {
  Endpoint out;
  const uint8_t family = reader.U8();
  if (family == 4) {
    const ByteView bytes = reader.Take(4);
    if (!reader.ok()) return std::nullopt;
    out.address = IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]});
  } else if (family == 6) {
    const ByteView bytes = reader.Take(16);
    if (!reader.ok()) return std::nullopt;
    std::array<uint8_t, 16> v6{};
    std::copy(bytes.begin(), bytes.end(), v6.begin());
    out.address = IpAddress::V6(v6);
    // One endpoint has one encoding: a mapped IPv4 address must come as family 4.
    if (out.address.is_v4()) return std::nullopt;
  } else {
    return std::nullopt;
  }
  out.port = reader.U16();
  if (!reader.ok()) return std::nullopt;
  return out;
}

Bytes Endpoint::ToBytes() const {
  ByteWriter writer;
  Write(writer);
  return std::move(writer).Take();
}

std::optional<Endpoint> Endpoint::FromBytes(ByteView bytes) {
  ByteReader reader(bytes);
  std::optional<Endpoint> out = Read(reader);
  return reader.AtEnd() ? out : std::nullopt;
}

IpAddress NetworkOf(const IpAddress& address) { return address.Prefix(address.is_v4() ? 24 : 56); }
IpAddress WideNetworkOf(const IpAddress& address) {
  return address.Prefix(address.is_v4() ? 16 : 32);
}

}  // namespace p2pd::net
