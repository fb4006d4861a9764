#include "libcore/archive/tracker/swarm_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const InfoHash kHash = HashNumber(1);

TEST(SwarmTable, CountsWhoComesGoesAndCompletes) {
  TableFixture f;
  f.Announce(kHash, V4Number(1), false, AnnounceEvent::kStarted);
  f.Announce(kHash, V4Number(2), true);
  f.Announce(kHash, V6Number(3), false);
  EXPECT_EQ(f.reply.counts.complete, 1u);
  EXPECT_EQ(f.reply.counts.incomplete, 2u);
  f.Announce(kHash, V4Number(1), true, AnnounceEvent::kCompleted);
  // Told twice, done once.
  f.Announce(kHash, V4Number(1), true, AnnounceEvent::kCompleted);
  EXPECT_EQ(f.table.Scrape(kHash).complete, 2u);
  EXPECT_EQ(f.table.Scrape(kHash).incomplete, 1u);
  EXPECT_EQ(f.table.Scrape(kHash).downloaded, 1u);
  f.Announce(kHash, V4Number(1), true, AnnounceEvent::kStopped);
  EXPECT_EQ(f.reply.counts.complete, 1u);
  EXPECT_THAT(SetOf(f.reply), IsEmpty());
  f.Announce(kHash, V4Number(2), true, AnnounceEvent::kStopped);
  f.Announce(kHash, V6Number(3), true, AnnounceEvent::kStopped);
  f.Announce(kHash, V6Number(3), true, AnnounceEvent::kStopped);
  EXPECT_EQ(f.table.stats().swarms, 0u);
  EXPECT_EQ(f.table.Scrape(kHash).downloaded, 0u);
}

TEST(SwarmTable, NeverListsTheAsker) {
  TableFixture f;
  for (uint32_t peers = 1; peers < 120; ++peers) {
    f.Announce(kHash, V4Number(peers));
    const auto listed = SetOf(f.reply);
    EXPECT_THAT(listed, Not(Contains(V4Number(peers))));
    EXPECT_EQ(listed.size(), std::min(peers - 1, kMaxPeersInReply));
    // And when it comes again, from the midst of the others.
    f.Announce(kHash, V4Number(1 + peers / 2));
    EXPECT_THAT(SetOf(f.reply), Not(Contains(V4Number(1 + peers / 2))));
    EXPECT_EQ(SetOf(f.reply).size(), std::min(peers - 1, kMaxPeersInReply));
  }
}

TEST(SwarmTable, GivesNoSeedsToSeeds) {
  TableFixture f;
  for (uint32_t i = 1; i <= 40; ++i) f.Announce(kHash, V4Number(i), true);
  for (uint32_t i = 41; i <= 43; ++i) f.Announce(kHash, V4Number(i), false);
  f.Announce(kHash, V4Number(1), true);
  EXPECT_THAT(SetOf(f.reply), ElementsAre(V4Number(41), V4Number(42), V4Number(43)));
  f.Announce(kHash, V4Number(41), false);
  EXPECT_EQ(SetOf(f.reply).size(), 42u);
}

TEST(SwarmTable, VerifiedConnectableFirst) {
  TableFixture f;
  for (uint32_t i = 0; i < 500; ++i) f.Announce(kHash, V4Number(i), i % 2 == 0);
  std::set<net::Endpoint> good;
  for (uint32_t i = 0; i < 60; i += 3) {
    good.insert(V4Number(i));
    EXPECT_TRUE(f.table.MarkConnectable(kHash, V4Number(i), true));
  }
  EXPECT_FALSE(f.table.MarkConnectable(kHash, V4Number(501), true));
  EXPECT_FALSE(f.table.MarkConnectable(HashNumber(2), V4Number(1), true));
  for (int round = 0; round < 20; ++round) {
    f.Announce(kHash, V4Number(1000));
    const auto listed = SetOf(f.reply);
    EXPECT_EQ(listed.size(), 50u);
    for (const net::Endpoint& endpoint : good) EXPECT_THAT(listed, Contains(endpoint));
  }
  // The mark stays over announces and a change from leecher to seed, until it is taken away.
  f.Announce(kHash, V4Number(3), true);
  f.Announce(kHash, V4Number(1000), false, AnnounceEvent::kNone, 20);
  EXPECT_EQ(SetOf(f.reply), good);
  f.table.MarkConnectable(kHash, V4Number(3), false);
  f.Announce(kHash, V4Number(1000), false, AnnounceEvent::kNone, 19);
  good.erase(V4Number(3));
  EXPECT_EQ(SetOf(f.reply), good);
}

