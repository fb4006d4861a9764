#include "libcore/archive/lt/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::archive::lt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TorrentSnapshot Look(const Board& board) {
  TorrentSnapshot out;
  board.Fill(out);
  return out;
}

pieces::PieceSet Set(std::initializer_list<uint32_t> list) {
  pieces::PieceSet out(4);
  for (const uint32_t i : list) out.Set(pieces::Piece(i));
  return out;
}

TEST(Board, CountsWhatIsSaidOnceAndForgetsWhoGoes) {
  Board board(4);
  board.AddPeer(1, {});
  board.AddPeer(2, {});
  board.SetPieces(1, Set({0, 1}));
  board.SetPieces(2, pieces::PieceSet::Full(4));
  EXPECT_THAT(Look(board).organic, ElementsAre(2, 2, 1, 1));
  board.SetPiece(1, pieces::Piece(2), true);
  board.SetPiece(1, pieces::Piece(2), true);
  EXPECT_THAT(Look(board).organic, ElementsAre(2, 2, 2, 1));
  EXPECT_TRUE(Look(board).peers[1].seed);
  board.SetPiece(2, pieces::Piece(3), false);
  board.SetPiece(2, pieces::Piece(3), false);
  EXPECT_THAT(Look(board).organic, ElementsAre(2, 2, 2, 0));
  EXPECT_FALSE(Look(board).peers[1].seed);
  board.SetPieces(1, Set({3}));
  EXPECT_THAT(Look(board).organic, ElementsAre(1, 1, 1, 1));
  board.RemovePeer(2);
  board.RemovePeer(2);
  EXPECT_THAT(Look(board).organic, ElementsAre(0, 0, 0, 1));
  board.RemovePeer(1);
  EXPECT_THAT(Look(board).organic, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Look(board).peers, IsEmpty());
}

TEST(Board, MembersAreCountedApart) {
  Board board(4);
  board.AddPeer(1, {});
  board.SetPieces(1, Set({0, 1}));
  board.SetMember(1, true);
  board.SetMember(1, true);
  board.SetPiece(1, pieces::Piece(2), true);
  EXPECT_THAT(Look(board).organic, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Look(board).member, ElementsAre(1, 1, 1, 0));
  // What is told of its speed changes neither pieces nor membership.
  PeerSnapshot told;
  told.client = "x";
  board.UpdatePeer(1, told);
  EXPECT_TRUE(Look(board).peers[0].member);
  EXPECT_EQ(Look(board).peers[0].pieces, 3u);
  board.SetMember(1, false);
  EXPECT_THAT(Look(board).organic, ElementsAre(1, 1, 1, 0));
}

TEST(Board, WhatDoesNotFitIsPassedBy) {
  Board board(4);
  board.SetPieces(7, Set({0}));  // nobody
  board.AddPeer(1, {});
  board.SetPieces(1, pieces::PieceSet::Full(5));
  board.SetPiece(1, pieces::Piece(4), true);
  board.CountDemand(pieces::Piece(4), 1);
  board.CountDemand(pieces::Piece(3), 2);
  EXPECT_THAT(Look(board).organic, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(Look(board).demand, ElementsAre(0, 0, 0, 2));
}

}  // namespace
}  // namespace p2pd::archive::lt
