// SRTP and SRTCP with AES-GCM: one sender and one receiver, each for one SSRC and one key at a
// time.
//
// Rules: a context lives as long as the call and is never reset; hold, mute and a change of path
// leave it alone (a reset rollover counter is the classic 'audio dies after hold'). A sender starts
// its sequence below 2^15, so that nobody guesses the rollover counter wrong when the first packets
// are lost. A receiver changes no state before the tag has verified, replay window included. Master
// keys differ per direction, so the two SSRCs may even be equal. Where packets carry a master key
// identifier (MKI), keys can change; indices go on then, and a receiver opens what is still under
// the old ones until it forgets them. Threads: one owner each. No allocation after construction,
// but for fresh keys. Limits: 2^48 SRTP and 2^31 SRTCP packets per key, far beyond any
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
// And where packets carry one: the MKI, behind everything else (RFC 3711 §3.1; RFC 7714 §8.2,
// §9.2).
inline constexpr size_t kSrtpMkiSize = 1;

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
                                           ByteView master_salt,
                                           std::optional<uint8_t> mki = std::nullopt);
  // With `mki` each packet ends in it.
  explicit SrtpSender(SrtpKeyPair keys, std::optional<uint8_t> mki = std::nullopt);

  // From the next packet. Both indices go on (RFC 3711 §3.3.1, §3.4: never reset by re-keying).
  void Rekey(const SrtpKeyPair& keys, uint8_t mki);

  // Protects in place: `buffer` holds a packet of `size` bytes with `header_size` of header (fixed
  // part, CSRCs and extension) and has room for kSrtpOverhead more, and for the MKI. Sequence
  // numbers must follow each other, wrapping. The new size; 0 when the key is used up, the room is
  // missing or the header is not one.
  size_t ProtectRtp(MutableByteView buffer, size_t size, size_t header_size);
  // The same for a compound RTCP packet and kSrtcpOverhead.
  size_t ProtectRtcp(MutableByteView buffer, size_t size);

 private:
  size_t mki_size() const { return mki_ ? kSrtpMkiSize : 0; }

  pki::Aead rtp_;
  pki::Aead rtcp_;
  SecretBytes rtp_salt_;
  SecretBytes rtcp_salt_;
  std::optional<uint8_t> mki_;
  uint32_t roc_ = 0;
  uint16_t last_sequence_ = 0;
  bool started_ = false;
  uint32_t rtcp_index_ = 0;
};

class SrtpReceiver {
 public:
  enum class Verdict { kOk, kMalformed, kWrongSsrc, kUnknownKey, kReplayed, kForged };
  struct Result {
    Verdict verdict = Verdict::kMalformed;
    size_t size = 0;          // of the packet in `out`
    uint64_t index = 0;       // 48-bit packet index (RTP), 31-bit index (RTCP)
    bool newest_key = false;  // with kOk: it came under the keys that were added last
  };

  static absl::StatusOr<SrtpReceiver> Create(SrtpSuite suite, ByteView master_key,
                                             ByteView master_salt, uint32_t remote_ssrc,
                                             std::optional<uint8_t> mki = std::nullopt);
  // With `mki` each packet has to end in that of keys that stand here.
  SrtpReceiver(SrtpKeyPair keys, uint32_t remote_ssrc, std::optional<uint8_t> mki = std::nullopt);

  // What comes under these keys is opened too; of the older ones, the newest only stay. Only where
  // the first keys had an MKI, else a bug.
  void AddKeys(const SrtpKeyPair& keys, uint8_t mki);
  void ForgetOldKeys() { keys_[1].reset(); }

  // Verifies and opens `packet` into `out` (at least packet.size() bytes; may be the same memory).
  // Cheap checks come first: header, SSRC, replay, then the tag.
  Result UnprotectRtp(ByteView packet, MutableByteView out);
  Result UnprotectRtcp(ByteView packet, MutableByteView out);

 private:
  // One epoch. Each has windows of its own: a copy of a packet opens under its own key only.
  struct Keys {
    Keys(const SrtpKeyPair& pair, std::optional<uint8_t> identifier);
    std::optional<uint8_t> mki;
    pki::Aead rtp;
    pki::Aead rtcp;
    SecretBytes rtp_salt;
    SecretBytes rtcp_salt;
    ReplayWindow rtp_window;
    ReplayWindow rtcp_window;
  };
  uint64_t GuessIndex(uint16_t sequence) const;
  // The keys that the packet names, which loses its MKI; null when it names none of ours.
  Keys* Select(ByteView& packet);

  std::array<std::optional<Keys>, 2> keys_;  // the newest first
  uint32_t remote_ssrc_;
  bool started_ = false;
  uint64_t highest_index_ = 0;  // under whichever keys
};

}  // namespace p2pd::media
