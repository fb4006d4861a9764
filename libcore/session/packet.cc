#include "libcore/session/packet.h"

namespace p2pd::session {

PacketSealer::PacketSealer(const TrafficKey& key, uint64_t receiver_id)
    : aead_(key.key.view()), iv_(key.iv), receiver_id_(receiver_id) {}

Bytes PacketSealer::Seal(ByteView plaintext) {
  if (next_ >= kMaxPackets) return {};
  const uint64_t number = next_++;
  Bytes out = PacketHeader(receiver_id_, number);
  const Bytes sealed = aead_.Seal(pki::NonceFor(iv_, number), out, plaintext);
  Append(out, sealed);
  return out;
}

PacketOpener::PacketOpener(const TrafficKey& key) : aead_(key.key.view()), iv_(key.iv) {}

std::optional<PacketOpener::Opened> PacketOpener::Open(const PacketFrame& frame, bool& replayed) {
  replayed = false;
  const uint64_t number = frame.number;
  if (number >= PacketSealer::kMaxPackets) return std::nullopt;
  if (number < end_) {
    const uint64_t age = end_ - 1 - number;
    replayed = age >= kWindow || seen_[age];
    if (replayed) return std::nullopt;
  }
  std::optional<Bytes> plaintext =
      aead_.Open(pki::NonceFor(iv_, number), frame.header, frame.sealed);
  if (!plaintext) return std::nullopt;
  Opened out;
  out.plaintext = *std::move(plaintext);
  out.newest = number >= end_;
  if (out.newest) {
    const uint64_t shift = number + 1 - end_;
    if (shift >= kWindow) {
      seen_.reset();
    } else {
      seen_ <<= shift;
    }
    end_ = number + 1;
  }
  seen_.set(end_ - 1 - number);
  return out;
}

}  // namespace p2pd::session
