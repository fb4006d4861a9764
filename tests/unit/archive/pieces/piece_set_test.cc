#include "libcore/archive/pieces/piece_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::archive::pieces {
namespace {

TEST(PieceSet, IsWrittenAsPeersWriteIt) {
  PieceSet set(10);
  set.Set(Piece(0));
  set.Set(Piece(9));
  EXPECT_EQ(ToBytes(set.bytes()), (Bytes{0x80, 0x40}));
  EXPECT_EQ(set.Count(), 2u);
  EXPECT_THAT(set.List(), ::testing::ElementsAre(Piece(0), Piece(9)));
  set.Clear(Piece(0));
  EXPECT_FALSE(set.Has(Piece(0)));
  EXPECT_FALSE(set.Has(Piece(10)));
  EXPECT_EQ(ToBytes(PieceSet::Full(10).bytes()), (Bytes{0xff, 0xc0}));
  EXPECT_TRUE(PieceSet::Full(10).IsFull());
  EXPECT_EQ(ToBytes(PieceSet::Full(8).bytes()), (Bytes{0xff}));
}

TEST(PieceSet, BitsBehindTheLastPieceAreRefused) {
  EXPECT_TRUE(PieceSet::FromBytes(10, Bytes{0xff, 0xc0}).has_value());
  EXPECT_FALSE(PieceSet::FromBytes(10, Bytes{0xff, 0xe0}).has_value());
  EXPECT_FALSE(PieceSet::FromBytes(10, Bytes{0xff}).has_value());
  EXPECT_FALSE(PieceSet::FromBytes(10, Bytes{0xff, 0, 0}).has_value());
  EXPECT_TRUE(PieceSet::FromBytes(0, {}).has_value());
}

}  // namespace
}  // namespace p2pd::archive::pieces
