// Several S-trackers at once: what is promised of them as a whole.
#include "tests/unit/archive/federation/rack.h"

namespace p2pd::archive::federation {
namespace {

constexpr int kTorrents = 24;
constexpr uint64_t kAll = uint64_t{kTorrents} * Rack::kPieces * Rack::kPiece;

// So many torrents, seeded until they are kept; then nobody else has them.
void Fill(Rack& rack, int copies) {
  rack.Run(20);
  for (int i = 0; i < kTorrents; ++i) rack.Submit(i % static_cast<int>(rack.sites()));
  for (int i = 0; i < 200 && rack.FewestCopies() < copies; ++i) rack.Run(1);
  EXPECT_EQ(rack.FewestCopies(), copies);
  for (Rack::Torrent& torrent : rack.torrents()) torrent.seeded = false;
  rack.Run(5);
}

uint64_t Fetched(Rack& rack) {
  uint64_t out = 0;
  for (size_t i = 0; i < rack.sites(); ++i) out += rack.site(static_cast<int>(i)).fetched;
  return out;
}

TEST(Rack, ThreeShareTheWorkAndNoneHasEverything) {
  Rack rack({});
  Fill(rack, 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_LT(rack.HeldBy(rack.site(i)), kTorrents) << i;
    EXPECT_GT(rack.HeldBy(rack.site(i)), kTorrents / 4) << i;
  }
  // Two copies, and not one more.
  EXPECT_EQ(Fetched(rack), uint64_t{2} * kTorrents * Rack::kPieces);
  for (const Rack::Torrent& torrent : rack.torrents()) {
    const auto view = rack.site(0).archive->Find(torrent.hash);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->total.value(), 2);
    EXPECT_GE(view->row.state, TorrentState::kArchived);
    EXPECT_LE(view->row.state, TorrentState::kThinned);
  }
}

TEST(Rack, TheShareOfOneThatDiedIsKeptByTheOthersSoon) {
  Rack rack({});
  Fill(rack, 2);
  rack.Kill(rack.site(1));
  rack.Run(5);
  // A restart is no death.
  EXPECT_EQ(Fetched(rack), uint64_t{2} * kTorrents * Rack::kPieces);
  EXPECT_GE(rack.FewestCopies(), 1);
  rack.Run(25);
  EXPECT_EQ(rack.FewestCopies(), 2);
  // It comes back with what it had, and nothing moves again.
  const uint64_t fetched = Fetched(rack);
  rack.Start(rack.site(1));
  rack.Run(100);
  EXPECT_EQ(Fetched(rack), fetched);
  EXPECT_EQ(rack.FewestCopies(), 2);
}

TEST(Rack, OneThatJoinsGetsItsShareAndNothingElseMoves) {
  RackOptions options;
  options.sites = 4;
  Rack rack(options);
  Fill(rack, 2);
  const uint64_t before = Fetched(rack);
  Rack::Site& fifth = rack.AddSite();
  rack.Run(100);
  const uint64_t moved = Fetched(rack) - before;
  EXPECT_EQ(moved, fifth.fetched);
  // 2/5 of the torrents are expected, 9.6 of 24.
  EXPECT_GE(rack.HeldBy(fifth), 4);
  EXPECT_LE(rack.HeldBy(fifth), 16);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(rack.site(i).dropped, 0u);
}

TEST(Rack, AShareThatAnotherTookGoesWhenRoomIsNeededAndNotTheLastCopies) {
  RackOptions options;
  // Three quarters of everything each: two of three can hold all once and a half.
  options.quota = kAll * 3 / 4;
  Rack rack(options);
  Fill(rack, 2);
  rack.Kill(rack.site(2));
  rack.Run(60);
  EXPECT_GE(rack.FewestCopies(), 1);
  for (int i = 0; i < 2; ++i) EXPECT_LE(rack.HeldBy(rack.site(i)), kTorrents * 3 / 4);
  rack.Start(rack.site(2));
  rack.Run(300);
  EXPECT_EQ(rack.FewestCopies(), 2);
  for (int i = 0; i < 3; ++i) rack.CheckAdvertised(rack.site(i));
}

TEST(Rack, OneWithoutAQuotaHandsItsShareOverAndIsEmptyThen) {
  Rack rack({});
  Fill(rack, 2);
  Rack::Site& leaves = rack.site(1);
  rack.Kill(leaves);
  leaves.quota = 0;
  rack.Start(leaves);
  rack.Run(400);
  EXPECT_EQ(rack.HeldBy(leaves), 0);
  EXPECT_EQ(rack.HeldBy(rack.site(0)), kTorrents);
  EXPECT_EQ(rack.HeldBy(rack.site(2)), kTorrents);
}

TEST(Rack, APartitionHeals) {
  Rack rack({});
  Fill(rack, 2);
  rack.Cut(0, 1);
  rack.Cut(0, 2);
  rack.Run(60);
  // Two that see each other have two copies of what they can reach.
  EXPECT_EQ(rack.site(0).federation->Present().size(), 1u);
  EXPECT_EQ(rack.site(1).federation->Present().size(), 2u);
  EXPECT_GE(rack.FewestCopies(), 2);
  rack.Heal();
  rack.Run(60);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rack.site(i).federation->Present().size(), 3u) << i;
  EXPECT_GE(rack.FewestCopies(), 2);
  // What was submitted on one side is known on the other.
  rack.Submit(0);
  rack.Run(60);
  EXPECT_EQ(rack.CopiesOf(rack.torrents().back()), 2);
}