// Chi-square over 198 degrees of freedom: above 259 once in 400 runs of a fair choice.
TEST(SwarmTable, ChoosesUniformly) {
  TableFixture f;
  for (uint32_t i = 0; i < 200; ++i) f.Announce(kHash, V4Number(i), i % 3 == 0);
  std::map<net::Endpoint, int> seen;
  constexpr int kRounds = 20'000;
  for (int round = 0; round < kRounds; ++round) {
    f.Announce(kHash, V4Number(100));
    for (const net::Endpoint& endpoint : SetOf(f.reply)) ++seen[endpoint];
  }
  ASSERT_EQ(seen.size(), 199u);
  const double expected = kRounds * 50.0 / 199;
  double chi_square = 0;
  for (const auto& [endpoint, count] : seen) {
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 259);
}

TEST(SwarmTable, FamiliesAreApartUnlessBothAreAskedFor) {
  TableFixture f;
  for (uint32_t i = 1; i <= 10; ++i) {
    f.Announce(kHash, V4Number(i));
    f.Announce(kHash, V6Number(i));
  }
  f.Announce(kHash, V4Number(1));
  EXPECT_EQ(f.reply.v4.count(), 9u);
  EXPECT_EQ(f.reply.v6.count(), 0u);
  f.Announce(kHash, V6Number(1));
  EXPECT_EQ(f.reply.v4.count(), 0u);
  EXPECT_EQ(f.reply.v6.count(), 9u);
  f.Announce(kHash, V6Number(1), false, AnnounceEvent::kNone, 50, true);
  EXPECT_EQ(f.reply.v4.count(), 10u);
  EXPECT_EQ(f.reply.v6.count(), 9u);
  f.Announce(kHash, V6Number(1), false, AnnounceEvent::kNone, 7, true);
  EXPECT_EQ(f.reply.v4.count() + f.reply.v6.count(), 7u);
}

// The paper's open problem: n/50 announces until the archive shows. Here it is one, in every run.
TEST(SwarmTable, TheArchiveIsInEveryReplyWhileCopiesAreScarce) {
  const net::Endpoint archive = At("192.0.2.1:6881");
  for (uint64_t run = 0; run < 100; ++run) {
    TableFixture f;
    f.random = SampleStream(run);
    ASSERT_TRUE(f.table.SetArchive(kHash, ArchiveListing{.endpoints = {archive}, .always = true}));
    for (uint32_t i = 0; i < 5000; ++i) {
      f.Announce(kHash, V4Number(i), false, AnnounceEvent::kNone, 0);
    }
    for (const uint32_t wanted : {50u, 1u}) {
      f.Announce(kHash, V4Number(6000), false, AnnounceEvent::kStarted, wanted);
      EXPECT_TRUE(f.reply.scarce);
      EXPECT_TRUE(f.reply.archive_given);
      ASSERT_EQ(f.reply.v4.count(), wanted);
      EXPECT_EQ(ListOf(f.reply.v4)[0], archive);
    }
  }
}

TEST(SwarmTable, TheArchiveIsAPeerAmongOthersWhenCopiesAreEnough) {
  TableFixture f;
  const net::Endpoint archive = At("192.0.2.1:6881");
  for (uint32_t i = 0; i < 500; ++i) f.Announce(kHash, V4Number(i));
  ASSERT_TRUE(f.table.SetArchive(kHash, ArchiveListing{.endpoints = {archive}, .always = false}));
  int seen = 0;
  for (int round = 0; round < 2000; ++round) {
    f.Announce(kHash, V4Number(1));
    if (SetOf(f.reply).contains(archive)) ++seen;
    EXPECT_EQ(SetOf(f.reply).size(), 50u);
  }
  // 50 of 499: a tenth, with a deviation of 13.4.
  EXPECT_NEAR(seen, 200, 54);
  EXPECT_FALSE(f.reply.scarce);
}

TEST(SwarmTable, TheArchiveIsNotForSeedsNorForItselfNorTwice) {
  TableFixture f;
  const net::Endpoint archive = At("192.0.2.1:6881");
  ASSERT_TRUE(f.table.SetArchive(kHash, ArchiveListing{.endpoints = {archive}, .always = true}));
  f.Announce(kHash, archive, true);
  EXPECT_THAT(SetOf(f.reply), IsEmpty());
  f.Announce(kHash, V4Number(1), true);
  EXPECT_THAT(SetOf(f.reply), IsEmpty());
  f.Announce(kHash, V4Number(2), false);
  EXPECT_THAT(ListOf(f.reply.v4), ElementsAre(archive, V4Number(1)));
  f.Announce(kHash, archive, false);
  EXPECT_THAT(SetOf(f.reply), ElementsAre(V4Number(1), V4Number(2)));
  f.Announce(kHash, V4Number(2), false, AnnounceEvent::kNone, 0);
  EXPECT_THAT(SetOf(f.reply), IsEmpty());
}

