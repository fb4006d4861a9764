#include "libcore/media/red_packet.h"

#include <gtest/gtest.h>

namespace p2pd::media {
namespace {

constexpr uint8_t kOpus = 111;
constexpr uint32_t kFrame = 960;

TEST(Red, ACopyComesBackWithItsDistance) {
  RedWriter writer;
  for (uint8_t i = 0; i < 5; ++i) writer.Remember(kFrame * i, Bytes(10u + i, i));
  const Bytes frame(30, 9);
  for (uint8_t distance = 1; distance <= kMaxRedDistance; ++distance) {
    Bytes packet(200);
    packet.resize(writer.Write(kFrame * 5, frame, distance, kOpus, absl::MakeSpan(packet)));
    const auto red = ParseRed(packet, kOpus);
    ASSERT_TRUE(red.has_value());
    EXPECT_EQ(ToBytes(red->frame), frame);
    ASSERT_EQ(red->count, 1u);
    EXPECT_EQ(red->copies[0].offset, distance * kFrame);
    EXPECT_EQ(ToBytes(red->copies[0].payload),
              Bytes(15u - distance, static_cast<uint8_t>(5 - distance)));
  }
}

TEST(Red, WhatIsNotThereOrTooFarBackIsNotCopied) {
  RedWriter writer;
  Bytes out(2'000);
  const Bytes frame(30, 9);
  const auto write = [&](uint32_t timestamp, uint8_t distance) {
    return writer.Write(timestamp, frame, distance, kOpus, absl::MakeSpan(out));
  };
  EXPECT_EQ(write(0, 1), 0u);
  writer.Remember(0, Bytes(10, 1));
  EXPECT_EQ(write(kFrame, 1), 5u + 10u + 30u);
  EXPECT_EQ(write(kFrame, 2), 0u);
  EXPECT_EQ(write(0, 0), 0u);
  // After a hold the last frame is not the one before.
  EXPECT_EQ(write(50 * kFrame, 1), 0u);
  // Over the wrap of the timestamp.
  writer.Remember(0xffff'ff00, Bytes(20, 1));
  EXPECT_EQ(write(0xffff'ff00 + kFrame, 1), 5u + 20u + 30u);
  writer.Remember(9 * kFrame, Bytes(kMaxRedBlock + 1, 1));
  EXPECT_EQ(write(10 * kFrame, 1), 0u);
  writer.Remember(9 * kFrame, Bytes(kMaxRedBlock, 1));
  EXPECT_EQ(write(10 * kFrame, 1), 5u + kMaxRedBlock + 30u);
  EXPECT_EQ(writer.Write(10 * kFrame, frame, 1, kOpus, absl::MakeSpan(out).first(50)), 0u);
}

// RFC 2198 §3: one copy of two bytes, 960 samples back, then a frame of three.
const Bytes kGood = {0x80 | kOpus, 0x0f, 0x00, 0x02, kOpus, 1, 2, 3, 4, 5};

TEST(Red, TheBytesOfTheRfc) {
  const auto red = ParseRed(kGood, kOpus);
  ASSERT_TRUE(red.has_value());
  ASSERT_EQ(red->count, 1u);
  EXPECT_EQ(red->copies[0].offset, kFrame);
  EXPECT_EQ(ToBytes(red->copies[0].payload), (Bytes{1, 2}));
  EXPECT_EQ(ToBytes(red->frame), (Bytes{3, 4, 5}));
  // A frame without copies.
  const auto alone = ParseRed(Bytes{kOpus, 7}, kOpus);
  ASSERT_TRUE(alone.has_value());
  EXPECT_EQ(alone->count, 0u);
}

TEST(Red, AnythingElseIsRefused) {
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_FALSE(ParseRed(ByteView(kGood).first(size), kOpus)) << size;
  }
  const auto with = [](size_t at, uint8_t value) {
    Bytes changed = kGood;
    changed[at] = value;
    return ParseRed(changed, kOpus).has_value();
  };
  EXPECT_FALSE(with(0, 0x80 | 110));  // a copy of another codec
  EXPECT_FALSE(with(4, 110));         // the frame too
  EXPECT_FALSE(with(1, 0x00));        // a copy of the frame itself
  EXPECT_FALSE(with(3, 0x00));        // an empty copy
  EXPECT_FALSE(with(3, 0x05));        // nothing is left for the frame
  Bytes many;
  for (size_t i = 0; i <= kMaxRedCopies; ++i) Append(many, Bytes{0x80 | kOpus, 0x0f, 0x00, 0x01});
  Append(many, Bytes(10, kOpus));
  EXPECT_FALSE(ParseRed(many, kOpus));
}

}  // namespace
}  // namespace p2pd::media
