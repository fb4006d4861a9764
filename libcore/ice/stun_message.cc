#include "libcore/ice/stun_message.h"

#include <algorithm>
#include <array>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/net/transmit.h"
#include "libcore/pki/sha1.h"

namespace p2pd::ice {
namespace {

constexpr uint32_t kCookie = 0x2112A442;
constexpr size_t kHeader = 20;
constexpr size_t kAttributeHeader = 4;
constexpr size_t kIntegritySize = 20;
constexpr size_t kFingerprintSize = 4;
// RFC 8489 §14.7: so that a protocol with a CRC of its own is not taken for STUN.
constexpr uint32_t kFingerprintXor = 0x5354554E;
constexpr uint16_t kBinding = 1;
// Types from here on may be passed over by who does not know them (RFC 8489 §14).
constexpr uint16_t kOptional = 0x8000;

enum Attribute : uint16_t {
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802A,
};

// CRC-32 of ITU V.42, as Ethernet has it.
constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t Crc32(ByteView bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

constexpr size_t Padded(size_t size) { return (size + 3) & ~size_t{3}; }

// RFC 8489 §5: the two bits of the class stand between those of the method.
std::optional<StunClass> ClassOf(uint16_t type) {
  if ((type & 0xC000) != 0) return std::nullopt;
  const auto method =
      static_cast<uint16_t>((type & 0x000F) | ((type & 0x00E0) >> 1) | ((type & 0x3E00) >> 2));
  if (method != kBinding) return std::nullopt;
  return static_cast<StunClass>(((type & 0x0100) >> 7) | ((type & 0x0010) >> 4));
}

uint16_t TypeOf(StunClass kind) {
  const auto bits = static_cast<uint16_t>(kind);
  return static_cast<uint16_t>(kBinding | ((bits & 2) << 7) | ((bits & 1) << 4));
}

// RFC 8489 §14.2: the address is hidden from translators that rewrite what looks like one.
Bytes Mask(const TransactionId& id) {
  ByteWriter writer(16);
  writer.U32(kCookie).Put(id.view());
  return std::move(writer).Take();
}

std::optional<net::Endpoint> ReadXorAddress(ByteView value, const TransactionId& id) {
  ByteReader reader(value);
  reader.U8();
  const uint8_t family = reader.U8();
  const auto port = static_cast<uint16_t>(reader.U16() ^ (kCookie >> 16));
  const Bytes mask = Mask(id);
  const auto unmask = [&](auto& out) {
    const ByteView bytes = reader.Take(out.size());
    for (size_t i = 0; i < bytes.size(); ++i) out[i] = bytes[i] ^ mask[i];
    return reader.AtEnd();
  };
  if (family == 1) {
    std::array<uint8_t, 4> address{};
    if (!unmask(address)) return std::nullopt;
    return net::Endpoint{net::IpAddress::V4(address), port};
  }
  std::array<uint8_t, 16> address{};
  if (family != 2 || !unmask(address)) return std::nullopt;
  return net::Endpoint{net::IpAddress::V6(address), port};
}

void WriteXorAddress(const net::Endpoint& endpoint, const TransactionId& id, ByteWriter& writer) {
  const Bytes mask = Mask(id);
  const ByteView address = endpoint.address.bytes();
  writer.U16(kXorMappedAddress).U16(static_cast<uint16_t>(4 + address.size()));
  writer.U8(0).U8(endpoint.address.is_v4() ? 1 : 2);
  writer.U16(static_cast<uint16_t>(endpoint.port ^ (kCookie >> 16)));
  for (size_t i = 0; i < address.size(); ++i) writer.U8(address[i] ^ mask[i]);
}

// The first `size` bytes with another length in the header: that of the message if it ended with an
// attribute of `attribute` bytes there.
Bytes Head(ByteView datagram, size_t size, size_t attribute) {
  Bytes head = ToBytes(datagram.subspan(0, size));
  const size_t length = size - kHeader + kAttributeHeader + attribute;
  head[2] = static_cast<uint8_t>(length >> 8);
  head[3] = static_cast<uint8_t>(length);
  return head;
}

// The attributes of one message, in their order.
class Attributes {
 public:
  Attributes(ByteView datagram, StunMessage& out) : datagram_(datagram), out_(out) {}

  bool Read() {
    ByteReader reader(datagram_.subspan(kHeader));
    for (size_t count = 0; reader.remaining() > 0; ++count) {
      const size_t at = datagram_.size() - reader.remaining();
      const uint16_t type = reader.U16();
      const uint16_t size = reader.U16();
      const ByteView value = reader.Take(size);
      reader.Take(Padded(size) - size);
      if (!reader.ok() || count >= kMaxStunAttributes || out_.fingerprint) return false;
      // Nobody vouches for what comes after the integrity, but for the fingerprint.
      if (out_.integrity_at != 0 && type != kFingerprint) continue;
      if (!One(at, type, value)) return false;
    }
    return true;
  }

 private:
  bool One(size_t at, uint16_t type, ByteView value) {
    ByteReader reader(value);
    switch (type) {
      case kUsername:
        if (value.empty() || value.size() > kMaxUsername) return false;
        if (out_.username.empty()) out_.username = ToText(value);
        return true;
      case kMessageIntegrity:
        out_.integrity_at = at;
        return value.size() == kIntegritySize;
      case kFingerprint:
        out_.fingerprint =
            reader.U32() == (Crc32(Head(datagram_, at, kFingerprintSize)) ^ kFingerprintXor);
        return out_.fingerprint && reader.AtEnd();
      case kErrorCode:
        return OnError(reader);
      case kXorMappedAddress: {
        const std::optional<net::Endpoint> mapped = ReadXorAddress(value, out_.id);
        if (mapped && !out_.mapped) out_.mapped = mapped;
        return mapped.has_value();
      }
      case kPriority:
        return First(out_.priority, reader.U32(), reader);
      case kIceControlled:
        return First(out_.controlled, reader.U64(), reader);
      case kIceControlling:
        return First(out_.controlling, reader.U64(), reader);
      case kUseCandidate:
        out_.use_candidate = true;
        return value.empty();
      case kRealm:  // of long-term credentials, which nobody asks for in a check
      case kNonce:
        return true;
      default:
        out_.unknown = out_.unknown || type < kOptional;
        return true;
    }
  }
  bool OnError(ByteReader& reader) {
    reader.U16();
    const int hundreds = reader.U8() & 7;
    const int rest = reader.U8();
    if (!reader.ok() || hundreds < 3 || hundreds > 6 || rest > 99) return false;
    if (out_.error == 0) out_.error = hundreds * 100 + rest;
    return true;
  }
  template <class T>
  static bool First(std::optional<T>& field, T value, const ByteReader& reader) {
    if (!field) field = value;
    return reader.AtEnd();
  }

  ByteView datagram_;
  StunMessage& out_;
};

Bytes Seal(Bytes datagram, ByteView key) {
  if (!key.empty()) {
    const pki::Sha1Digest digest =
        pki::HmacSha1(key, Head(datagram, datagram.size(), kIntegritySize));
    ByteWriter writer;
    writer.U16(kMessageIntegrity).U16(kIntegritySize).Put(digest.view());
    Append(datagram, writer.bytes());
  }
  datagram = Head(datagram, datagram.size(), kFingerprintSize);
  ByteWriter writer;
  writer.U16(kFingerprint).U16(kFingerprintSize).U32(Crc32(datagram) ^ kFingerprintXor);
  Append(datagram, writer.bytes());
  return datagram;
}

}  // namespace

std::optional<StunMessage> ParseStun(ByteView datagram) {
  if (datagram.size() < kHeader || datagram.size() > net::kMaxDatagram) return std::nullopt;
  ByteReader reader(datagram);
  const std::optional<StunClass> kind = ClassOf(reader.U16());
  const size_t length = reader.U16();
  if (!kind || reader.U32() != kCookie) return std::nullopt;
  if (length != datagram.size() - kHeader || length % 4 != 0) return std::nullopt;
  StunMessage out;
  out.kind = *kind;
  out.id = reader.Fixed<TransactionId>();
  if (!Attributes(datagram, out).Read()) return std::nullopt;
  return out;
}

bool IntegrityHolds(ByteView datagram, const StunMessage& message, ByteView key) {
  if (message.integrity_at == 0 || key.empty()) return false;
  const pki::Sha1Digest digest =
      pki::HmacSha1(key, Head(datagram, message.integrity_at, kIntegritySize));
  return ConstantTimeEqual(
      digest.view(), datagram.subspan(message.integrity_at + kAttributeHeader, kIntegritySize));
}

Bytes WriteStun(const StunMessage& message, ByteView key) {
  P2PD_CHECK(message.username.size() <= kMaxUsername);
  ByteWriter writer(160);
  writer.U16(TypeOf(message.kind)).U16(0).U32(kCookie).Put(message.id.view());
  if (!message.username.empty()) {
    const size_t size = message.username.size();
    writer.U16(kUsername).Put16(AsBytes(message.username));
    for (size_t i = size; i < Padded(size); ++i) writer.U8(0);
  }
  if (message.priority) writer.U16(kPriority).U16(4).U32(*message.priority);
  if (message.use_candidate) writer.U16(kUseCandidate).U16(0);
  if (message.controlling) writer.U16(kIceControlling).U16(8).U64(*message.controlling);
  if (message.controlled) writer.U16(kIceControlled).U16(8).U64(*message.controlled);
  if (message.mapped) WriteXorAddress(*message.mapped, message.id, writer);
  if (message.error != 0) {
    writer.U16(kErrorCode).U16(4).U16(0);
    writer.U8(static_cast<uint8_t>(message.error / 100));
    writer.U8(static_cast<uint8_t>(message.error % 100));
  }
  return Seal(std::move(writer).Take(), key);
}

}  // namespace p2pd::ice
