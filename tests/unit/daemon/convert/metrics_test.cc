#include "daemon/convert/metrics.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace p2pd::daemon {
namespace {

// Reads text format 0.0.4 as strictly as it is written: HELP, TYPE and then samples of one family,
// each family once, counters with their suffix.
class Parser {
 public:
  explicit Parser(const std::string& text) {
    EXPECT_TRUE(absl::EndsWith(text, "\n"));
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) Read(line);
  }
  double Of(const std::string& sample) const {
    const auto found = samples_.find(sample);
    EXPECT_NE(found, samples_.end()) << sample;
    return found == samples_.end() ? -1 : found->second;
  }
  std::string TypeOf(const std::string& family) const { return types_.at(family); }
  bool Has(const std::string& family) const { return types_.count(family) != 0; }

 private:
  void Read(absl::string_view line) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (words[0] == "#" && words[1] == "HELP") {
      ASSERT_EQ(words.size(), 4u) << line;
      helped_ = words[2];
    } else if (words[0] == "#") {
      ASSERT_EQ(words[1], "TYPE");
      ASSERT_EQ(words[2], helped_);
      ASSERT_TRUE(types_.emplace(words[2], words[3]).second) << line;
      ASSERT_TRUE(words[3] == "gauge" || words[3] == "counter");
      ASSERT_EQ(words[3] == "counter", absl::EndsWith(words[2], "_total")) << line;
      ASSERT_TRUE(absl::StartsWith(words[2], "p2pd_"));
    } else {
      const std::vector<std::string> sample = absl::StrSplit(line, ' ');
      ASSERT_EQ(sample.size(), 2u) << line;
      ASSERT_EQ(sample[0].substr(0, sample[0].find('{')), helped_) << line;
      double value = 0;
      ASSERT_TRUE(absl::SimpleAtod(sample[1], &value)) << line;
      ASSERT_TRUE(samples_.emplace(sample[0], value).second) << line;
    }
  }

  std::string helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
};

TEST(Metrics, WithoutAnArchive) {
  Figures figures;
  figures.version = "1.2";
  figures.uptime = absl::Milliseconds(1500);
  figures.counters = {{"overlay.sent", 5}, {"tracker.swarms", 7}};
  const Parser parser(ToExposition(figures));
  EXPECT_EQ(parser.Of("p2pd_build_info{version=\"1.2\"}"), 1);
  EXPECT_EQ(parser.Of("p2pd_uptime_seconds"), 1.5);
  EXPECT_EQ(parser.Of("p2pd_overlay_sent_total"), 5);
  EXPECT_EQ(parser.TypeOf("p2pd_overlay_sent_total"), "counter");
  EXPECT_EQ(parser.Of("p2pd_tracker_swarms"), 7);
  EXPECT_EQ(parser.TypeOf("p2pd_tracker_swarms"), "gauge");
  EXPECT_FALSE(parser.Has("p2pd_archive_torrents"));
}

TEST(Metrics, OfAnArchive) {
  Figures figures;
  Figures::Archive& archive = figures.archive.emplace();
  archive.counts.bytes = 100;
  archive.counts.quota = 1000;
  EXPECT_FALSE(Parser(ToExposition(figures)).Has("p2pd_archive_availability_min_copies"));
  archive::TorrentSummary torrent;
  torrent.state = archive::TorrentState::kArchived;
  torrent.pieces = 10;
  torrent.total = {1, 0};
  archive.torrents.push_back(torrent);
  torrent.total = {0, 5000};
  torrent.state = archive::TorrentState::kLost;
  torrent.peers = 3;
  torrent.seeds = 1;
  archive.torrents.push_back(torrent);
  torrent = {};
  torrent.state = archive::TorrentState::kMetadata;
  archive.torrents.push_back(torrent);
  const Parser parser(ToExposition(figures));
  EXPECT_EQ(parser.Of("p2pd_archive_used_bytes"), 100);
  EXPECT_EQ(parser.Of("p2pd_archive_quota_bytes"), 1000);
  EXPECT_EQ(parser.Of("p2pd_archive_torrents{state=\"archived\"}"), 1);
  EXPECT_EQ(parser.Of("p2pd_archive_torrents{state=\"lost\"}"), 1);
  EXPECT_EQ(parser.Of("p2pd_archive_torrents{state=\"metadata\"}"), 1);
  EXPECT_EQ(parser.Of("p2pd_archive_torrents{state=\"dormant\"}"), 0);
  EXPECT_EQ(parser.Of("p2pd_archive_torrents_incomplete"), 1);
  EXPECT_EQ(parser.Of("p2pd_archive_torrents_on_archives_alone"), 1);
  EXPECT_EQ(parser.Of("p2pd_archive_availability_min_copies"), 0.5);
  EXPECT_EQ(parser.Of("p2pd_archive_peers"), 3);
  EXPECT_EQ(parser.Of("p2pd_archive_seeds"), 1);
}

// A gauge has to be named as one, or a scrape sees a counter that falls.
TEST(Metrics, NoNameComesTwice) {
  Figures figures;
  figures.archive.emplace();
  figures.counters = {
      {"archive.connections", 1}, {"archive.sent_in_month_bytes", 1}, {"archive.torrents_lost", 1}};
  const Parser parser(ToExposition(figures));
  EXPECT_EQ(parser.TypeOf("p2pd_archive_connections"), "gauge");
  EXPECT_EQ(parser.TypeOf("p2pd_archive_sent_in_month_bytes"), "gauge");
  EXPECT_EQ(parser.TypeOf("p2pd_archive_torrents_lost_total"), "counter");
}

}  // namespace
}  // namespace p2pd::daemon
