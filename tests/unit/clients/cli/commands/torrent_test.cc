#include <gmock/gmock.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

using testing::HasSubstr;

constexpr char kHash[] = "c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

class TorrentCommands : public WithFakeDaemon {
 protected:
  TorrentCommands() {
    torrent_.set_name(std::string("torrents/") + kHash);
    torrent_.set_title("speech");
    torrent_.set_state(v1::Torrent::ARCHIVED);
    torrent_.set_availability_text("1.8: one whole copy, and 80 % of the pieces once more");
    torrent_.set_total_availability(1.8);
    torrent_.set_piece_copies(std::string("\x01\x02\x0c", 3));
  }
  v1::Torrent torrent_;
};

TEST_F(TorrentCommands, AFileOrAMagnetIsSubmitted) {
  std::ofstream(Path("t.torrent")) << "d4:infod4:name1:aee";
  torrents_.SubmitTorrent_.response = torrent_;
  const Outcome file = Run({"torrent", "submit", Path("t.torrent")});
  EXPECT_EQ(file.code, 0) << file.err;
  EXPECT_EQ(file.out, std::string(kHash) + " archived\n");
  EXPECT_EQ(torrents_.SubmitTorrent_.request.metainfo(), "d4:infod4:name1:aee");
  const std::string magnet = std::string("magnet:?xt=urn:btih:") + kHash;
  EXPECT_EQ(Run({"torrent", "submit", magnet}).code, 0);
  EXPECT_EQ(torrents_.SubmitTorrent_.request.magnet(), magnet);
  EXPECT_EQ(Run({"torrent", "submit", Path("none")}).code, 2);
  EXPECT_EQ(torrents_.SubmitTorrent_.calls, 2);
}

TEST_F(TorrentCommands, ListAndShowSayHowAvailableItIs) {
  *torrents_.ListTorrents_.response.add_torrents() = torrent_;
  const Outcome list = Run({"torrent", "list", "spee"});
  EXPECT_THAT(list.out, HasSubstr("1.800"));
  EXPECT_EQ(torrents_.ListTorrents_.request.query(), "spee");
  torrents_.GetTorrent_.response = torrent_;
  const Outcome show = Run({"torrent", "show", kHash});
  EXPECT_THAT(show.out, HasSubstr("80 % of the pieces once more"));
  EXPECT_THAT(show.out, HasSubstr("copies       12+\n"));
  EXPECT_EQ(torrents_.GetTorrent_.request.name(), torrent_.name());
}

