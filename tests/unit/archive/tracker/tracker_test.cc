#include "libcore/archive/tracker/tracker.h"

#include <gtest/gtest.h>

#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

const InfoHash kHash = HashNumber(1);

class TrackerTest : public ::testing::Test {
 protected:
  std::optional<Refusal> Announce(const net::Endpoint& peer, bool seed,
                                  AnnounceEvent event = AnnounceEvent::kNone) {
    return tracker_.Announce(f_.now, {.hash = kHash, .peer = peer, .event = event, .seed = seed},
                             "", answer_);
  }
  TableFixture f_;
  AccessBoard board_{Access()};
  TrackerEvents events_{2};
  Tracker tracker_{TrackerOptions(), f_.table, board_, &events_, f_.rng};
  AnnounceAnswer answer_;
};

TEST_F(TrackerTest, YoungAndScarceSwarmsComeBackSoon) {
  Announce(V4Number(1), true);
  EXPECT_GE(answer_.interval, absl::Seconds(108));
  EXPECT_LE(answer_.interval, absl::Seconds(132));
  EXPECT_EQ(answer_.min_interval, absl::Seconds(60));
  f_.Pass(absl::Minutes(11));
  std::set<absl::Duration> seen;
  for (int i = 0; i < 50; ++i) {
    Announce(V4Number(2), false);
    EXPECT_GE(answer_.interval, absl::Seconds(1620));
    EXPECT_LE(answer_.interval, absl::Seconds(1980));
    EXPECT_EQ(answer_.min_interval, absl::Seconds(900));
    seen.insert(answer_.interval);
  }
  EXPECT_GT(seen.size(), 20u);
  // No seed is left.
  Announce(V4Number(1), true, AnnounceEvent::kStopped);
  Announce(V4Number(2), false);
  EXPECT_LE(answer_.interval, absl::Seconds(132));
  // The archive says that copies are enough, and it knows better.
  f_.table.SetArchive(kHash, ArchiveListing{.endpoints = {}, .always = false});
  Announce(V4Number(2), false);
  EXPECT_GE(answer_.interval, absl::Seconds(1620));
}

TEST_F(TrackerTest, TellsTheArchiveOfSeedsAndLeechers) {
  Announce(V4Number(1), true);
  Announce(V4Number(2), true);
  auto event = events_.Pop();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, TrackerEvent::Kind::kSeedAnnounced);
  EXPECT_EQ(event->hash, kHash);
  EXPECT_EQ(event->endpoint, V4Number(1));
  EXPECT_FALSE(events_.Pop().has_value());
  f_.table.SetArchive(kHash, ArchiveListing{.endpoints = {At("192.0.2.1:1")}, .always = true});
  Announce(V4Number(3), false);
  Announce(V4Number(3), false, AnnounceEvent::kStopped);
  event = events_.Pop();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, TrackerEvent::Kind::kLeecherAnnounced);
  EXPECT_EQ(event->endpoint, V4Number(3));
  EXPECT_FALSE(events_.Pop().has_value());
  EXPECT_EQ(tracker_.tally().Get(Count::kArchiveGiven), 1u);
  for (uint32_t i = 0; i < 5; ++i) Announce(V4Number(i), false);
  EXPECT_EQ(tracker_.tally().Get(Count::kDroppedEventsFull), 3u);
}

TEST_F(TrackerTest, ObeysListsThatChangeMeanwhile) {
  EXPECT_EQ(Announce(V4Number(1), false), std::nullopt);
  Access access;
  access.denied.insert(kHash);
  board_.Set(std::move(access));
  EXPECT_EQ(Announce(V4Number(1), false), Refusal::kDenied);
  EXPECT_EQ(tracker_.MayScrape(kHash, ""), Refusal::kDenied);
  EXPECT_EQ(tracker_.tally().Get(Count::kRefused), 2u);
  board_.Set(Access());
  EXPECT_EQ(Announce(V4Number(1), false), std::nullopt);
  EXPECT_EQ(tracker_.Scrape(kHash).incomplete, 1u);
}

}  // namespace
}  // namespace p2pd::archive::tracker
