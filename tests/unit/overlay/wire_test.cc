#include "libcore/overlay/wire.h"

#include <gtest/gtest.h>

namespace p2pd::overlay {
namespace {

Bytes Encode(const Frames& frames) {
  ByteWriter writer;
  for (const Frame& frame : frames) WriteFrame(frame, writer);
  return writer.bytes();
}

TEST(Wire, TypeOfWantsKindVersionAndSize) {
  EXPECT_EQ(TypeOf(StartDatagram(DatagramType::kHello).bytes()), DatagramType::kHello);
  EXPECT_EQ(TypeOf(Bytes{198, 1}), DatagramType::kLetterAnswer);
  EXPECT_EQ(TypeOf(Bytes{199, 1}), DatagramType::kBeacon);
  EXPECT_FALSE(TypeOf(Bytes{192}).has_value());
  EXPECT_FALSE(TypeOf(Bytes{191, 1}).has_value());
  EXPECT_FALSE(TypeOf(Bytes{200, 1}).has_value());
  EXPECT_FALSE(TypeOf(Bytes{192, 2}).has_value());
  Bytes huge(1201, 1);
  huge[0] = 192;
  EXPECT_FALSE(TypeOf(huge).has_value());
}

TEST(Wire, FramesRoundTripAndKnowTheirSize) {
  const Bytes part(5, 9);
  const Frames frames = {PingFrame{},       AckFrame{7, 3},         FragmentFrame{1, 0, 1, part},
                         ChallengeFrame{5}, ChallengeReplyFrame{6}, CloseFrame{},
                         NoteFrame{part}};
  const Bytes encoded = Encode(frames);
  size_t size = 0;
  for (const Frame& frame : frames) size += FrameSize(frame);
  EXPECT_EQ(encoded.size(), size);
  const auto parsed = ParseFrames(encoded);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->size(), frames.size());
  EXPECT_EQ(Encode(*parsed), encoded);
}

TEST(Wire, MalformedFramesAreRefused) {
  const Bytes part(5, 9);
  EXPECT_FALSE(ParseFrames(Bytes{0}).has_value());
  EXPECT_FALSE(ParseFrames(Bytes{2, 0, 0}).has_value());
  EXPECT_FALSE(ParseFrames(Bytes{77}).has_value());
  EXPECT_FALSE(ParseFrames(Bytes{8, 0, 0}).has_value());
  EXPECT_FALSE(ParseFrames(Bytes{8, 0, 2, 1}).has_value());
  EXPECT_FALSE(ParseFrames(Encode({FragmentFrame{1, 1, 1, part}})).has_value());
  EXPECT_FALSE(ParseFrames(Encode({FragmentFrame{1, 0, 0, part}})).has_value());
  // Not the last, and not full.
  EXPECT_FALSE(ParseFrames(Encode({FragmentFrame{1, 0, 2, part}})).has_value());
  EXPECT_FALSE(ParseFrames(Encode({FragmentFrame{1, 1, 2, {}}})).has_value());
  EXPECT_FALSE(ParseFrames(Encode({FragmentFrame{1, 0, 60000, Bytes(kMaxFragment)}})).has_value());
}

TEST(Wire, AFullPacketIsOneDatagram) {
  EXPECT_EQ(kPacketHeader + kAckFrameSize + kFragmentHeader + kMaxFragment + kPacketTag,
            net::kMaxDatagram);
}

}  // namespace
}  // namespace p2pd::overlay
