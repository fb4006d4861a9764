#include "libcore/ice/stun_message.h"

#include <gtest/gtest.h>

#include "libcore/base/codec.h"
#include "libcore/base/hex.h"

namespace p2pd::ice {
namespace {

// RFC 5769, §2.1 to §2.3.
constexpr char kRequest[] =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
constexpr char kResponse4[] =
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96";
constexpr char kResponse6[] =
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf1"
    "1784c97c8292c275bfe3ed4180280004c8fb0b4c";
constexpr char kPassword[] = "VOkJxbRl1RmTxUk/WvJxBt";

Bytes Vector(const char* hex) { return FromHex(hex).value(); }

TEST(StunMessageTest, TheSampleRequestIsReadAndItsIntegrityHolds) {
  const Bytes bytes = Vector(kRequest);
  const auto message = ParseStun(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->kind, StunClass::kRequest);
  EXPECT_EQ(Hex(message->id.view()), "b7e7a701bc34d686fa87dfae");
  EXPECT_EQ(message->username, "evtj:h6vY");
  EXPECT_EQ(message->priority, 0x6e0001ffU);
  EXPECT_EQ(message->controlled, 0x932ff9b151263b36U);
  EXPECT_FALSE(message->controlling.has_value());
  EXPECT_FALSE(message->use_candidate);
  EXPECT_TRUE(message->fingerprint);
  EXPECT_FALSE(message->unknown);
  EXPECT_TRUE(IntegrityHolds(bytes, *message, AsBytes(kPassword)));
  EXPECT_FALSE(IntegrityHolds(bytes, *message, AsBytes("VOkJxbRl1RmTxUk/WvJxBu")));
  EXPECT_FALSE(IntegrityHolds(bytes, *message, ByteView()));
}

TEST(StunMessageTest, TheSampleResponsesNameTheMappedAddress) {
  for (const auto& [vector, endpoint] :
       {std::pair(kResponse4, "192.0.2.1:32853"),
        std::pair(kResponse6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")}) {
    const Bytes bytes = Vector(vector);
    const auto message = ParseStun(bytes);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->kind, StunClass::kSuccess);
    EXPECT_EQ(message->mapped, net::Endpoint::Parse(endpoint));
    EXPECT_TRUE(IntegrityHolds(bytes, *message, AsBytes(kPassword)));
  }
}

TEST(StunMessageTest, EveryChangedBitOfASampleShows) {
  const Bytes bytes = Vector(kRequest);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1 << (bit % 8)));
    const auto message = ParseStun(changed);
    EXPECT_FALSE(message && message->fingerprint) << bit;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseStun(ByteView(bytes).subspan(0, size)).has_value()) << size;
  }
}

TEST(StunMessageTest, WhatIsWrittenIsRead) {
  StunMessage message;
  message.kind = StunClass::kError;
  message.id = TransactionId::FromView(Bytes(12, 7)).value();
  message.username = "abc:defgh";
  message.priority = 5;
  message.use_candidate = true;
  message.controlling = 1;
  message.controlled = ~uint64_t{0};
  message.mapped = net::Endpoint::Parse("[2001:db8::1]:7464");
  message.error = kRoleConflict;
  const Bytes key = Bytes(16, 3);
  const Bytes bytes = WriteStun(message, key);
  const auto read = ParseStun(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->kind, message.kind);
  EXPECT_EQ(read->id, message.id);
  EXPECT_EQ(read->username, message.username);
  EXPECT_EQ(read->priority, message.priority);
  EXPECT_TRUE(read->use_candidate);
  EXPECT_EQ(read->controlling, message.controlling);
  EXPECT_EQ(read->controlled, message.controlled);
  EXPECT_EQ(read->mapped, message.mapped);
  EXPECT_EQ(read->error, kRoleConflict);
  EXPECT_TRUE(read->fingerprint);
  EXPECT_TRUE(IntegrityHolds(bytes, *read, key));
}

// A message with these attributes and no fingerprint.
Bytes With(const Bytes& attributes, uint16_t type = 1) {
  ByteWriter writer;
  writer.U16(type).U16(static_cast<uint16_t>(attributes.size())).U32(0x2112A442).Put(Bytes(12, 1));
  writer.Put(attributes);
  return writer.bytes();
}

TEST(StunMessageTest, OnlyBindingMessagesOfTheRightFormAreTaken) {
  EXPECT_TRUE(ParseStun(With({})).has_value());
  EXPECT_FALSE(ParseStun(With({}, 0x0003)).has_value());  // Allocate of TURN
  EXPECT_FALSE(ParseStun(With({}, 0x4001)).has_value());
  EXPECT_FALSE(ParseStun(With({}, 0x2001)).has_value());
  EXPECT_EQ(ParseStun(With({}, 0x0111))->kind, StunClass::kError);
  EXPECT_EQ(ParseStun(With({}, 0x0011))->kind, StunClass::kIndication);
  Bytes cookie = With({});
  cookie[4] = 0;
  EXPECT_FALSE(ParseStun(cookie).has_value());
  // Lengths: not of four, beyond the end, of a fixed one.
  EXPECT_FALSE(ParseStun(With({0, 6, 0, 1, 'a'})).has_value());
  EXPECT_FALSE(ParseStun(With({0, 6, 0, 8, 'a', 'b', 'c', 'd'})).has_value());
  EXPECT_FALSE(ParseStun(With({0, 0x24, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2})).has_value());
  EXPECT_FALSE(ParseStun(With({0, 0x25, 0, 4, 0, 0, 0, 1})).has_value());
  EXPECT_FALSE(ParseStun(With({0, 8, 0, 4, 0, 0, 0, 1})).has_value());
  // An error code of no class, a family that is none.
  EXPECT_FALSE(ParseStun(With({0, 9, 0, 4, 0, 0, 2, 0})).has_value());
  EXPECT_FALSE(ParseStun(With({0, 0x20, 0, 8, 0, 3, 0, 0, 1, 2, 3, 4})).has_value());
}

TEST(StunMessageTest, WhatNobodyVouchesForDoesNotCount) {
  StunMessage message;
  message.username = "a:b";
  const Bytes key = Bytes(16, 3);
  Bytes bytes = WriteStun(message, key);
  // USE-CANDIDATE put in between integrity and fingerprint.
  bytes.resize(bytes.size() - 8);
  Append(bytes, Bytes{0, 0x25, 0, 0});
  bytes[3] = static_cast<uint8_t>(bytes.size() - 20);
  const auto read = ParseStun(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_FALSE(read->use_candidate);
  EXPECT_FALSE(read->fingerprint);
  EXPECT_TRUE(IntegrityHolds(bytes, *read, key));
}

TEST(StunMessageTest, UnknownAttributesThatMustBeUnderstoodAreTold) {
  EXPECT_TRUE(ParseStun(With({0x7f, 0xff, 0, 0}))->unknown);
  EXPECT_FALSE(ParseStun(With({0xff, 0xff, 0, 0}))->unknown);
  Bytes many;
  for (size_t i = 0; i <= kMaxStunAttributes; ++i) Append(many, Bytes{0xff, 0xff, 0, 0});
  EXPECT_FALSE(ParseStun(With(many)).has_value());
}

}  // namespace
}  // namespace p2pd::ice