TEST(SwarmTable, SeveralArchivesOwnFamilyFirst) {
  TableFixture f;
  const std::vector<net::Endpoint> endpoints = {At("192.0.2.1:1"), At("192.0.2.2:2"),
                                                At("[2001:db8::1]:3"), At("[2001:db8::2]:4")};
  ASSERT_TRUE(f.table.SetArchive(kHash, ArchiveListing{.endpoints = endpoints, .always = true}));
  EXPECT_FALSE(f.table.SetArchive(
      kHash, ArchiveListing{.endpoints = std::vector<net::Endpoint>(5), .always = true}));
  f.Announce(kHash, V4Number(1));
  EXPECT_EQ(f.reply.v4.count(), 2u);
  EXPECT_EQ(f.reply.v6.count(), 0u);
  f.Announce(kHash, V6Number(1));
  EXPECT_EQ(f.reply.v6.count(), 2u);
  f.Announce(kHash, V4Number(1), false, AnnounceEvent::kNone, 50, true);
  EXPECT_EQ(f.reply.v4.count(), 2u);
  EXPECT_EQ(f.reply.v6.count(), 3u);
  std::set<net::Endpoint> firsts;
  for (int round = 0; round < 50; ++round) {
    f.Announce(kHash, V4Number(1), false, AnnounceEvent::kNone, 1, true);
    EXPECT_EQ(f.reply.v6.count(), 0u);
    firsts.insert(ListOf(f.reply.v4)[0]);
  }
  EXPECT_EQ(firsts.size(), 2u);
  EXPECT_EQ(f.table.stats().listings, 1u);
  ASSERT_TRUE(f.table.SetArchive(kHash, std::nullopt));
  f.Announce(kHash, V4Number(1));
  EXPECT_THAT(SetOf(f.reply), IsEmpty());
  EXPECT_EQ(f.table.stats().listings, 0u);
}

TEST(SwarmTable, SaysWhenCopiesAreScarceAndWhenToTellOfASeed) {
  TableFixture f;
  f.Announce(kHash, V4Number(1));
  EXPECT_TRUE(f.reply.scarce);
  EXPECT_FALSE(f.reply.tell_seed);
  f.Announce(kHash, V4Number(2), true);
  EXPECT_FALSE(f.reply.scarce);
  EXPECT_TRUE(f.reply.tell_seed);
  f.Announce(kHash, V4Number(3), true);
  EXPECT_FALSE(f.reply.tell_seed);
  f.Pass(SwarmTable::kTellAgain);
  f.Announce(kHash, V4Number(3), true);
  EXPECT_TRUE(f.reply.tell_seed);
  ASSERT_TRUE(f.table.SetArchive(kHash, ArchiveListing{.endpoints = {}, .always = true}));
  f.Pass(SwarmTable::kTellAgain);
  f.Announce(kHash, V4Number(3), true);
  // Of what the archive has, too: it may lack some of it, and counts the copies that are there.
  EXPECT_TRUE(f.reply.tell_seed);
  EXPECT_TRUE(f.reply.scarce);
  EXPECT_EQ(f.reply.age, 2 * SwarmTable::kTellAgain);
}

TEST(SwarmTable, ForgetsWhoIsSilentForTwoIntervals) {
  TableFixture f;
  f.Announce(kHash, V4Number(1));
  f.Announce(HashNumber(2), V6Number(1));
  f.Pass(absl::Seconds(3000));
  f.Announce(kHash, V4Number(2));
  f.Pass(absl::Seconds(600));
  f.SweepAll();
  EXPECT_EQ(f.table.Scrape(kHash).incomplete, 2u);
  f.Pass(absl::Seconds(1));
  f.SweepAll();
  EXPECT_EQ(f.table.Scrape(kHash).incomplete, 1u);
  EXPECT_EQ(f.table.stats().swarms, 1u);
  EXPECT_EQ(f.table.stats().expired_peers, 2u);
  f.Announce(kHash, V4Number(3));
  EXPECT_THAT(SetOf(f.reply), ElementsAre(V4Number(2)));
  // Over the end of the short clock.
  for (int minute = 0; minute < 20 * 60; ++minute) {
    f.Pass(absl::Minutes(1));
    f.SweepAll();
    f.Announce(kHash, V4Number(3));
  }
  EXPECT_EQ(f.table.stats().peers_v4, 1u);
  EXPECT_EQ(f.table.Scrape(kHash).incomplete, 1u);
}

