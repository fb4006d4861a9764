#include "libcore/archive/tracker/swarm_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

const InfoHash kHash = HashNumber(1);
const absl::Time kWall = absl::FromUnixSeconds(1'800'000'000);

TEST(SwarmState, ComesBackAfterARestart) {
  TableFixture before;
  before.Announce(kHash, V4Number(1), true, AnnounceEvent::kCompleted);
  before.Pass(absl::Minutes(30));
  for (uint32_t i = 2; i < 700; ++i) before.Announce(kHash, V4Number(i));
  before.Announce(kHash, V6Number(9));
  before.Announce(HashNumber(2), V6Number(9), true);
  before.table.MarkConnectable(kHash, V4Number(5), true);
  const Bytes state = EncodeState(before.table, before.now, kWall);

  TableFixture after;
  const auto swarms = RestoreState(state, after.now, kWall + absl::Minutes(10), after.table);
  ASSERT_TRUE(swarms.ok()) << swarms.status();
  EXPECT_EQ(*swarms, 2u);
  EXPECT_EQ(after.table.Scrape(kHash).complete, 1u);
  EXPECT_EQ(after.table.Scrape(kHash).incomplete, 699u);
  EXPECT_EQ(after.table.Scrape(kHash).downloaded, 1u);
  after.Announce(kHash, V4Number(1000), false, AnnounceEvent::kNone, 1);
  EXPECT_EQ(after.reply.age, absl::Minutes(40));
  EXPECT_EQ(SetOf(after.reply), std::set<net::Endpoint>{V4Number(5)});
  // The seed's hour is over 20 minutes later, the others' is not.
  after.Pass(absl::Minutes(21));
  after.SweepAll();
  EXPECT_EQ(after.table.Scrape(kHash).complete, 0u);
  EXPECT_EQ(after.table.Scrape(kHash).incomplete, 700u);
}

TEST(SwarmState, WhoWasSilentTooLongStaysAway) {
  TableFixture before;
  before.Announce(kHash, V4Number(1));
  const Bytes state = EncodeState(before.table, before.now, kWall);
  TableFixture late;
  ASSERT_TRUE(RestoreState(state, late.now, kWall + absl::Hours(2), late.table).ok());
  EXPECT_EQ(late.table.stats().swarms, 0u);
  // A clock that went back adds nothing.
  TableFixture back;
  ASSERT_TRUE(RestoreState(state, back.now, kWall - absl::Hours(2), back.table).ok());
  EXPECT_EQ(back.table.stats().swarms, 1u);
}

TEST(SwarmState, WhoCameMeanwhileStaysAsItIs) {
  TableFixture before;
  before.Announce(kHash, V4Number(1), true);
  const Bytes state = EncodeState(before.table, before.now, kWall);
  TableFixture after;
  after.Announce(kHash, V4Number(1), false);
  ASSERT_TRUE(RestoreState(state, after.now, kWall, after.table).ok());
  EXPECT_EQ(after.table.Scrape(kHash).incomplete, 1u);
  EXPECT_EQ(after.table.Scrape(kHash).complete, 0u);
}

TEST(SwarmState, DamageIsRefusedAsAWhole) {
  TableFixture before;
  for (uint32_t i = 0; i < 20; ++i) before.Announce(HashNumber(i), V4Number(i));
  const Bytes state = EncodeState(before.table, before.now, kWall);
  TableFixture after;
  for (size_t at = 0; at < state.size(); at += 7) {
    Bytes damaged = state;
    damaged[at] ^= 0x10;
    EXPECT_EQ(RestoreState(damaged, after.now, kWall, after.table).status().code(),
              absl::StatusCode::kDataLoss);
    EXPECT_FALSE(RestoreState(ByteView(state).subspan(0, at), after.now, kWall, after.table).ok());
  }
  EXPECT_EQ(after.table.stats().swarms, 0u);
}

TEST(SwarmState, TheLimitHoldsForWhatIsRestored) {
  TableFixture before;
  for (uint32_t i = 0; i < 100'000; ++i)
    before.Announce(kHash, V4Number(i), false, AnnounceEvent::kNone, 0);
  const Bytes state = EncodeState(before.table, before.now, kWall);
  TableFixture after({.max_bytes = 256 << 10});
  ASSERT_TRUE(RestoreState(state, after.now, kWall, after.table).ok());
  EXPECT_LT(after.table.stats().bytes, 320u << 10);
}

}  // namespace
}  // namespace p2pd::archive::tracker
