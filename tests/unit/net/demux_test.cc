#include "libcore/net/demux.h"

#include <gtest/gtest.h>

namespace p2pd::net {
namespace {

Bytes Datagram(int first, int second = 0, size_t size = 12) {
  Bytes bytes(size, 0);
  if (size > 0) bytes[0] = static_cast<uint8_t>(first);
  if (size > 1) bytes[1] = static_cast<uint8_t>(second);
  return bytes;
}

// RFC 7983 §7 as extended by RFC 9443 §3, with our two ranges in the space of QUIC, which we do not
// speak.
TEST(Demux, FirstByteDecides) {
  struct Row {
    int from;
    int to;
    DatagramKind kind;
  };
  constexpr Row kRows[] = {
      {0, 3, DatagramKind::kStun},        {4, 19, DatagramKind::kUnknown},
      {20, 63, DatagramKind::kDtls},      {64, 79, DatagramKind::kTurn},
      {80, 127, DatagramKind::kUnknown},  {128, 191, DatagramKind::kRtp},
      {192, 199, DatagramKind::kOverlay}, {200, 207, DatagramKind::kSession},
      {208, 255, DatagramKind::kUnknown},
  };
  int expected = 0;
  for (const Row& row : kRows) {
    ASSERT_EQ(row.from, expected) << "the table leaves no byte out";
    for (int first = row.from; first <= row.to; ++first) {
      EXPECT_EQ(Classify(Datagram(first)), row.kind) << first;
    }
    expected = row.to + 1;
  }
  EXPECT_EQ(expected, 256);
}

TEST(Demux, OurNamedFirstBytesAreOurs) {
  EXPECT_EQ(Classify(Datagram(kOverlayFirstByte)), DatagramKind::kOverlay);
  EXPECT_EQ(Classify(Datagram(kSessionFirstByte)), DatagramKind::kSession);
}

// RFC 5761 §4: packet types 192 to 223 are RTCP, whatever the marker bit would make of them.
TEST(Demux, RtcpIsToldFromRtpByItsPacketType) {
  for (int second = 0; second < 256; ++second) {
    const bool rtcp = second >= 192 && second <= 223;
    EXPECT_EQ(Classify(Datagram(128, second)), rtcp ? DatagramKind::kRtcp : DatagramKind::kRtp)
        << second;
  }
}

TEST(Demux, TooShortForWhatItClaims) {
  EXPECT_EQ(Classify(ByteView()), DatagramKind::kUnknown);
  EXPECT_EQ(Classify(Datagram(128, 200, 1)), DatagramKind::kUnknown);
  EXPECT_EQ(Classify(Datagram(128, 200, 7)), DatagramKind::kUnknown);
  EXPECT_EQ(Classify(Datagram(128, 200, 8)), DatagramKind::kRtcp);
}

}  // namespace
}  // namespace p2pd::net