// The figures of the issue by the table's own accounting.
TEST(SwarmTable, TakesFewBytes) {
  TableFixture v4;
  for (uint32_t torrent = 0; torrent < 1000; ++torrent) {
    for (uint32_t i = 0; i < 200; ++i)
      v4.Announce(HashNumber(torrent), V4Number(i), false, AnnounceEvent::kNone, 0);
  }
  EXPECT_LE(v4.table.stats().bytes, 16u * 200'000);
  TableFixture v6;
  for (uint32_t torrent = 0; torrent < 500; ++torrent) {
    for (uint32_t i = 0; i < 200; ++i)
      v6.Announce(HashNumber(torrent), V6Number(i), false, AnnounceEvent::kNone, 0);
  }
  EXPECT_LE(v6.table.stats().bytes, 28u * 100'000);
  TableFixture large;
  for (uint32_t i = 0; i < 100'000; ++i)
    large.Announce(kHash, V4Number(i), false, AnnounceEvent::kNone, 0);
  EXPECT_LE(large.table.stats().bytes, 16u * 100'000);
  TableFixture single;
  for (uint32_t torrent = 0; torrent < 50'000; ++torrent)
    single.Announce(HashNumber(torrent), V4Number(1));
  EXPECT_LE(single.table.stats().bytes, 140u * 50'000);
}

TEST(SwarmTable, UnderPressureTheQuietestSwarmsGo) {
  TableFixture f({.max_bytes = 2 << 20});
  for (uint32_t torrent = 0; torrent < 60'000; ++torrent) {
    f.Announce(HashNumber(torrent), V4Number(1));
    // One of them stays alive.
    f.Announce(HashNumber(0), V4Number(2));
    EXPECT_LE(f.table.stats().bytes, (2u << 20) + 8192);
    if (torrent % 1000 != 0) continue;
    f.Pass(absl::Seconds(1));
  }
  const auto stats = f.table.stats();
  EXPECT_GT(stats.evicted_swarms, 30'000u);
  EXPECT_GT(stats.swarms, 10'000u);
  EXPECT_EQ(f.table.Scrape(HashNumber(0)).incomplete, 2u);
  EXPECT_EQ(f.table.Scrape(HashNumber(1)).incomplete, 0u);
  EXPECT_EQ(f.table.Scrape(HashNumber(59'999)).incomplete, 1u);
}

TEST(SwarmTable, UnderPressureTheOldestPeersOfTheOnlySwarmGo) {
  TableFixture f({.max_bytes = 1 << 20});
  for (uint32_t i = 0; i < 200'000; ++i) {
    f.Announce(kHash, V4Number(i), false, AnnounceEvent::kNone, 0);
    if (i % 100 == 0) f.Pass(absl::Seconds(1));
  }
  const auto stats = f.table.stats();
  EXPECT_LT(stats.bytes, 1.2 * (1 << 20));
  EXPECT_GT(stats.peers_v4, 40'000u);
  EXPECT_EQ(stats.peers_v4 + stats.evicted_peers, 200'000u);
  EXPECT_FALSE(f.table.MarkConnectable(kHash, V4Number(0), true));
  EXPECT_TRUE(f.table.MarkConnectable(kHash, V4Number(199'999), true));
  // All of one second.
  TableFixture g({.max_bytes = 1 << 20});
  for (uint32_t i = 0; i < 200'000; ++i)
    g.Announce(kHash, V4Number(i), false, AnnounceEvent::kNone, 0);
  EXPECT_GT(g.table.stats().peers_v4, 30'000u);
  EXPECT_LT(g.table.stats().bytes, 1.2 * (1 << 20));
}

TEST(SwarmTable, RemovesADeniedTorrent) {
  TableFixture f;
  f.Announce(kHash, V4Number(1));
  f.table.Remove(kHash);
  f.table.Remove(kHash);
  EXPECT_EQ(f.table.stats().swarms, 0u);
}

TEST(SwarmTable, SeveralThreadsAtOnce) {
  TableFixture f({.max_bytes = 4 << 20});
  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < 3; ++number) {
    threads.emplace_back([&f, number] {
      SampleStream random(number);
      SwarmReply reply;
      SeededRng rng(number);
      for (int step = 0; step < 20'000; ++step) {
        const InfoHash hash = HashNumber(rng.Below(200));
        f.table.Announce(f.now,
                         {.hash = hash,
                          .peer = V4Number(static_cast<uint32_t>(rng.Below(3000))),
                          .event = static_cast<AnnounceEvent>(rng.Below(4)),
                          .seed = rng.Below(2) == 0},
                         random, reply);
        if (step % 64 == 0) f.table.Sweep(f.now, rng.Below(SwarmTable::kShards));
        if (step % 50 == 0)
          f.table.SetArchive(
              hash, ArchiveListing{.endpoints = {At("1.2.3.4:5")}, .always = step % 100 == 0});
        if (step % 50 == 7) f.table.SetArchive(hash, std::nullopt);
        if (step % 500 == 0) f.table.stats();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(f.table.stats().swarms, 200u);
}

}  // namespace
}  // namespace p2pd::archive::tracker
