#include "clients/cli/torrent/downloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "libcore/archive/torrent/magnet.h"
#include "tests/unit/archive/lt/swarm_fixture.h"

namespace p2pd::cli {
namespace {

using archive::lt::Archive;
using archive::lt::TestTorrent;
using Phase = DownloadState::Phase;
using ::testing::HasSubstr;

struct DownloaderTest : ::testing::Test {
  DownloaderTest() { seed.AddSeed(torrent); }
  DownloadOptions Options() const {
    DownloadOptions out;
    out.torrent = std::string(AsText(torrent.created.metainfo));
    out.folder = folder / "new/dir";
    out.peers = {seed.endpoint().ToString()};
    out.listen = "127.0.0.1:0";
    out.lan = true;
    out.discover = false;
    out.give_up_after = archive::lt::kPatience;
    return out;
  }
  static absl::Status Refusal(const DownloadOptions& options) {
    const auto download = Downloader::Start(options);
    return download.ok() ? (*download)->Run([](const DownloadState&) {}) : download.status();
  }
  // All of it, and the states that were told.
  std::vector<DownloadState> Fetch(const DownloadOptions& options) {
    const auto download = Downloader::Start(options);
    std::vector<DownloadState> told;
    if (!download.ok()) {
      ADD_FAILURE() << download.status();
      return {{}};
    }
    const absl::Status status =
        (*download)->Run([&](const DownloadState& state) { told.push_back(state); });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ((*download)->place(), folder / "new/dir/film");
    EXPECT_TRUE(torrent.IsWholeAt(folder / "new/dir"));
    return told;
  }
  TestTorrent torrent{40};
  Archive seed;
  testing::TempFolder folder;
};

TEST_F(DownloaderTest, FetchesIntoAFolderAsAnyClientLaysItOut) {
  const std::vector<DownloadState> told = Fetch(Options());
  EXPECT_EQ(told.front().phase, Phase::kChecking);
  EXPECT_EQ(told.back().phase, Phase::kSeeding);
  EXPECT_EQ(told.back().done, 40u);
  EXPECT_EQ(told.back().done_bytes, told.back().bytes);
  EXPECT_EQ(told.back().hash, ToHex(torrent.hash()));
  EXPECT_EQ(told.back().downloaded, told.back().bytes);
}

TEST_F(DownloaderTest, AMagnetIsEnough) {
  DownloadOptions options = Options();
  archive::torrent::Magnet magnet;
  magnet.hashes = torrent.created.hashes;
  magnet.peers = options.peers;
  options.peers.clear();
  options.torrent = ToLink(magnet);
  const std::vector<DownloadState> told = Fetch(options);
  EXPECT_EQ(told.front().phase, Phase::kMetadata);
  EXPECT_EQ(told.back().name, "film");
}

TEST_F(DownloaderTest, WhatIsThereIsNotFetchedAgain) {
  const std::string place = folder / "new/dir/film";
  std::filesystem::create_directories(place);
  std::filesystem::copy_file(torrent.folder / "film/two.bin", place + "/two.bin");
  const uint64_t there = std::filesystem::file_size(place + "/two.bin");
  const std::vector<DownloadState> told = Fetch(Options());
  // A piece at the border is fetched whole.
  EXPECT_LE(told.back().downloaded, told.back().bytes - there + 65'536);
  EXPECT_GT(told.back().downloaded, 0u);
  EXPECT_EQ(Fetch(Options()).back().downloaded, 0u) << "all of it is there";
}

TEST_F(DownloaderTest, AnotherFileInThePlaceIsRefusedAndStays) {
  const std::string place = folder / "new/dir/film";
  std::filesystem::create_directories(place);
  std::ofstream(place + "/two.bin") << "ssh-ed25519 mine";
  const absl::Status refused = Refusal(Options());
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              ::testing::AllOf(HasSubstr("film/two.bin"), HasSubstr("--overwrite")));
  EXPECT_EQ(std::filesystem::file_size(place + "/two.bin"), 16u);
  // Longer than the torrent's: what is behind its end goes, too.
  std::filesystem::resize_file(place + "/two.bin", 100 << 20);
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(Options())));
  DownloadOptions options = Options();
  options.overwrite = true;
  Fetch(options);
  EXPECT_EQ(std::filesystem::file_size(place + "/two.bin"),
            std::filesystem::file_size(torrent.folder / "film/two.bin"));
}

