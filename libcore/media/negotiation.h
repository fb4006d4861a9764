// Offer and answer of one call's media: which codec, at which rates, under which SRTP suite, with
// which SSRCs. They travel inside the signed hello and ack, so nobody on the path can weaken them.
//
// Rules: the offer lists in order of preference, the answer chooses one of each; what is unknown in
// an offer is passed over (a newer peer), what the answer chooses must have been offered. Threads:
// pure functions. Limits: kMaxNegotiationBytes encoded, kMaxOfferedCodecs, kMaxOfferedSuites.
// Sources: RFC 3264 (the model), RFC 7587 §6.1 (Opus's parameters), RFC 2198 §3 (redundancy has a
// payload type of its own), proto/p2pd/wire/v1/media.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/media/srtp.h"

namespace p2pd::media {

// Bytes of an encoded offer or answer: it shares one datagram of 1,200 with a certificate.
inline constexpr size_t kMaxNegotiationBytes = 512;
inline constexpr size_t kMaxOfferedCodecs = 8;
inline constexpr size_t kMaxOfferedSuites = 8;

// Bit rates that Opus is run at for speech, bit/s: below is unintelligible, above gains nothing.
inline constexpr int kMinBitrate = 8'000;
inline constexpr int kDefaultBitrate = 32'000;
inline constexpr int kMaxBitrate = 64'000;

enum class CodecKind { kOpus };

struct NegotiationOptions {
  // The highest rate that the peer may send to us.
  int max_bitrate = kMaxBitrate;
  // Preferred first; not empty.
  std::vector<SrtpSuite> suites = {SrtpSuite::kAeadAes128Gcm, SrtpSuite::kAeadAes256Gcm};
  // Packets may carry copies of earlier ones.
  bool redundancy = true;
  // Keys may change during the call.
  bool rekeying = true;
};

// What both sides do once offer and answer are exchanged.
struct Negotiated {
  CodecKind codec = CodecKind::kOpus;
  // RTP payload type, 96..127, the same in both directions.
  uint8_t payload_type = 111;
  // That of packets with redundant copies (RFC 2198), another of 96..127; nullopt when the other
  // side knows none.
  std::optional<uint8_t> red_payload_type;
  // Each packet carries a master key identifier (RFC 3711 §3.1), so that keys can change.
  bool mki = false;
  // The highest rate that the other side wants to receive, within [kMinBitrate, kMaxBitrate].
  int max_send_bitrate = kMaxBitrate;
  SrtpSuite suite = SrtpSuite::kAeadAes128Gcm;
  uint32_t local_ssrc = 0;
  uint32_t remote_ssrc = 0;
};

// What the caller keeps until the answer comes.
struct Offer {
  Bytes encoded;  // MediaOffer
  uint32_t local_ssrc = 0;
  NegotiationOptions options;
};

Offer MakeOffer(const NegotiationOptions& options, Rng& rng);

struct Answer {
  Bytes encoded;  // MediaAnswer
  Negotiated negotiated;
};

// The callee's choice; nullopt when the offer is malformed or has nothing in common with `options`.
std::optional<Answer> AnswerOffer(ByteView encoded_offer, const NegotiationOptions& options,
                                  Rng& rng);

// The caller's side; nullopt when the answer is malformed or chooses what was not offered.
std::optional<Negotiated> AcceptAnswer(const Offer& offer, ByteView encoded_answer);

}  // namespace p2pd::media
