#include "libcore/overlay/link.h"

#include <limits>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"

namespace p2pd::overlay {

bool ReplayWindow::Seen(uint64_t number) const {
  if (!started_ || number > largest_) return false;
  const uint64_t age = largest_ - number;
  if (age >= kSpan) return true;
  return ((age < 64 ? low_ >> age : high_ >> (age - 64)) & 1) != 0;
}

bool ReplayWindow::Accept(uint64_t number) {
  if (Seen(number)) return false;
  if (!started_ || number > largest_) {
    const uint64_t shift = started_ ? number - largest_ : kSpan;
    if (shift >= kSpan) {
      low_ = high_ = 0;
    } else if (shift >= 64) {
      high_ = low_ << (shift - 64);
      low_ = 0;
    } else {
      high_ = high_ << shift | low_ >> (64 - shift);
      low_ <<= shift;
    }
    started_ = true;
    largest_ = number;
  }
  const uint64_t age = largest_ - number;
  (age < 64 ? low_ : high_) |= uint64_t{1} << (age % 64);
  return true;
}

AckFrame ReplayWindow::Ack() const {
  // The mask starts one below the largest.
  return AckFrame{largest_, low_ >> 1 | high_ << 63};
}

Link::Link(const LinkSecrets& secrets)
    : local_index_(secrets.local_index),
      remote_index_(secrets.remote_index),
      send_(secrets.send_key.view()),
      receive_(secrets.receive_key.view()),
      send_iv_(*pki::AeadNonce::FromView(secrets.send_iv)),
      receive_iv_(*pki::AeadNonce::FromView(secrets.receive_iv)) {}

Bytes Link::Seal(ByteView plaintext) {
  P2PD_CHECK(plaintext.size() <= kMaxPlaintext);
  P2PD_CHECK(next_number_ <= std::numeric_limits<uint32_t>::max());
  const uint64_t number = next_number_++;
  const size_t size = kPacketHeader + plaintext.size() + pki::Aead::kTagSize;
  ByteWriter writer(size);
  writer.U8(net::kOverlayFirstByte + static_cast<uint8_t>(DatagramType::kPacket)).U8(kWireVersion);
  writer.U32(remote_index_).U32(static_cast<uint32_t>(number));
  Bytes out = std::move(writer).Take();
  out.resize(size);
  send_.SealInto(pki::NonceFor(send_iv_, number), ByteView(out.data(), kPacketHeader), plaintext,
                 MutableByteView(out.data() + kPacketHeader, out.size() - kPacketHeader));
  return out;
}

std::optional<Link::Opened> Link::Open(ByteView datagram) {
  if (datagram.size() < kPacketHeader + pki::Aead::kTagSize) return std::nullopt;
  ByteReader reader(datagram.subspan(6));
  const uint64_t number = reader.U32();
  if (window_.Seen(number)) return std::nullopt;
  const ByteView sealed = datagram.subspan(kPacketHeader);
  Opened out;
  out.number = number;
  out.plaintext.resize(sealed.size() - pki::Aead::kTagSize);
  if (!receive_.OpenInto(pki::NonceFor(receive_iv_, number), datagram.subspan(0, kPacketHeader),
                         sealed, MutableByteView(out.plaintext.data(), out.plaintext.size()))) {
    return std::nullopt;
  }
  out.newest = window_.empty() || number > window_.Ack().largest;
  window_.Accept(number);
  return out;
}

std::optional<uint32_t> Link::IndexOf(ByteView datagram) {
  if (datagram.size() < kPacketHeader + pki::Aead::kTagSize) return std::nullopt;
  ByteReader reader(datagram.subspan(2));
  return reader.U32();
}

}  // namespace p2pd::overlay
