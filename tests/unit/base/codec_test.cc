#include "libcore/base/codec.h"

#include <gtest/gtest.h>

#include "libcore/base/bytes.h"

namespace p2pd {
namespace {

using Id = FixedBytes<struct IdTag, 4>;

TEST(ByteWriter, WritesBigEndian) {
  ByteWriter writer;

  writer.U8(0x01).U16(0x0203).U32(0x04050607).U64(0x08090a0b0c0d0e0f).Put16(AsBytes("hi"));

  EXPECT_EQ(writer.bytes(),
            (Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 2, 'h', 'i'}));
}

TEST(ByteWriter, RefusesALengthThatDoesNotFit) {
  ByteWriter writer;

  writer.Put16(Bytes(0xffff));

  EXPECT_EQ(writer.bytes().size(), 2u + 0xffff);
  EXPECT_DEATH(ByteWriter().Put16(Bytes(0x10000)), "check failed");
}

TEST(ByteReader, ReadsWhatTheWriterWrote) {
  const Bytes bytes = std::move(ByteWriter()
                                    .U8(0xfe)
                                    .U16(0xfedc)
                                    .U32(0xfedcba98)
                                    .U64(0xfedcba9876543210)
                                    .Put(Bytes{1, 2, 3, 4})
                                    .Put16(AsBytes("hi"))
                                    .Put(AsBytes("rest")))
                          .Take();
  ByteReader reader(bytes);

  EXPECT_EQ(reader.U8(), 0xfe);
  EXPECT_EQ(reader.U16(), 0xfedc);
  EXPECT_EQ(reader.U32(), 0xfedcba98u);
  EXPECT_EQ(reader.U64(), 0xfedcba9876543210u);
  EXPECT_EQ(reader.Fixed<Id>(), Id::FromView(Bytes{1, 2, 3, 4}));
  EXPECT_EQ(AsText(reader.Take16()), "hi");
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_FALSE(reader.AtEnd());
  EXPECT_EQ(AsText(reader.TakeRest()), "rest");
  EXPECT_TRUE(reader.AtEnd());
}

// Every field, one byte too short: the reader fails, gives zero or nothing, and stays failed.
TEST(ByteReader, FailsOnAShortFieldAndStaysFailed) {
  const Bytes seven(7, 0xff);
  const auto fails = [&seven](size_t size, auto read) {
    ByteReader reader(ByteView(seven.data(), size));
    const auto value = read(reader);
    EXPECT_EQ(value, decltype(value){}) << size;
    EXPECT_FALSE(reader.ok()) << size;
    EXPECT_FALSE(reader.AtEnd()) << size;
    EXPECT_EQ(reader.U8(), 0) << size;
    EXPECT_EQ(reader.Take(0).size(), 0u) << size;
    EXPECT_FALSE(reader.ok()) << size;
  };

  fails(0, [](ByteReader& r) { return r.U8(); });
  fails(1, [](ByteReader& r) { return r.U16(); });
  fails(3, [](ByteReader& r) { return r.U32(); });
  fails(7, [](ByteReader& r) { return r.U64(); });
  fails(3, [](ByteReader& r) { return r.Fixed<Id>(); });
  fails(7, [](ByteReader& r) { return r.Take(8).size(); });
  fails(7, [](ByteReader& r) { return r.Take(SIZE_MAX).size(); });
  fails(1, [](ByteReader& r) { return r.Take16().size(); });
  fails(7, [](ByteReader& r) { return r.Take16().size(); });  // promises 65,535
}

TEST(ByteReader, EmptyInputIsAtItsEnd) {
  ByteReader reader{ByteView()};

  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(reader.TakeRest().size(), 0u);
  EXPECT_TRUE(reader.ok());
}

}  // namespace
}  // namespace p2pd
