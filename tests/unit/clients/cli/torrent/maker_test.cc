#include "clients/cli/torrent/maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "libcore/archive/lt/torrent_maker.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::cli {
namespace {

using ::testing::HasSubstr;

struct MakerTest : ::testing::Test {
  MakerTest() {
    std::filesystem::create_directory(folder / "album");
    std::ofstream(folder / "album/song") << std::string(200'000, 's');
    options.path = folder / "album";
    options.out = folder / "album.torrent";
  }
  std::string Refusal() const {
    const auto made = MakeTorrent(options, [](uint32_t, uint32_t) {});
    return made.ok() ? "made" : std::string(made.status().message());
  }
  testing::TempFolder folder;
  MakeOptions options;
};

TEST_F(MakerTest, SaysWhatItMade) {
  options.trackers = {"http://a.example/announce", "udp://b.example:6969"};
  options.web_seeds = {"https://c.example/files/"};
  options.hybrid = true;
  options.is_private = true;
  uint32_t told = 0;
  const auto made = MakeTorrent(options, [&](uint32_t done, uint32_t all) {
    EXPECT_EQ(all, 4u);
    told = done;
  });
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(told, 4u);
  EXPECT_EQ(made->name, "album");
  EXPECT_EQ(made->piece_length, 65'536u);
  EXPECT_EQ(made->hash, made->hash_v1);
  EXPECT_EQ(made->hash_v2.size(), 64u);
  EXPECT_THAT(made->magnet, HasSubstr("xt=urn:btih:" + made->hash));
  EXPECT_THAT(made->magnet, HasSubstr("b.example"));
  const auto facts = archive::lt::ReadTorrent(AsBytes(made->metainfo));
  ASSERT_TRUE(facts.ok());
  EXPECT_TRUE(facts->is_private);
  // One tier each: the second is asked when the first does not answer.
  EXPECT_EQ(facts->trackers.size(), 2u);
  EXPECT_EQ(facts->web_seeds, options.web_seeds);
}

TEST_F(MakerTest, WhatCannotBeIsSaidInOneSentence) {
  options.trackers = {"ftp://a.example"};
  EXPECT_THAT(Refusal(), HasSubstr("is no tracker"));
  options.trackers.clear();
  options.web_seeds = {"udp://a.example:1"};
  EXPECT_THAT(Refusal(), HasSubstr("is no web seed"));
  options.web_seeds.clear();
  for (const uint64_t length :
       {uint64_t{1}, uint64_t{100'000}, uint64_t{1} << 32, uint64_t{1} << 28}) {
    options.piece_length = length;
    EXPECT_THAT(Refusal(), HasSubstr("power of two")) << length;
  }
  options.piece_length = 0;
  options.path = folder / "none";
  EXPECT_THAT(Refusal(), HasSubstr("No such file"));
  std::filesystem::create_directory(folder / "empty");
  options.path = folder / "empty";
  EXPECT_THAT(Refusal(), HasSubstr("no bytes"));
}

TEST_F(MakerTest, TheTorrentMustNotLieInWhatItIsMadeOf) {
  options.out = folder / "album/album.torrent";
  EXPECT_THAT(Refusal(), HasSubstr("lies within"));
  options.path = folder / "album/song";
  EXPECT_EQ(Refusal(), "made");
  options.out = options.path;
  EXPECT_THAT(Refusal(), HasSubstr("lies within"));
  options.path = folder / "album";
  options.out = folder / "album2";
  EXPECT_EQ(Refusal(), "made");
}

}  // namespace
}  // namespace p2pd::cli
