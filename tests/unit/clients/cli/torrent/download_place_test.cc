#include "clients/cli/torrent/download_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "libcore/base/check.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::cli {
namespace {

using archive::pieces::FileEntry;
using archive::pieces::Layout;
using archive::pieces::Piece;
using archive::pieces::PieceSet;
using ::testing::HasSubstr;

constexpr uint32_t kPiece = 100;

// Pieces 0 to 3 lie within a/one, 4 in both files, 5 within a/two.
struct DownloadPlaceTest : ::testing::Test {
  static Layout Make(std::vector<FileEntry> files) {
    auto layout = Layout::Make(kPiece, std::move(files));
    P2PD_CHECK(layout.ok());
    return *std::move(layout);
  }
  DownloadPlaceTest() { std::filesystem::create_directories(folder / "a"); }
  void Put(const std::string& path, size_t size) const {
    std::ofstream(folder / path) << std::string(size, 'x');
  }
  absl::Status Judge(const std::vector<uint32_t>& proved) const {
    PieceSet kept(layout.pieces());
    for (const uint32_t piece : proved) kept.Set(Piece(piece));
    return place.CheckFiles(kept);
  }
  testing::TempFolder folder;
  const Layout layout = Make({{"a/one", 450}, {"a/two", 150}});
  const DownloadPlace place{folder.path(), "0123", layout};
};

TEST_F(DownloadPlaceTest, NothingOrAnEmptyFileIsInNobodysWay) {
  EXPECT_TRUE(Judge({}).ok());
  Put("a/one", 0);
  EXPECT_TRUE(Judge({}).ok());
  EXPECT_FALSE(place.HasFiles());
}

TEST_F(DownloadPlaceTest, HalfOfItsPiecesMakeAFileTheTorrents) {
  Put("a/one", 450);
  EXPECT_TRUE(place.HasFiles());
  const absl::Status none = Judge({});
  EXPECT_TRUE(absl::IsInvalidArgument(none)) << none;
  EXPECT_THAT(std::string(none.message()), HasSubstr(folder / "a/one"));
  // A stranger may know how files of others begin.
  EXPECT_FALSE(Judge({0}).ok());
  EXPECT_TRUE(Judge({0, 3}).ok());
  Put("a/two", 150);
  EXPECT_THAT(std::string(Judge({0, 3}).message()), HasSubstr("a/two"));
  EXPECT_TRUE(Judge({0, 3, 5}).ok());
}

TEST_F(DownloadPlaceTest, OneThatIsLongerIsNoPartOfIt) {
  Put("a/one", 451);
  ASSERT_TRUE(place.Mark().ok());
  EXPECT_THAT(std::string(Judge({0, 1, 2, 3, 4}).message()), HasSubstr("longer"));
  ASSERT_TRUE(place.CutFiles().ok());
  EXPECT_EQ(std::filesystem::file_size(folder / "a/one"), 450u);
  EXPECT_TRUE(Judge({}).ok());
}

TEST_F(DownloadPlaceTest, AMarkIsAFileOfOurOwn) {
  Put("a/one", 10);
  EXPECT_FALSE(place.marked());
  std::filesystem::create_symlink(folder / "a/one", folder / ".p2pctl-0123");
  EXPECT_FALSE(place.marked());
  EXPECT_FALSE(place.Mark().ok());
  std::filesystem::remove(folder / ".p2pctl-0123");
  ASSERT_TRUE(place.Mark().ok());
  EXPECT_TRUE(place.marked());
  EXPECT_TRUE(Judge({}).ok());
  place.Unmark();
  EXPECT_FALSE(place.marked());
  EXPECT_FALSE(Judge({}).ok());
}

TEST_F(DownloadPlaceTest, NoTorrentBringsAMark) {
  EXPECT_TRUE(place.CheckNames().ok());
  for (const std::string path : {".p2pctl-0123", "a/.P2PCTL-4567", ".p2pctl-0123/b"}) {
    EXPECT_FALSE(DownloadPlace(folder.path(), "0123", Make({{path, 5}})).CheckNames().ok()) << path;
  }
}

TEST_F(DownloadPlaceTest, LinksAreNotFollowed) {
  Put("elsewhere", 1000);
  std::filesystem::create_symlink(folder / "elsewhere", folder / "a/one");
  ASSERT_TRUE(place.CutFiles().ok());
  EXPECT_EQ(std::filesystem::file_size(folder / "elsewhere"), 1000u);
}

}  // namespace
}  // namespace p2pd::cli
