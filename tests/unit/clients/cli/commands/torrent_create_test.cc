#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "clients/common/files.h"
#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

using testing::HasSubstr;

class TorrentCreateCommand : public WithFakeDaemon {
 protected:
  TorrentCreateCommand() { std::ofstream(Path("film")) << std::string(300'000, 'f'); }
  Outcome Create(std::vector<std::string> more) {
    std::vector<std::string> words = {"torrent", "create", Path("film")};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
  std::string Written() {
    std::string problem;
    return clients::ReadInput(Path("f.torrent"), 1 << 20, &problem).value_or(problem);
  }
};

TEST_F(TorrentCreateCommand, WritesTheFileAndSaysItsHash) {
  const Outcome made = Create({"--out", Path("f.torrent"), "--tracker", "udp://t.example:6969",
                               "--piece-size", "32KiB", "--comment", "mine"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("10 pieces of 32 KiB"));
  EXPECT_THAT(made.out, HasSubstr("magnet:?xt=urn:btih:"));
  EXPECT_THAT(Written(), HasSubstr("udp://t.example:6969"));
  EXPECT_THAT(Written(), HasSubstr("mine"));
  EXPECT_EQ(torrents_.SubmitTorrent_.calls, 0);
}

TEST_F(TorrentCreateCommand, SubmitsOnRequest) {
  torrents_.SubmitTorrent_.response.set_title("film");
  const Outcome made = Create({"--out", Path("f.torrent"), "--submit"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(torrents_.SubmitTorrent_.request.metainfo(), Written());
  torrents_.SubmitTorrent_.status = {grpc::StatusCode::PERMISSION_DENIED, "denied"};
  EXPECT_EQ(Create({"--out", Path("f.torrent"), "--submit"}).code, 4);
}

TEST_F(TorrentCreateCommand, WhatCannotBeIsUsage) {
  EXPECT_EQ(Create({}).code, 2);
  EXPECT_THAT(Create({"--out", Path("f.torrent"), "--piece-size", "big"}).err,
              HasSubstr("no piece size"));
  EXPECT_EQ(Create({"--out", Path("f.torrent"), "--piece-size", "3KiB"}).code, 2);
  EXPECT_EQ(Create({"--out", Path("none/f.torrent")}).code, 2);
  EXPECT_EQ(Create({"--out", Path("f.torrent"), "--tracker", "nothing"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(Path("f.torrent")));
  EXPECT_EQ(Run({"torrent", "create", Path("none"), "--out", Path("f.torrent")}).code, 2);
}

}  // namespace
}  // namespace p2pd::cli
