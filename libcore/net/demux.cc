#include "libcore/net/demux.h"

namespace p2pd::net {

DatagramKind Classify(ByteView datagram) {
  if (datagram.empty()) return DatagramKind::kUnknown;
  const uint8_t first = datagram[0];
  if (first <= 3) return DatagramKind::kStun;
  if (first >= 20 && first <= 63) return DatagramKind::kDtls;
  if (first >= 64 && first <= 79) return DatagramKind::kTurn;
  if (first >= 128 && first <= 191) {
    if (datagram.size() < 8) return DatagramKind::kUnknown;
    // RFC 5761 §4
    return datagram[1] >= 192 && datagram[1] <= 223 ? DatagramKind::kRtcp : DatagramKind::kRtp;
  }
  if (first >= kOverlayFirstByte && first < kOverlayFirstByte + 8) return DatagramKind::kOverlay;
  if (first >= kSessionFirstByte && first < kSessionFirstByte + 8) return DatagramKind::kSession;
  return DatagramKind::kUnknown;
}

}  // namespace p2pd::net
