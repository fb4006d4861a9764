// Protected packets: AES-256-GCM under one key a direction, numbered from 0, never a number twice.
//
// Rules: the packet number travels in clear and is authenticated with the whole header; the
// receiver takes each number once and none older than kWindow behind the newest. The nonce is the
// number XORed into the direction's IV (RFC 8446 §5.3). A 64-bit number does not wrap, and at the
// rates of signalling AES-GCM's limit on packets a key (2^32, SP 800-38D §8.3) is far; the sealer
// stops there. Threads: one owner.
#pragma once

#include <bitset>
#include <optional>

#include "libcore/session/envelope.h"
#include "libcore/session/key_schedule.h"

namespace p2pd::session {

class PacketSealer {
 public:
  // `receiver_id`: what the other side chose.
  PacketSealer(const TrafficKey& key, uint64_t receiver_id);
  static constexpr uint64_t kMaxPackets = uint64_t{1} << 32;
  // The datagram; empty once kMaxPackets were sealed.
  Bytes Seal(ByteView plaintext);

 private:
  pki::Aead aead_;
  pki::AeadNonce iv_;
  uint64_t receiver_id_;
  uint64_t next_ = 0;
};

class PacketOpener {
 public:
  explicit PacketOpener(const TrafficKey& key);
  static constexpr size_t kWindow = 128;

  struct Opened {
    Bytes plaintext;
    bool newest = false;  // its number is above all before
  };
  // nullopt when it does not verify, came before, or is too old; `replayed` tells which.
  std::optional<Opened> Open(const PacketFrame& frame, bool& replayed);

 private:
  pki::Aead aead_;
  pki::AeadNonce iv_;
  uint64_t end_ = 0;           // one above the newest number
  std::bitset<kWindow> seen_;  // bit i: number end_ - 1 - i was taken
};

}  // namespace p2pd::session
