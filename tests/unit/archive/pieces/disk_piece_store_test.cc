#include "libcore/archive/pieces/disk_piece_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/archive/pieces/torrent_fixture.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::pieces {
namespace {

namespace fs = std::filesystem;

// On the real file system.
struct DiskPieceStoreTest : ::testing::Test {
  testing::TempFolder temp;
  TorrentFixture torrent{1, 65'536};
  std::string files = temp.path() + "/Files";
  std::unique_ptr<PieceStore> store =
      *OpenDiskPieceStore({files, temp.path() + "/have"}, SystemFileLayer());
};

TEST_F(DiskPieceStoreTest, NamesThatLeaveTheStoreAreRefused) {
  for (const HoldingName& bad :
       {HoldingName{"k", ".."}, HoldingName{"k", "a/b"}, HoldingName{"k", ""},
        HoldingName{"../k", "a"}, HoldingName{"", "a"}, HoldingName{"k.k", "a"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(store->Open(bad, torrent.layout).status())) << bad.folder;
    EXPECT_TRUE(absl::IsInvalidArgument(store->Erase(bad, torrent.layout)));
    EXPECT_TRUE(absl::IsInvalidArgument(store->Peek(bad).status()));
  }
}

TEST_F(DiskPieceStoreTest, ATorrentIsOpenOnce) {
  auto holding = *store->Open(torrent.name, torrent.layout);
  EXPECT_TRUE(absl::IsAlreadyExists(store->Open(torrent.name, torrent.layout).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(store->Erase(torrent.name, torrent.layout)));
  holding.reset();
  EXPECT_TRUE(store->Open(torrent.name, torrent.layout).ok());
}

TEST_F(DiskPieceStoreTest, FilesAreWhereAPersonLooksForThemAndLeaveNothingBehind) {
  auto holding = *store->Open(torrent.name, torrent.layout);
  EXPECT_FALSE(fs::exists(files + "/A torrent"));
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  holding.reset();
  EXPECT_EQ(fs::file_size(files + "/A torrent/a/y/z"), 60'001u);
  EXPECT_EQ(fs::file_size(files + "/A torrent/empty"), 0u);
  EXPECT_TRUE(store->Peek(torrent.name)->IsFull());
  std::ofstream(files + "/A torrent/mine") << "not the torrent's";
  ASSERT_TRUE(store->Erase(torrent.name, torrent.layout).ok());
  EXPECT_TRUE(absl::IsNotFound(store->Peek(torrent.name).status()));
  EXPECT_TRUE(fs::exists(files + "/A torrent/mine"));
  EXPECT_FALSE(fs::exists(files + "/A torrent/a"));
}

TEST_F(DiskPieceStoreTest, NothingIsWrittenThroughALinkThatSomebodyPutThere) {
  const std::string outside = temp.path() + "/outside";
  fs::create_directory(outside);
  fs::create_directories(files);
  fs::create_symlink(outside, files + "/A torrent");
  EXPECT_TRUE(absl::IsFailedPrecondition(store->Open(torrent.name, torrent.layout).status()));
  fs::remove(files + "/A torrent");
  auto holding = *store->Open(torrent.name, torrent.layout);
  fs::create_directory(files + "/A torrent");
  fs::create_symlink(outside, files + "/A torrent/a");
  EXPECT_TRUE(absl::IsFailedPrecondition(torrent.Arrive(*holding, Piece(0))));
  EXPECT_TRUE(fs::is_empty(outside));
}

TEST_F(DiskPieceStoreTest, HolesGiveSpaceBack) {
  auto holding = *store->Open(torrent.name, torrent.layout);
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  const uint64_t before = *holding->BytesOnDisk();
  const std::vector<Piece> all = torrent.All();
  ASSERT_TRUE(holding->Hide(all).ok());
  ASSERT_TRUE(holding->Punch(all).ok());
  EXPECT_GE(before, 102'001u);
  EXPECT_EQ(*holding->BytesOnDisk(), 0u);
  EXPECT_EQ(fs::file_size(files + "/A torrent/b"), 17'000u);
}

}  // namespace
}  // namespace p2pd::archive::pieces
