#include "libcore/media/rtp_packet.h"

#include <gtest/gtest.h>

namespace p2pd::media {
namespace {

Bytes Simple() { return {0x80, 0xef, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 0xaa, 0xbb}; }

TEST(RtpHeader, Fields) {
  const Bytes packet = Simple();
  const auto header = ParseRtpHeader(packet);
  ASSERT_TRUE(header.has_value());
  EXPECT_TRUE(header->marker);
  EXPECT_EQ(header->payload_type, 111);
  EXPECT_EQ(header->sequence, 0x1234);
  EXPECT_EQ(header->timestamp, 0x01020304u);
  EXPECT_EQ(header->ssrc, 0x05060708u);
  EXPECT_EQ(header->size, 12u);
  EXPECT_EQ(RtpPayload(*header, packet)->size(), 2u);
}

TEST(RtpHeader, WritesWhatItReads) {
  RtpHeader header;
  header.marker = true;
  header.payload_type = 96;
  header.sequence = 0xffff;
  header.timestamp = 0xfffffffe;
  header.ssrc = 0x80000001;
  Bytes packet(kRtpHeaderSize);
  WriteRtpHeader(header, absl::MakeSpan(packet));
  const auto back = ParseRtpHeader(packet);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->marker, header.marker);
  EXPECT_EQ(back->payload_type, header.payload_type);
  EXPECT_EQ(back->sequence, header.sequence);
  EXPECT_EQ(back->timestamp, header.timestamp);
  EXPECT_EQ(back->ssrc, header.ssrc);
}

TEST(RtpHeader, SkipsSourcesAndExtension) {
  Bytes packet = {0x92, 0x6f, 0, 1, 0, 0, 0, 1, 0,    0,    0, 2,  // two CSRCs and an extension
                  1,    1,    1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 1, 9, 9, 9, 9, 0x55};
  const auto header = ParseRtpHeader(packet);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->size, 28u);
  EXPECT_EQ((*RtpPayload(*header, packet))[0], 0x55);
}

TEST(RtpHeader, RefusesWhatIsCutOff) {
  const Bytes whole = {0x92, 0x6f, 0, 1, 0, 0, 0,    1,    0, 0, 0, 2, 1, 1,
                       1,    1,    2, 2, 2, 2, 0xbe, 0xde, 0, 1, 9, 9, 9, 9};
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseRtpHeader(ByteView(whole).first(size)).has_value()) << size;
  }
  EXPECT_TRUE(ParseRtpHeader(whole).has_value());
}

TEST(RtpHeader, RefusesOtherVersions) {
  for (const int first : {0x00, 0x40, 0xc0}) {
    Bytes packet = Simple();
    packet[0] = static_cast<uint8_t>(first);
    EXPECT_FALSE(ParseRtpHeader(packet).has_value());
  }
}

TEST(RtpPayload, TakesPaddingOff) {
  Bytes packet = Simple();
  packet[0] = 0xa0;
  packet.back() = 1;
  EXPECT_EQ(RtpPayload(*ParseRtpHeader(packet), packet)->size(), 1u);
  packet.back() = 2;
  EXPECT_EQ(RtpPayload(*ParseRtpHeader(packet), packet)->size(), 0u);
  packet.back() = 3;  // more than there is
  EXPECT_FALSE(RtpPayload(*ParseRtpHeader(packet), packet).has_value());
  packet.back() = 0;
  EXPECT_FALSE(RtpPayload(*ParseRtpHeader(packet), packet).has_value());
  packet.resize(12);
  EXPECT_FALSE(RtpPayload(*ParseRtpHeader(packet), packet).has_value());
}

TEST(Unwrapper, GoesOverTheEdgeBothWays) {
  Unwrapper<uint16_t> unwrap;
  EXPECT_EQ(unwrap(65'534), 65'534);
  EXPECT_EQ(unwrap(1), 65'537);
  EXPECT_EQ(unwrap(65'535), 65'535);
  EXPECT_EQ(unwrap(2), 65'538);
  EXPECT_EQ(unwrap(32'000), 97'536);
  Unwrapper<uint32_t> wide;
  EXPECT_EQ(wide(10), 10);
  EXPECT_EQ(wide(0xffff'ffff), -1);
  EXPECT_EQ(wide(5), 5);
}

}  // namespace
}  // namespace p2pd::media
