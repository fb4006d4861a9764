#include "libcore/archive/lt/torrent_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "libcore/archive/torrent/bencode.h"
#include "libcore/base/rng.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::lt {
namespace {

using ::testing::ElementsAre;

// Root reads everything: where that is who runs this, the process is nobody for a while, to whom
// `folder` is open.
class AsNobody {
 public:
  explicit AsNobody(const std::filesystem::path& folder) {
    std::filesystem::permissions(folder, std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    if (geteuid() == 0) EXPECT_EQ(seteuid(kNobody), 0);
  }
  ~AsNobody() {
    if (getuid() == 0) EXPECT_EQ(seteuid(0), 0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
};

struct TorrentMakerTest : ::testing::Test {
  TorrentMakerTest() {
    std::filesystem::create_directories(folder / "b/inner");
    Write("b/z", 100'000);
    Write("b/inner/a", 70'000);
    Write("b/empty", 0);
    std::filesystem::create_symlink(folder / "b/z", folder / "b/link");
  }
  void Write(const std::string& name, size_t size) const {
    SeededRng rng(size);
    Bytes bytes(size);
    rng.Fill(absl::MakeSpan(bytes));
    std::ofstream(folder / name, std::ios::binary) << AsText(bytes);
  }
  CreateRequest Request() const {
    CreateRequest out;
    out.path = folder / "b";
    out.piece_length = 32'768;
    out.trackers = {{"http://t.example/announce"}, {"udp://u.example:6969"}};
    return out;
  }
  testing::TempFolder folder;
};

TEST_F(TorrentMakerTest, AFolderInTheOrderOfItsNamesWithoutLinks) {
  std::vector<uint32_t> told;
  const CreatedTorrent made = *CreateTorrent(Request(), [&](uint32_t done, uint32_t all) {
    EXPECT_EQ(all, 6u);
    told.push_back(done);
    return true;
  });
  EXPECT_THAT(told, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(made.pieces, 6u);
  EXPECT_EQ(made.bytes, 170'000u);
  EXPECT_TRUE(made.hashes.v1.has_value());
  EXPECT_FALSE(made.hashes.v2.has_value());
  const TorrentFacts facts = *ReadTorrent(made.metainfo);
  EXPECT_EQ(facts.name, "b");
  EXPECT_EQ(facts.hashes, made.hashes);
  ASSERT_EQ(facts.layout.files().size(), 3u);
  EXPECT_EQ(facts.layout.files()[0].path, "empty");
  EXPECT_EQ(facts.layout.files()[1].path, "inner/a");
  EXPECT_EQ(facts.layout.files()[2].path, "z");
  EXPECT_THAT(facts.trackers, ElementsAre(ElementsAre("http://t.example/announce"),
                                          ElementsAre("udp://u.example:6969")));
  const auto again = *CreateTorrent(Request(), nullptr);
  EXPECT_EQ(again.hashes, made.hashes);
}

TEST_F(TorrentMakerTest, OneFileStandsUnderItsName) {
  CreateRequest request = Request();
  request.path = folder / "b/z";
  request.is_private = true;
  const TorrentFacts facts = *ReadTorrent(CreateTorrent(request, nullptr)->metainfo);
  EXPECT_EQ(facts.name, "z");
  EXPECT_TRUE(facts.is_private);
  ASSERT_EQ(facts.layout.files().size(), 1u);
  EXPECT_EQ(facts.layout.files()[0].path, "z");
}

TEST_F(TorrentMakerTest, AHybridHasBothHashesAndPadding) {
  CreateRequest request = Request();
  request.format = TorrentFormat::kHybrid;
  const TorrentFacts facts = *ReadTorrent(CreateTorrent(request, nullptr)->metainfo);
  EXPECT_TRUE(facts.hashes.v1 && facts.hashes.v2);
  bool padding = false;
  for (const pieces::FileEntry& file : facts.layout.files()) padding |= file.padding;
  EXPECT_TRUE(padding);
}

TEST_F(TorrentMakerTest, WhatCannotBeMadeIsSaid) {
  CreateRequest request = Request();
  request.piece_length = 30'000;
  EXPECT_TRUE(absl::IsInvalidArgument(CreateTorrent(request, nullptr).status()));
  request = Request();
  request.path = folder / "nothing";
  EXPECT_TRUE(absl::IsNotFound(CreateTorrent(request, nullptr).status()));
  request.path = folder / "b/empty";
  EXPECT_TRUE(absl::IsInvalidArgument(CreateTorrent(request, nullptr).status()));
  const auto stop = [](uint32_t done, uint32_t) { return done < 2; };
  EXPECT_TRUE(absl::IsCancelled(CreateTorrent(Request(), stop).status()));
}

TEST_F(TorrentMakerTest, APieceLengthThatFits) {
  EXPECT_EQ(FittingPieceLength(0), 64u << 10);
  EXPECT_EQ(FittingPieceLength(256 << 20), 64u << 10);
  EXPECT_EQ(FittingPieceLength((256 << 20) + 1), 128u << 10);
  EXPECT_EQ(FittingPieceLength(964'540'000), 256u << 10);
  EXPECT_EQ(FittingPieceLength(uint64_t{1} << 60), 16u << 20);
  CreateRequest request = Request();
  request.piece_length = 0;
  EXPECT_EQ(CreateTorrent(request, nullptr)->piece_length, 64u << 10);
}

TEST_F(TorrentMakerTest, ALinkThatWasNamedIsFollowedAndAFolderThatCannotBeReadIsSaid) {
  CreateRequest request = Request();
  request.path = folder / "b/link";
  EXPECT_EQ(CreateTorrent(request, nullptr)->bytes, 100'000u);
  std::filesystem::permissions(folder / "b/inner", std::filesystem::perms::none);
  absl::Status status;
  {
    const AsNobody nobody(folder.path());
    status = CreateTorrent(Request(), nullptr).status();
  }
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  std::filesystem::permissions(folder / "b/inner", std::filesystem::perms::owner_all);
}

TEST_F(TorrentMakerTest, HostileMetainfoIsRefusedOrMadeHarmless) {
  for (const char* bad : {"", "i5e", "le", "de", "d4:infodee", "d4:info3:abce"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadTorrent(AsBytes(bad)).status())) << bad;
  }
  EXPECT_FALSE(ReadTorrent(AsBytes(std::string(100'000, 'l'))).ok());
  torrent::BencodeWriter writer;
  writer.OpenDictionary().String("info").OpenDictionary().String("files").OpenList();
  writer.OpenDictionary().String("length").Integer(5).String("path").OpenList();
  writer.String("..").String("..").String("etc").String("passwd").Close().Close().Close();
  writer.String("name").String("../x").String("piece length").Integer(16384);
  writer.String("pieces").String(std::string(20, 'h')).Close().Close();
  const absl::StatusOr<TorrentFacts> facts = ReadTorrent(writer.bytes());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE(pieces::Layout::ValidPath(facts->layout.files()[0].path));
}

}  // namespace
}  // namespace p2pd::archive::lt
