#include "libcore/archive/pieces/layout.h"

#include <gtest/gtest.h>

namespace p2pd::archive::pieces {
namespace {

TEST(Layout, PathsThatLeaveTheirFolderAreRefused) {
  for (const absl::string_view bad :
       {"", "/", "/etc/passwd", "..", "../x", "a/../b", "a//b", "a/", ".", "a/./b"}) {
    EXPECT_FALSE(Layout::ValidPath(bad)) << bad;
  }
  EXPECT_FALSE(Layout::ValidPath(absl::string_view("a\0b", 3)));
  EXPECT_FALSE(Layout::ValidPath(std::string(256, 'a')));
  for (const absl::string_view good : {"a", "a/b", "...", "a b/ü", ".hidden", "a\\b"}) {
    EXPECT_TRUE(Layout::ValidPath(good)) << good;
  }
}

TEST(Layout, WhatIsNoTorrentIsRefused) {
  EXPECT_FALSE(Layout::Make(0, {{"a", 1, false}}).ok());
  EXPECT_FALSE(Layout::Make(Layout::kMaxPieceLength + 1, {{"a", 1, false}}).ok());
  EXPECT_FALSE(Layout::Make(16384, {}).ok());
  EXPECT_FALSE(Layout::Make(16384, {{"a", 0, false}}).ok());
  EXPECT_FALSE(Layout::Make(16384, {{"a", 1, false}, {"a", 1, false}}).ok());
  EXPECT_FALSE(Layout::Make(16384, {{"a", 1, false}, {"a/b", 1, false}}).ok());
  EXPECT_FALSE(Layout::Make(1, {{"a", Layout::kMaxPieces + 1, false}}).ok());
  EXPECT_FALSE(Layout::Make(16384, {{"a", ~uint64_t{0}, false}, {"b", 2, false}}).ok());
  EXPECT_TRUE(Layout::Make(1, {{"a", Layout::kMaxPieces, false}}).ok());
  EXPECT_TRUE(Layout::Make(16384, {{"a", 1, false}, {"a.b", 1, false}, {"b/a", 1, false}}).ok());
}

TEST(Layout, PiecesAndFilesFindEachOther) {
  const Layout layout =
      *Layout::Make(10, {{"a", 13, false}, {"b", 0, false}, {"p", 7, true}, {"c", 5, false}});
  EXPECT_EQ(layout.pieces(), 3u);
  EXPECT_EQ(layout.SizeOf(Piece(2)), 5u);
  const auto second = layout.ExtentsOf(Piece(1));
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second[0].file, 0u);
  EXPECT_EQ(second[0].offset, 10u);
  EXPECT_EQ(second[0].length, 3u);
  EXPECT_EQ(second[1].file, 2u);
  EXPECT_EQ(second[1].length, 7u);
  EXPECT_EQ(layout.PiecesOf(0, 0, 13), (std::pair<uint32_t, uint32_t>(0, 2)));
  EXPECT_EQ(layout.PiecesOf(1, 0, 100), (std::pair<uint32_t, uint32_t>(0, 0)));
  EXPECT_EQ(layout.PiecesOf(3, 0, 5), (std::pair<uint32_t, uint32_t>(2, 3)));
  EXPECT_TRUE(layout.Holds({Piece(2), 0, 5}));
  EXPECT_FALSE(layout.Holds({Piece(2), 0, 6}));
  EXPECT_FALSE(layout.Holds({Piece(3), 0, 1}));
  EXPECT_FALSE(layout.Holds({Piece(0), 5, 0}));
  EXPECT_FALSE(layout.Holds({Piece(0), 0xffffffff, 2}));
}

}  // namespace
}  // namespace p2pd::archive::pieces
