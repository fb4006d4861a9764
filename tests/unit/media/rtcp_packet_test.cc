#include "libcore/media/rtcp_packet.h"

#include <gtest/gtest.h>

#include "libcore/base/codec.h"

namespace p2pd::media {
namespace {

constexpr uint32_t kUs = 0x1111;
constexpr uint32_t kPeer = 0x2222;

RtcpReport Full() {
  RtcpReport report;
  report.ssrc = kPeer;
  report.sender = SenderInfo{0x0102030405060708, 9, 10, 11};
  ReportBlock block;
  block.ssrc = kUs;
  block.fraction_lost = 128;
  block.cumulative_lost = -5;
  block.highest_sequence = 0x10005;
  block.jitter = 77;
  block.last_sr = 0xabcdef01;
  block.delay_since_sr = 65'536;
  report.block = block;
  VoipMetrics voip;
  voip.ssrc = kUs;
  voip.loss_rate = 3;
  voip.discard_rate = 4;
  voip.round_trip_ms = 40;
  voip.end_system_delay_ms = 50;
  voip.r_factor = 90;
  voip.mos_lq = 43;
  voip.mos_cq = 42;
  voip.buffer_nominal_ms = 30;
  voip.buffer_maximum_ms = 60;
  voip.buffer_absolute_maximum_ms = 300;
  report.voip = voip;
  Arrivals arrivals;
  arrivals.ssrc = kUs;
  arrivals.begin = 65'530;
  arrivals.count = kMaxReportedPackets;
  for (size_t i = 0; i < arrivals.count; ++i) arrivals.came[i] = i % 7 != 2;
  report.arrivals = arrivals;
  report.receipt = Receipt{kUs, 65'535, 0x01020304};
  std::array<char, kCnameSize> cname;
  cname.fill('c');
  report.cname = cname;
  report.bye = true;
  return report;
}

Bytes Build(const RtcpReport& report) {
  Bytes packet(kMaxRtcpSize);
  packet.resize(BuildRtcp(report, absl::MakeSpan(packet)));
  return packet;
}

TEST(Rtcp, ComesBackWhole) {
  const RtcpReport sent = Full();
  const Bytes packet = Build(sent);
  EXPECT_EQ(packet.size() % 4, 0u);
  const auto got = ParseRtcp(packet, kUs);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->ssrc, kPeer);
  ASSERT_TRUE(got->sender && got->block && got->voip);
  EXPECT_EQ(got->sender->ntp, sent.sender->ntp);
  EXPECT_EQ(got->sender->rtp_timestamp, 9u);
  EXPECT_EQ(got->sender->packets, 10u);
  EXPECT_EQ(got->sender->bytes, 11u);
  EXPECT_EQ(got->block->fraction_lost, 128);
  EXPECT_EQ(got->block->cumulative_lost, -5);
  EXPECT_EQ(got->block->highest_sequence, 0x10005u);
  EXPECT_EQ(got->block->jitter, 77u);
  EXPECT_EQ(got->block->last_sr, 0xabcdef01u);
  EXPECT_EQ(got->block->delay_since_sr, 65'536u);
  EXPECT_EQ(got->voip->loss_rate, 3);
  EXPECT_EQ(got->voip->discard_rate, 4);
  EXPECT_EQ(got->voip->round_trip_ms, 40);
  EXPECT_EQ(got->voip->end_system_delay_ms, 50);
  EXPECT_EQ(got->voip->r_factor, 90);
  EXPECT_EQ(got->voip->mos_lq, 43);
  EXPECT_EQ(got->voip->mos_cq, 42);
  EXPECT_EQ(got->voip->buffer_nominal_ms, 30);
  EXPECT_EQ(got->voip->buffer_maximum_ms, 60);
  EXPECT_EQ(got->voip->buffer_absolute_maximum_ms, 300);
  EXPECT_TRUE(got->bye);
}

TEST(Rtcp, AReceiverReportAlone) {
  RtcpReport report;
  report.ssrc = kPeer;
  const Bytes packet = Build(report);
  EXPECT_EQ(packet, (Bytes{0x80, 201, 0, 1, 0, 0, 0x22, 0x22}));
  const auto got = ParseRtcp(packet, kUs);
  ASSERT_TRUE(got.has_value());
  EXPECT_FALSE(got->sender || got->block || got->voip || got->bye);
}

TEST(Rtcp, OnlyWhatIsAboutUs) {
  const auto got = ParseRtcp(Build(Full()), kUs + 1);
  ASSERT_TRUE(got.has_value());
  EXPECT_FALSE(got->block.has_value());
  EXPECT_FALSE(got->voip.has_value());
}

TEST(Rtcp, AByeOfSomebodyElseDoesNotCount) {
  ByteWriter writer;
  writer.U8(0x80).U8(201).U16(1).U32(kPeer);
  writer.U8(0x81).U8(203).U16(1).U32(kUs);
  const auto got = ParseRtcp(writer.bytes(), kUs);
  ASSERT_TRUE(got.has_value());
  EXPECT_FALSE(got->bye);
}

TEST(Rtcp, UnknownPacketsAndBlocksArePassedOver) {
  ByteWriter writer;
  writer.U8(0x80).U8(201).U16(1).U32(kPeer);
  writer.U8(0x85).U8(206).U16(2).U32(1).U32(2);                          // feedback
  writer.U8(0x80).U8(207).U16(3).U32(kPeer).U8(99).U8(0).U16(1).U32(7);  // unknown XR block
  writer.U8(0x81).U8(203).U16(1).U32(kPeer);
  const auto got = ParseRtcp(writer.bytes(), kUs);
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(got->bye);
}

TEST(Rtcp, RefusesWhatIsCutOff) {
  const Bytes packet = Build(Full());
  for (size_t size = 0; size < packet.size(); ++size) {
    const auto got = ParseRtcp(ByteView(packet).first(size), kUs);
    // Where a whole packet ends, the shorter compound is one of its own; the BYE at the end is
    // gone.
    EXPECT_FALSE(got && got->bye) << size;
  }
}

TEST(Rtcp, RefusesBrokenCompounds) {
  EXPECT_FALSE(ParseRtcp({}, kUs).has_value());
  // The report must come first.
  EXPECT_FALSE(ParseRtcp(Bytes{0x81, 203, 0, 1, 0, 0, 0x22, 0x22}, kUs).has_value());
  // Version 1.
  EXPECT_FALSE(ParseRtcp(Bytes{0x40, 201, 0, 1, 0, 0, 0x22, 0x22}, kUs).has_value());
  // One block promised, none there.
  EXPECT_FALSE(ParseRtcp(Bytes{0x81, 201, 0, 1, 0, 0, 0x22, 0x22}, kUs).has_value());
  // Padding in a packet that is not the last.
  EXPECT_FALSE(ParseRtcp(Bytes{0xa0, 201, 0, 2, 0, 0, 0x22, 0x22, 0, 0, 0, 4,  //
                               0x80, 201, 0, 1, 0, 0, 0x22, 0x22},
                         kUs)
                   .has_value());
  // Padding longer than the packet, and padding that is fine.
  EXPECT_FALSE(ParseRtcp(Bytes{0xa0, 201, 0, 2, 0, 0, 0x22, 0x22, 0, 0, 0, 12}, kUs).has_value());
  EXPECT_TRUE(ParseRtcp(Bytes{0xa0, 201, 0, 2, 0, 0, 0x22, 0x22, 0, 0, 0, 4}, kUs).has_value());
  // An XR block that runs over its packet.
  EXPECT_FALSE(ParseRtcp(Bytes{0x80, 201, 0, 1, 0, 0, 0x22, 0x22,  //
                               0x80, 207, 0, 2, 0, 0, 0x22, 0x22, 7, 0, 0, 8},
                         kUs)
                   .has_value());
}

TEST(Rtcp, RefusesTooManyPackets) {
  Bytes packet;
  for (size_t i = 0; i <= kMaxRtcpPackets; ++i) {
    Append(packet, Bytes{0x80, 201, 0, 1, 0, 0, 0x22, 0x22});
    EXPECT_EQ(ParseRtcp(packet, kUs).has_value(), i < kMaxRtcpPackets);
  }
}

TEST(Rtcp, ArrivalsAndReceiptComeBack) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, kMaxReportedPackets}) {
    RtcpReport sent = Full();
    sent.arrivals->count = count;
    for (size_t i = count; i < kMaxReportedPackets; ++i) sent.arrivals->came.reset(i);
    const auto got = ParseRtcp(Build(sent), kUs);
    ASSERT_TRUE(got && got->arrivals && got->receipt) << count;
    EXPECT_EQ(got->arrivals->begin, sent.arrivals->begin);
    EXPECT_EQ(got->arrivals->count, count);
    EXPECT_EQ(got->arrivals->came, sent.arrivals->came) << count;
    EXPECT_EQ(got->receipt->sequence, 65'535);
    EXPECT_EQ(got->receipt->at, 0x01020304u);
  }
  EXPECT_FALSE(ParseRtcp(Build(Full()), kUs + 1)->arrivals.has_value());
}

// A receiver report without blocks, then an extended report with one block.
Bytes Extended(uint8_t type, uint8_t thinning, const std::vector<uint16_t>& halves) {
  ByteWriter writer;
  writer.U8(0x80).U8(201).U16(1).U32(kPeer);
  const auto words = static_cast<uint16_t>(halves.size() / 2);
  writer.U8(0x80).U8(207).U16(static_cast<uint16_t>(2 + words)).U32(kPeer);
  writer.U8(type).U8(thinning).U16(words);
  for (const uint16_t half : halves) writer.U16(half);
  return std::move(writer).Take();
}

TEST(Rtcp, RunsOfArrivals) {
  // RFC 3611 §4.1: 20 came, 3 did not, then 15 one by one.
  const auto got =
      ParseRtcp(Extended(1, 0, {0, kUs, 100, 134, 0x4000 | 20, 3, 0xffff, 0x0000}), kUs);
  ASSERT_TRUE(got && got->arrivals);
  EXPECT_EQ(got->arrivals->begin, 100);
  EXPECT_EQ(got->arrivals->count, 34u);
  for (size_t i = 0; i < 34; ++i) EXPECT_EQ(got->arrivals->came[i], i < 20 || i >= 23) << i;
}

TEST(Rtcp, ArrivalsThatWeCannotUseArePassedOver) {
  const auto taken = [](uint8_t type, uint8_t thinning, const std::vector<uint16_t>& halves) {
    const auto got = ParseRtcp(Extended(type, thinning, halves), kUs);
    return got && (got->arrivals || got->receipt);
  };
  EXPECT_TRUE(taken(1, 0, {0, kUs, 0, 15, 0xffff, 0}));
  EXPECT_FALSE(taken(1, 0, {0, kUs, 0, 16, 0xffff, 0}));   // tells of 15 only
  EXPECT_FALSE(taken(1, 1, {0, kUs, 0, 15, 0xffff, 0}));   // of every second packet
  EXPECT_FALSE(taken(1, 0, {0, kUs, 0, 500, 0x7fff, 0}));  // of too many
  EXPECT_FALSE(taken(1, 0, {0, kUs}));
  EXPECT_TRUE(taken(3, 0, {0, kUs, 7, 8, 1, 2}));
  EXPECT_FALSE(taken(3, 0, {0, kUs, 7, 8}));
  EXPECT_FALSE(taken(3, 2, {0, kUs, 7, 8, 1, 2}));
}

}  // namespace
}  // namespace p2pd::media
