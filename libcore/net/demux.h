// Tells apart what arrives on the one UDP port by the first byte, in the way of RFC 7983 and RFC
// 9443.
//
//      0..3    STUN (RFC 8489)               128..191  RTP and RTCP (RFC 3550, version 2)
//     20..63   DTLS (RFC 9147)               192..199  overlay, ours
//     64..79   TURN channel (RFC 8656)       200..207  session, ours: hello, ack, signalling
//
// Everything else is dropped and counted.
#pragma once

#include <cstdint>

#include "libcore/base/bytes.h"

namespace p2pd::net {

enum class DatagramKind { kStun, kDtls, kTurn, kRtp, kRtcp, kOverlay, kSession, kUnknown };

inline constexpr uint8_t kOverlayFirstByte = 192;
inline constexpr uint8_t kSessionFirstByte = 200;

// kUnknown for an empty datagram too. RTCP is told from RTP by its packet type, 192..223 (RFC 5761
// §4).
DatagramKind Classify(ByteView datagram);

}  // namespace p2pd::net
