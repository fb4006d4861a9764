// Link: the AES-GCM packet layer between two nodes that finished the handshake. Seals packets under
// ascending numbers, opens those that are authentic and new.
//
// Rules: a number is used once per direction; packets older than the window of 128, or seen before,
// are dropped. Threads: one owner. Sources: RFC 4303 §3.4.3 (anti-replay), RFC 9000 §13 (acks).
#pragma once

#include <cstdint>
#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/overlay/handshake.h"
#include "libcore/overlay/wire.h"
#include "libcore/pki/aead.h"

namespace p2pd::overlay {

// Numbers that were seen, and the ack that tells the other side.
class ReplayWindow {
 public:
  static constexpr uint64_t kSpan = 128;

  // True when `number` is new and within the window; it counts as seen then.
  bool Accept(uint64_t number);
  bool Seen(uint64_t number) const;
  bool empty() const { return !started_; }
  AckFrame Ack() const;

 private:
  bool started_ = false;
  uint64_t largest_ = 0;
  uint64_t low_ = 0;   // bit i: largest_ - i, i in 0..63
  uint64_t high_ = 0;  // bit i: largest_ - 64 - i
};

class Link {
 public:
  // Packets under one key; GCM's bound is far away (RFC 9001 §6.6 allows 2^23 for the looser one).
  static constexpr uint64_t kMaxPackets = uint64_t{1} << 23;

  explicit Link(const LinkSecrets& secrets);

  uint32_t local_index() const { return local_index_; }
  uint64_t next_number() const { return next_number_; }
  bool Worn() const { return next_number_ >= kMaxPackets; }
  // A whole datagram with the next number; `plaintext` has at most kMaxPlaintext bytes.
  Bytes Seal(ByteView plaintext);
  struct Opened {
    uint64_t number = 0;
    Bytes plaintext;
    bool newest = false;  // no larger number was seen before
  };
  // nullopt when it is not authentic or not new.
  std::optional<Opened> Open(ByteView datagram);
  AckFrame Ack() const { return window_.Ack(); }
  bool HeardAnything() const { return !window_.empty(); }

  // Index of the receiver in a packet datagram of at least the minimum size.
  static std::optional<uint32_t> IndexOf(ByteView datagram);

 private:
  uint32_t local_index_;
  uint32_t remote_index_;
  pki::Aead send_;
  pki::Aead receive_;
  pki::AeadNonce send_iv_;
  pki::AeadNonce receive_iv_;
  uint64_t next_number_ = 0;
  ReplayWindow window_;
};

}  // namespace p2pd::overlay
