// SRTP and SRTCP with AES-GCM: one sender and one receiver, each for one key and one SSRC.
//
// Rules: a context lives as long as the call and is never reset; hold, mute and a change of path
// leave it alone (a reset rollover counter is the classic 'audio dies after hold'). A sender starts
// its sequence below 2^15, so that nobody guesses the rollover counter wrong when the first packets
// are lost. A receiver changes no state before the tag has verified, replay window included. Master
// keys differ per direction, so the two SSRCs may even be equal. Threads: one owner each. No
// allocation after construction. Limits: 2^48 SRTP and 2^31 SRTCP packets per key, far beyond any
// call; a sender refuses then. Sources: RFC 3711 (packet index §3.3.1, replay §3.3.2, key
// derivation §4.3), RFC 7714 (AES-GCM).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/aead.h"

namespace p2pd::media {

// RFC 7714 §12.
enum class SrtpSuite { kAeadAes128Gcm, kAeadAes256Gcm };

inline constexpr size_t kSrtpSaltSize = 12;
inline constexpr size_t kSrtpTagSize = 16;
// What protection adds: the tag; for RTCP also the E flag and index.
inline constexpr size_t kSrtpOverhead = kSrtpTagSize;
inline constexpr size_t kSrtcpOverhead = kSrtpTagSize + 4;

// Bytes of the master key: 16 or 32.
size_t SrtpKeySize(SrtpSuite suite);

// Key and salt of one packet kind (RTP or RTCP) in one direction, derived from the master pair.
struct SrtpSessionKeys {
  SecretBytes key;
  SecretBytes salt;
};
struct SrtpKeyPair {
  SrtpSessionKeys rtp;
  SrtpSessionKeys rtcp;
};

// RFC 3711 §4.3.1 with the AES-CM PRF and key derivation rate 0. `master_key` has 16 or 32 bytes,
// `master_salt` 12.
SrtpKeyPair DeriveSrtpKeys(ByteView master_key, ByteView master_salt);

// The last packet indices seen, as a sliding bit map (RFC 3711 §3.3.2).
class ReplayWindow {
 public:
  // Packets that may be overtaken by: 5 s of voice; RFC 3711 asks for 64 at least.
  static constexpr uint64_t kSize = 256;
  // False for an index already marked or too old.
  bool MayAccept(uint64_t index) const;
  void Mark(uint64_t index);

 private:
  std::array<uint64_t, kSize / 64> bits_{};
  uint64_t highest_ = 0;
  bool any_ = false;
};

class SrtpSender {
 public:
  // InvalidArgument when key or salt has the wrong length.
  static absl::StatusOr<SrtpSender> Create(SrtpSuite suite, ByteView master_key,
                                           ByteView master_salt);
  explicit SrtpSender(SrtpKeyPair keys);

  // Protects in place: `buffer` holds a packet of `size` bytes with `header_size` of header (fixed
  // part, CSRCs and extension) and has room for kSrtpOverhead more. Sequence numbers must follow
  // each other, wrapping. The new size; 0 when the key is used up, the room is missing or the
  // header is not one.
  size_t ProtectRtp(MutableByteView buffer, size_t size, size_t header_size);
  // The same for a compound RTCP packet and kSrtcpOverhead.
  size_t ProtectRtcp(MutableByteView buffer, size_t size);

 private:
  pki::Aead rtp_;
  pki::Aead rtcp_;
  SecretBytes rtp_salt_;
  SecretBytes rtcp_salt_;
  uint32_t roc_ = 0;
  uint16_t last_sequence_ = 0;
  bool started_ = false;
  uint32_t rtcp_index_ = 0;
};

class SrtpReceiver {
 public:
  enum class Verdict { kOk, kMalformed, kWrongSsrc, kReplayed, kForged };
  struct Result {
    Verdict verdict = Verdict::kMalformed;
    size_t size = 0;     // of the packet in `out`
    uint64_t index = 0;  // 48-bit packet index (RTP), 31-bit index (RTCP)
  };

  static absl::StatusOr<SrtpReceiver> Create(SrtpSuite suite, ByteView master_key,
                                             ByteView master_salt, uint32_t remote_ssrc);
  SrtpReceiver(SrtpKeyPair keys, uint32_t remote_ssrc);

  // Verifies and opens `packet` into `out` (at least packet.size() bytes; may be the same memory).
  // Cheap checks come first: header, SSRC, replay, then the tag.
  Result UnprotectRtp(ByteView packet, MutableByteView out);
  Result UnprotectRtcp(ByteView packet, MutableByteView out);

 private:
  uint64_t GuessIndex(uint16_t sequence) const;

  pki::Aead rtp_;
  pki::Aead rtcp_;
  SecretBytes rtp_salt_;
  SecretBytes rtcp_salt_;
  uint32_t remote_ssrc_;
  bool started_ = false;
  uint64_t highest_index_ = 0;
  ReplayWindow rtp_window_;
  ReplayWindow rtcp_window_;
};

}  // namespace p2pd::media
