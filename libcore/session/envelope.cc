#include "libcore/session/envelope.h"

#include "libcore/base/codec.h"
#include "libcore/net/demux.h"
#include "libcore/pki/hash.h"

namespace p2pd::session {
namespace {

constexpr uint8_t kHandshakeByte = net::kSessionFirstByte;
constexpr uint8_t kPacketByte = net::kSessionFirstByte + 1;

constexpr uint8_t kKindHello = 1;
constexpr uint8_t kKindAck = 2;
constexpr uint8_t kKindCookie = 3;
constexpr uint8_t kKindNotHere = 4;

constexpr size_t kAckHeader = 3 + 2 + HelloNonce::kSize;
constexpr size_t kHelloHeader = kAckHeader + ReceiverHint::kSize + 1;
constexpr size_t kTag = 16;

bool FragmentOk(size_t index, size_t count, ByteView part) {
  return count >= 1 && count <= kMaxFragments && index < count && !part.empty();
}

std::optional<Envelope> ParseHello(ByteReader& reader) {
  HelloFragment out;
  out.index = reader.U8();
  out.count = reader.U8();
  out.nonce = reader.Fixed<HelloNonce>();
  out.hint = reader.Fixed<ReceiverHint>();
  const size_t cookie_size = reader.U8();
  if (cookie_size != 0) {
    if (cookie_size != Cookie::kSize) return std::nullopt;
    out.cookie = reader.Fixed<Cookie>();
  }
  out.part = reader.TakeRest();
  if (!reader.AtEnd() || !FragmentOk(out.index, out.count, out.part)) return std::nullopt;
  return out;
}

std::optional<Envelope> ParseAck(ByteReader& reader) {
  AckFragment out;
  out.index = reader.U8();
  out.count = reader.U8();
  out.nonce = reader.Fixed<HelloNonce>();
  out.part = reader.TakeRest();
  if (!reader.AtEnd() || !FragmentOk(out.index, out.count, out.part)) return std::nullopt;
  return out;
}

std::optional<Envelope> ParsePacket(ByteView datagram) {
  ByteReader reader(datagram);
  reader.U8();
  PacketFrame out;
  out.receiver_id = reader.U64();
  out.number = reader.U64();
  out.sealed = reader.TakeRest();
  if (!reader.AtEnd() || out.sealed.size() < kTag) return std::nullopt;
  out.header = datagram.subspan(0, kPacketHeader);
  return out;
}

size_t FragmentsFor(size_t size, size_t per_fragment) {
  return (size + per_fragment - 1) / per_fragment;
}

ByteWriter Begin(uint8_t kind) {
  ByteWriter writer;
  writer.U8(kHandshakeByte).U8(kVersion).U8(kind);
  return writer;
}

}  // namespace

ReceiverHint HintOf(const pki::X25519Public& sealing_key) {
  const pki::Sha256Digest digest = pki::Sha256({AsBytes("p2pd hello hint 1"), sealing_key.view()});
  return *ReceiverHint::FromView(digest.view().subspan(0, ReceiverHint::kSize));
}

std::optional<Envelope> ParseEnvelope(ByteView datagram) {
  if (datagram.empty() || datagram.size() > net::kMaxDatagram) return std::nullopt;
  if (datagram[0] == kPacketByte) return ParsePacket(datagram);
  ByteReader reader(datagram);
  if (reader.U8() != kHandshakeByte || reader.U8() != kVersion) return std::nullopt;
  const uint8_t kind = reader.U8();
  if (kind == kKindHello) return ParseHello(reader);
  if (kind == kKindAck) return ParseAck(reader);
  if (kind == kKindCookie) {
    CookieReply out;
    out.nonce = reader.Fixed<HelloNonce>();
    out.cookie = reader.Fixed<Cookie>();
    return reader.AtEnd() ? std::optional<Envelope>(out) : std::nullopt;
  }
  if (kind == kKindNotHere) {
    NotHereReply out;
    out.nonce = reader.Fixed<HelloNonce>();
    return reader.AtEnd() ? std::optional<Envelope>(out) : std::nullopt;
  }
  return std::nullopt;
}

Bytes PacketHeader(uint64_t receiver_id, uint64_t number) {
  ByteWriter writer;
  writer.U8(kPacketByte).U64(receiver_id).U64(number);
  return std::move(writer).Take();
}

Bytes EncodeCookieReply(const CookieReply& reply) {
  ByteWriter writer = Begin(kKindCookie);
  writer.Put(reply.nonce.view()).Put(reply.cookie.view());
  return std::move(writer).Take();
}

Bytes EncodeNotHere(const HelloNonce& nonce) {
  ByteWriter writer = Begin(kKindNotHere);
  writer.Put(nonce.view());
  return std::move(writer).Take();
}

size_t HelloCapacity(size_t fragments, bool with_cookie) {
  return fragments * (net::kMaxDatagram - kHelloHeader - (with_cookie ? Cookie::kSize : 0));
}

size_t AckCapacity(size_t fragments) { return fragments * (net::kMaxDatagram - kAckHeader); }

std::vector<Bytes> SplitHello(const HelloNonce& nonce, const ReceiverHint& hint,
                              const std::optional<Cookie>& cookie, ByteView sealed) {
  const size_t size = HelloCapacity(1, cookie.has_value());
  const size_t count = FragmentsFor(sealed.size(), size);
  if (count == 0 || count > kMaxFragments) return {};
  std::vector<Bytes> out;
  for (size_t i = 0; i < count; ++i) {
    ByteWriter writer = Begin(kKindHello);
    writer.U8(static_cast<uint8_t>(i)).U8(static_cast<uint8_t>(count));
    writer.Put(nonce.view()).Put(hint.view());
    writer.U8(cookie ? static_cast<uint8_t>(Cookie::kSize) : 0);
    if (cookie) writer.Put(cookie->view());
    writer.Put(sealed.subspan(i * size, size));
    out.push_back(std::move(writer).Take());
  }
  return out;
}

std::vector<Bytes> SplitAck(const HelloNonce& nonce, ByteView ack) {
  const size_t size = AckCapacity(1);
  const size_t count = FragmentsFor(ack.size(), size);
  if (count == 0 || count > kMaxFragments) return {};
  std::vector<Bytes> out;
  for (size_t i = 0; i < count; ++i) {
    ByteWriter writer = Begin(kKindAck);
    writer.U8(static_cast<uint8_t>(i)).U8(static_cast<uint8_t>(count));
    writer.Put(nonce.view()).Put(ack.subspan(i * size, size));
    out.push_back(std::move(writer).Take());
  }
  return out;
}

Bytes HelloAad(const HelloNonce& nonce, const ReceiverHint& hint,
               const std::optional<Cookie>& cookie) {
  ByteWriter writer = Begin(kKindHello);
  writer.Put(nonce.view()).Put(hint.view()).U8(cookie ? 1 : 0);
  if (cookie) writer.Put(cookie->view());
  return std::move(writer).Take();
}

Bytes AckAad(const HelloNonce& nonce) {
  ByteWriter writer = Begin(kKindAck);
  writer.Put(nonce.view());
  return std::move(writer).Take();
}

}  // namespace p2pd::session