TEST_F(TorrentCommands, ChangesAreFollowedLineByLine) {
  torrents_.seen_.resize(3);
  torrents_.seen_[0].set_mark(v1::WATCH_MARK_SNAPSHOT);
  *torrents_.seen_[0].mutable_torrent() = torrent_;
  torrents_.seen_[1].set_mark(v1::WATCH_MARK_SNAPSHOT_DONE);
  torrents_.seen_[2].set_mark(v1::WATCH_MARK_REMOVED);
  torrents_.seen_[2].mutable_torrent()->set_name(torrent_.name());
  const Outcome all = Run({"torrent", "watch"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out,
            absl::StrCat(kHash, "  archived    0.0 %  1.800  speech\n", kHash, "  removed\n"));
  EXPECT_EQ(torrents_.watch_request.name(), "");
  EXPECT_THAT(Run({"--output", "json", "torrent", "watch", kHash}).out,
              HasSubstr("\"mark\":\"WATCH_MARK_SNAPSHOT_DONE\""));
  EXPECT_EQ(torrents_.watch_request.name(), torrent_.name());
}

TEST_F(TorrentCommands, PoliciesAreSet) {
  torrents_.SetTorrentPolicy_.response = torrent_;
  const v1::SetTorrentPolicyRequest& asked = torrents_.SetTorrentPolicy_.request;
  EXPECT_EQ(Run({"torrent", "pin", kHash}).code, 0);
  EXPECT_TRUE(asked.pinned() && !asked.may_lose());
  EXPECT_EQ(Run({"torrent", "pin", kHash, "--may-lose"}).code, 0);
  EXPECT_TRUE(!asked.pinned() && asked.may_lose());
  EXPECT_EQ(Run({"torrent", "pin", kHash, "--off"}).code, 0);
  EXPECT_TRUE(!asked.pinned() && !asked.may_lose());
}

TEST_F(TorrentCommands, DenyRemoveAllow) {
  EXPECT_EQ(Run({"torrent", "deny", kHash, "--reason", "its author asked"}).code, 0);
  EXPECT_EQ(torrents_.DenyTorrent_.request.reason(), "its author asked");
  EXPECT_EQ(Run({"torrent", "allow", kHash}).code, 0);
  EXPECT_EQ(Run({"torrent", "remove", kHash}).code, 2);
  EXPECT_EQ(torrents_.DeleteTorrent_.calls, 0);
  EXPECT_EQ(Run({"torrent", "remove", kHash, "--yes"}).code, 0);
  EXPECT_EQ(torrents_.DeleteTorrent_.request.name(), torrent_.name());
  v1::DeniedTorrent& denied = *torrents_.ListDeniedTorrents_.response.add_denied();
  denied.set_name(torrent_.name());
  denied.set_reason("its author asked");
  EXPECT_THAT(Run({"torrent", "denied"}).out, HasSubstr("its author asked"));
  torrents_.GetTorrent_.status = {grpc::StatusCode::NOT_FOUND, "no torrent"};
  EXPECT_EQ(Run({"torrent", "show", kHash}).code, 5);
}

TEST_F(TorrentCommands, TheArchiveShowsItsCountersAndItsPlan) {
  archive_.GetArchive_.response.set_received(1);
  archive_.GetArchive_.response.set_seeding(1);
  archive_.GetArchive_.response.add_peer_addresses("192.0.2.1:6881");
  const Outcome status = Run({"archive", "status"});
  EXPECT_THAT(status.out, HasSubstr("seeding      1"));
  EXPECT_THAT(status.out, HasSubstr("192.0.2.1:6881"));
  v1::PlannedGroup& group = *archive_.PlanArchive_.response.add_groups();
  group.set_torrent(torrent_.name());
  group.set_first_piece(64);
  group.set_piece_count(36);
  group.set_decision("keep");
  group.set_reason("nobody else has it");
  const Outcome plan = Run({"archive", "plan", "--limit", "7"});
  EXPECT_THAT(plan.out, HasSubstr("64..99"));
  EXPECT_THAT(plan.out, HasSubstr("nobody else has it"));
  EXPECT_EQ(archive_.PlanArchive_.request.limit(), 7);
  EXPECT_EQ(Run({"archive", "plan", "--limit", "0"}).code, 2);
}

TEST_F(TorrentCommands, TheMembersAreListed) {
  v1::ArchiveMember& self = *archive_.ListMembers_.response.add_members();
  self.set_name("members/ab00000000000000000000000000000000000000");
  self.set_state(v1::ArchiveMember::SELF);
  self.set_share(0.5);
  v1::ArchiveMember& other = *archive_.ListMembers_.response.add_members();
  other.set_state(v1::ArchiveMember::LOST);
  other.set_full(true);
  other.set_domain("rack 1");
  other.mutable_heard_age()->set_seconds(90);
  other.add_peer_addresses("192.0.2.1:6881");
  const Outcome members = Run({"archive", "members"});
  EXPECT_EQ(members.code, 0);
  EXPECT_THAT(members.out, HasSubstr("self"));
  EXPECT_THAT(members.out, HasSubstr("50.0 %"));
  EXPECT_THAT(members.out, HasSubstr("lost, full"));
  EXPECT_THAT(members.out, HasSubstr("ago"));
  EXPECT_THAT(members.out, HasSubstr("192.0.2.1:6881"));
}

TEST_F(TorrentCommands, TheFeedsAreListed) {
  v1::ArchiveFeed& feed = *archive_.ListFeeds_.response.add_feeds();
  feed.set_url("https://example.org/rss");
  feed.set_state(v1::ArchiveFeed::FAILED);
  feed.set_trouble("it answers 503");
  feed.mutable_asked_age()->set_seconds(90);
  feed.set_taken_count(17);
  const Outcome feeds = Run({"archive", "feeds"});
  EXPECT_EQ(feeds.code, 0);
  EXPECT_THAT(feeds.out, HasSubstr("https://example.org/rss"));
  EXPECT_THAT(feeds.out, HasSubstr("failed"));
  EXPECT_THAT(feeds.out, HasSubstr("ago"));
  EXPECT_THAT(feeds.out, HasSubstr("17"));
  EXPECT_THAT(feeds.out, HasSubstr("it answers 503"));
}

}  // namespace
}  // namespace p2pd::cli
