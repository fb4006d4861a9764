#include "daemon/convert/torrent.h"

#include <gtest/gtest.h>

namespace p2pd::daemon {
namespace {

constexpr char kName[] = "torrents/c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

TEST(TorrentName, IsReadAndWritten) {
  const auto hash = ParseTorrentName(kName);
  ASSERT_TRUE(hash.has_value());
  EXPECT_EQ(TorrentName(*hash), kName);
  for (const char* name : {"", "torrents/", "torrents/12", "torrent/c12fe1c06bba254a9dc9f519b335",
                           "c12fe1c06bba254a9dc9f519b335aa7c1367a88a"}) {
    EXPECT_FALSE(ParseTorrentName(name).has_value()) << name;
  }
}

TEST(TorrentToProto, ShowsPiecesAndPeersOnlyWhenAllIsAskedFor) {
  archive::TorrentView view;
  view.row.hashes.v1 = *ParseTorrentName(kName);
  view.row.name = "speech";
  view.row.state = archive::TorrentState::kThinned;
  view.row.source = archive::Source::kAnnounced;
  view.row.size = 5;
  view.row.added = absl::FromUnixSeconds(7);
  view.organic = {0, 8000};
  view.total = {1, 8000};
  view.archived = 0.5;
  view.have = {true, false, false, false, false, false, false, false, true};
  view.copies = {1, 2, 3, 4, 5, 6, 7, 8, 1000};
  view.holders = {{*net::Endpoint::Parse("192.0.2.1:5"), true, 77, 9}};
  const v1::Torrent brief = ToProto(view, false);
  EXPECT_EQ(brief.name(), kName);
  EXPECT_EQ(brief.state(), v1::Torrent::THINNED);
  EXPECT_EQ(brief.source(), "announced");
  EXPECT_DOUBLE_EQ(brief.organic_availability(), 0.8);
  EXPECT_DOUBLE_EQ(brief.total_availability(), 1.8);
  EXPECT_EQ(brief.create_time().seconds(), 7);
  EXPECT_FALSE(brief.has_archive_time());
  EXPECT_TRUE(brief.piece_map().empty());
  const v1::Torrent full = ToProto(view, true);
  EXPECT_EQ(full.piece_map(), "\x80\x80");
  EXPECT_EQ(full.piece_copies(), std::string("\1\2\3\4\5\6\7\10\377"));
  ASSERT_EQ(full.peers_size(), 1);
  EXPECT_EQ(full.peers(0).address(), "192.0.2.1:5");
  EXPECT_TRUE(full.peers(0).member());
  EXPECT_EQ(full.peers(0).downloaded_bytes(), 77u);
}

TEST(MemberToProto, SaysWhetherItIsThereAndItsShareOfTheWork) {
  archive::federation::MemberView view;
  view.id.mutable_view()[0] = 0xab;
  view.record.quota = 25;
  view.record.domain = "rack 1";
  view.record.endpoints = {*net::Endpoint::Parse("192.0.2.1:5")};
  view.record.trackers = {"http://192.0.2.1/announce"};
  view.groups = 7;
  EXPECT_EQ(ToProto(view, 100).state(), v1::ArchiveMember::FOUND);
  EXPECT_FALSE(ToProto(view, 100).has_heard_age());
  view.present = true;
  view.heard = absl::Seconds(3);
  const v1::ArchiveMember there = ToProto(view, 100);
  EXPECT_EQ(there.name(), "members/ab00000000000000000000000000000000000000");
  EXPECT_EQ(there.state(), v1::ArchiveMember::PRESENT);
  EXPECT_EQ(there.peer_addresses(0), "192.0.2.1:5");
  EXPECT_EQ(there.trackers(0), "http://192.0.2.1/announce");
  EXPECT_EQ(there.domain(), "rack 1");
  EXPECT_DOUBLE_EQ(there.share(), 0.25);
  EXPECT_EQ(there.group_count(), 7u);
  EXPECT_EQ(there.heard_age().seconds(), 3);
  EXPECT_EQ(ToProto(view, 0).share(), 0);
  view.present = false;
  view.lost = true;
  EXPECT_EQ(ToProto(view, 100).state(), v1::ArchiveMember::LOST);
  EXPECT_EQ(ToProto(view, 100).share(), 0);
  view.self = true;
  EXPECT_EQ(ToProto(view, 100).state(), v1::ArchiveMember::SELF);
}

TEST(LimitsToProto, SaysWhatHoldsAndSince) {
  archive::LimitsInForce limits{.up = 1, .down = 2, .slots = 3, .connections = 4, .budget = 5};
  limits.up_origin = archive::LimitOrigin::kSchedule;
  limits.down_origin = archive::LimitOrigin::kByHand;
  limits.sent = 6;
  limits.used_up = true;
  limits.renewed = absl::FromUnixSeconds(7);
  const v1::ArchiveLimits out = ToProto(limits);
  EXPECT_EQ(out.up_rate(), 1u);
  EXPECT_EQ(out.down_rate(), 2u);
  EXPECT_EQ(out.up_origin(), v1::ArchiveLimits::SCHEDULE);
  EXPECT_EQ(out.down_origin(), v1::ArchiveLimits::BY_HAND);
  EXPECT_EQ(out.slots(), 3u);
  EXPECT_EQ(out.connections(), 4u);
  EXPECT_EQ(out.budget_bytes(), 5u);
  EXPECT_EQ(out.sent_bytes(), 6u);
  EXPECT_TRUE(out.budget_used_up());
  EXPECT_EQ(out.renew_time().seconds(), 7);
}

TEST(LimitChangeOf, TakesWhatIsSetAndRefusesWhatIsOutOfRange) {
  v1::SetArchiveLimitsRequest request;
  EXPECT_FALSE(LimitChangeOf(request)->up.has_value());
  request.set_up_rate(0);
  request.set_slots(9);
  const auto change = LimitChangeOf(request);
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->up, 0u);
  EXPECT_EQ(change->slots, 9u);
  EXPECT_FALSE(change->down.has_value());
  EXPECT_FALSE(change->budget.has_value());
  request.set_down_rate(1023);
  EXPECT_TRUE(absl::IsInvalidArgument(LimitChangeOf(request).status()));
  request.set_down_rate(1024);
  request.set_connections(100'001);
  EXPECT_TRUE(absl::IsInvalidArgument(LimitChangeOf(request).status()));
}

TEST(FeedToProto, SaysWhatBecameOfIt) {
  const Instant now = Instant() + absl::Hours(1);
  archive::intake::FeedReader::Status feed;
  feed.due = Instant::Min();
  v1::ArchiveFeed shown = ToProto(feed, now);
  EXPECT_EQ(shown.state(), v1::ArchiveFeed::UNASKED);
  EXPECT_FALSE(shown.has_asked_age());
  EXPECT_EQ(shown.next_delay().seconds(), 0);
  feed.asked = now - absl::Seconds(5);
  feed.due = now + absl::Seconds(9);
  shown = ToProto(feed, now);
  EXPECT_EQ(shown.state(), v1::ArchiveFeed::READ);
  EXPECT_EQ(shown.asked_age().seconds(), 5);
  EXPECT_EQ(shown.next_delay().seconds(), 9);
  feed.failures = 1;
  feed.waiting = 1;
  shown = ToProto(feed, now);
  EXPECT_EQ(shown.state(), v1::ArchiveFeed::FAILED);
  EXPECT_FALSE(shown.has_next_delay()) << "its items are asked for first";
}

}  // namespace
}  // namespace p2pd::daemon
