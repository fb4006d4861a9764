#include "libcore/archive/lt/piece_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/archive/lt/swarm_fixture.h"

namespace p2pd::archive::lt {
namespace {

struct PieceCheckTest : ::testing::Test {
  std::unique_ptr<pieces::Holding> Open() const {
    const TorrentFacts facts = *ReadTorrent(torrent.created.metainfo);
    return *store->Open({"ab", "film"}, facts.layout);
  }
  TestTorrent torrent{8};
  testing::TempFolder folder;
  std::unique_ptr<pieces::PieceStore> store = *pieces::OpenDiskPieceStore(
      {torrent.folder.path(), folder / "have"}, pieces::SystemFileLayer());
};

TEST_F(PieceCheckTest, WhatIsRightIsKeptAndTheRestIsAbsent) {
  {
    std::fstream file(torrent.folder / "film/two.bin", std::ios::in | std::ios::out);
    file.seekg(-1, std::ios::end);
    const int last = file.get();
    file.seekp(-1, std::ios::end);
    file.put(static_cast<char>(last ^ 1));
  }
  uint32_t told = 0;
  {
    const auto holding = Open();
    const auto kept =
        CheckPieces(torrent.created.metainfo, *holding, [&](uint32_t done, uint32_t of) {
          EXPECT_EQ(of, 8u);
          EXPECT_EQ(done, ++told);
          return true;
        });
    EXPECT_EQ(*kept, 7u);
    EXPECT_EQ(holding->StateOf(pieces::Piece(7)), pieces::PieceState::kAbsent);
    EXPECT_EQ(holding->StateOf(pieces::Piece(0)), pieces::PieceState::kKept);
    ASSERT_TRUE(holding->Close().ok());
  }
  EXPECT_EQ(told, 8u);
  // Known from here on.
  EXPECT_TRUE(Open()->Doubtful().empty());
}

TEST_F(PieceCheckTest, ItEndsWhenItIsToldTo) {
  const auto holding = Open();
  const auto stopped = CheckPieces(torrent.created.metainfo, *holding,
                                   [](uint32_t done, uint32_t) { return done < 3; });
  EXPECT_TRUE(absl::IsCancelled(stopped.status()));
  EXPECT_EQ(holding->have().Count(), 3u);
  EXPECT_EQ(holding->Doubtful().size(), 5u);
}

TEST_F(PieceCheckTest, AnotherTorrentsMetainfoIsRefused) {
  const TestTorrent other(3);
  const auto holding = Open();
  EXPECT_TRUE(
      absl::IsInvalidArgument(CheckPieces(other.created.metainfo, *holding, nullptr).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckPieces({}, *holding, nullptr).status()));
}

}  // namespace
}  // namespace p2pd::archive::lt