TEST_F(DownloaderTest, WhatAnEarlierRunBeganIsGoneOnWith) {
  const std::string dir = folder / "new/dir";
  std::filesystem::create_directories(dir + "/film");
  // No piece of it is whole, as when the first run was killed early.
  std::ofstream(dir + "/film/two.bin") << "a part";
  const std::string mark = dir + "/.p2pctl-" + ToHex(torrent.hash());
  std::ofstream(mark) << "";
  Fetch(Options());
  EXPECT_FALSE(std::filesystem::exists(mark)) << "all of it is there";
}

TEST_F(DownloaderTest, ARunThatGotNothingLeavesNothing) {
  DownloadOptions options = Options();
  options.peers = {"127.0.0.1:9"};
  options.give_up_after = absl::Milliseconds(10);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Refusal(options)));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "new/dir"));
}

TEST_F(DownloaderTest, StopEndsItAndKeepsWhatIsThere) {
  const auto download = Downloader::Start(Options());
  ASSERT_TRUE(download.ok()) << download.status();
  const absl::Status status = (*download)->Run([&](const DownloadState& state) {
    if (state.phase == Phase::kFetching) (*download)->Stop();
  });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("goes on from here"));
}

TEST_F(DownloaderTest, GivesUpWhenNobodyHasIt) {
  DownloadOptions options = Options();
  options.peers = {"127.0.0.1:9"};
  options.give_up_after = absl::Milliseconds(10);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Refusal(options)));
  options.torrent = "magnet:?xt=urn:btih:" + std::string(40, 'a');
  EXPECT_TRUE(absl::IsDeadlineExceeded(Refusal(options)));
}

TEST_F(DownloaderTest, PrivateNetworksAreAskedOnRequestOnly) {
  DownloadOptions options = Options();
  options.peers.clear();
  options.lan = false;
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("names no tracker"));
  options.trackers = {"http://192.168.1.1/announce"};
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("--lan"));
  options.peers = {"127.0.0.1:9"};
  options.give_up_after = absl::Milliseconds(10);
  const auto download = Downloader::Start(options);
  ASSERT_TRUE(download.ok());
  EXPECT_FALSE((*download)->Run([](const DownloadState&) {}).ok());
  EXPECT_EQ((*download)->left_out(), 1u);
}

TEST_F(DownloaderTest, WhatTheCallerGotWrongIsSaid) {
  DownloadOptions options = Options();
  options.torrent = "rubbish";
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(options)));
  options.torrent = "magnet:?dn=x";
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(options)));
  options = Options();
  options.peers = {"seed.example:1"};
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("is no peer"));
  options = Options();
  options.trackers = {"seed.example"};
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("is no tracker"));
  options = Options();
  options.listen = "here";
  EXPECT_THAT(std::string(Refusal(options).message()), HasSubstr("nothing to listen on"));
  options = Options();
  options.folder = "/";
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal(options)));
  std::ofstream(folder / "file") << "x";
  options.folder = folder / "file";
  EXPECT_FALSE(Refusal(options).ok());
}

// A link that somebody put where the files go leads nowhere.
TEST_F(DownloaderTest, NothingIsWrittenThroughALink) {
  std::filesystem::create_directories(folder / "new/dir");
  std::filesystem::create_directories(folder / "elsewhere");
  std::filesystem::create_symlink(folder / "elsewhere", folder / "new/dir/film");
  EXPECT_FALSE(Refusal(Options()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "elsewhere"));
}

}  // namespace
}  // namespace p2pd::cli