TEST(Rack, WhatAllKeepSleepsAndWakesForWhomItIsMissing) {
  RackOptions options;
  options.idle = absl::Seconds(10);
  Rack rack(options);
  Fill(rack, 2);
  rack.Run(60);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rack.Sleeping(rack.site(i)), kTorrents) << i;
    EXPECT_TRUE(rack.site(i).holdings.empty());
    for (const Rack::Torrent& torrent : rack.torrents()) {
      const auto view = rack.site(i).archive->Find(torrent.hash);
      EXPECT_EQ(view->row.state, TorrentState::kDormant);
      EXPECT_EQ(view->total.value(), 2);
    }
  }
  // A restart loads nothing, and tells the others what there is.
  rack.Kill(rack.site(1));
  rack.Start(rack.site(1));
  rack.Run(8);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rack.Sleeping(rack.site(i)), kTorrents) << i;
  EXPECT_EQ(Fetched(rack), uint64_t{2} * kTorrents * Rack::kPieces);
  // One that is lost is replaced, which wakes what is missing, at both ends.
  rack.Kill(rack.site(1));
  rack.Run(30);
  EXPECT_EQ(rack.FewestCopies(), 2);
  rack.Run(60);
  for (int i : {0, 2}) {
    EXPECT_EQ(rack.Sleeping(rack.site(i)), kTorrents) << i;
    EXPECT_GT(rack.site(i).woken, 0u);
    rack.CheckAdvertised(rack.site(i));
  }
}

TEST(Rack, TwoHundredKillsAtAnyStepLoseNothing) {
  RackOptions options;
  options.quota = kAll;
  options.idle = absl::Seconds(10);
  Rack rack(options);
  Fill(rack, 2);
  uint64_t dropped = 0;
  uint64_t woken = 0;
  int asleep = 0;
  for (int kill = 0; kill < 200 && !::testing::Test::HasFailure(); ++kill) {
    Rack::Site& site = rack.site(static_cast<int>(rack.rng().Below(3)));
    asleep += rack.Sleeping(site);
    // In the middle of whatever it writes, or after a while.
    site.disk.DieAfter(1 + rack.rng().Below(40));
    for (int i = 0; i < 30 && site.up; ++i) rack.Run(1);
    if (site.up) rack.Kill(site);
    // Sometimes it is away for long enough to be replaced.
    rack.Run(rack.rng().Below(3) == 0 ? 30 : 2);
    rack.Start(site);
    if (site.disk.dead()) rack.Kill(site);
    for (int i = 0; i < 3; ++i) rack.CheckAdvertised(rack.site(i));
    EXPECT_GE(rack.FewestCopies(), 1) << "kill " << kill;
    rack.Run(static_cast<int>(rack.rng().Below(90)));
  }
  rack.Run(300);
  EXPECT_EQ(rack.FewestCopies(), 2);
  for (int i = 0; i < 3; ++i) {
    rack.CheckAdvertised(rack.site(i));
    dropped += rack.site(i).dropped;
    woken += rack.site(i).woken;
  }
  // The kills met drops, too, and torrents that slept and were woken.
  EXPECT_GT(dropped, 100u);
  EXPECT_GT(woken, 100u);
  EXPECT_GT(asleep, 100);
  EXPECT_GT(Fetched(rack), 300u);
}

}  // namespace
}  // namespace p2pd::archive::federation
