#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

using testing::HasSubstr;

class TorrentDownloadCommand : public WithFakeDaemon {
 protected:
  TorrentDownloadCommand() {
    std::ofstream(Path("film")) << std::string(300'000, 'f');
    const Outcome made = Run({"torrent", "create", Path("film"), "--out", Path("f.torrent")});
    EXPECT_EQ(made.code, 0) << made.err;
  }
  Outcome Download(std::vector<std::string> more) {
    std::vector<std::string> words = {"torrent",  "download", Path("f.torrent"),
                                      "--no-dht", "--listen", "127.0.0.1:0"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
};

TEST_F(TorrentDownloadCommand, WhatIsThereIsCheckedAndDone) {
  const Outcome done = Download({"--dir", Path(""), "--peer", "127.0.0.1:9"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("/film, 300.0 kB"));
}

TEST_F(TorrentDownloadCommand, AStreamOfJson) {
  const Outcome done =
      Run({"--output", "json", "torrent", "download", Path("f.torrent"), "--dir", Path(""),
           "--no-dht", "--listen", "127.0.0.1:0", "--peer", "127.0.0.1:9"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\"state\":\"FETCHING\""));
  EXPECT_THAT(done.out, HasSubstr("\"state\":\"ARCHIVED\""));
}

TEST_F(TorrentDownloadCommand, AnotherFileInThePlaceIsTheCallersAffair) {
  const std::string place = Path("home");
  std::filesystem::create_directory(place);
  std::ofstream(place + "/film") << "my own";
  const Outcome refused = Download({"--dir", place, "--peer", "127.0.0.1:9"});
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("home/film is there already"));
  const Outcome agreed =
      Download({"--dir", place, "--peer", "127.0.0.1:9", "--overwrite", "--give-up-after", "10ms"});
  EXPECT_EQ(agreed.code, 6) << agreed.err;
}

TEST_F(TorrentDownloadCommand, HowItEndsIsTheExitCode) {
  EXPECT_EQ(Download({"--dir", Path("new")}).code, 1) << "nobody to ask";
  const Outcome late =
      Download({"--dir", Path("new"), "--peer", "127.0.0.1:9", "--give-up-after", "10ms"});
  EXPECT_EQ(late.code, 6);
  EXPECT_THAT(late.err, HasSubstr("nothing came for 10ms"));
  EXPECT_EQ(Download({"--seed-for", "long"}).code, 2);
  EXPECT_EQ(Download({"--peer", "nobody"}).code, 2);
  EXPECT_EQ(Run({"torrent", "download", Path("none")}).code, 2);
  EXPECT_EQ(Run({"torrent", "download", "magnet:?dn=x"}).code, 2);
}

}  // namespace
}  // namespace p2pd::cli
