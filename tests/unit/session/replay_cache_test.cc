#include "libcore/session/replay_cache.h"

#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1767225600);

ReplayCache::Key Key(uint32_t n) {
  ReplayCache::Key out;
  for (size_t i = 0; i < 4; ++i) out.nonce.mutable_view()[i] = static_cast<uint8_t>(n >> 8 * i);
  return out;
}
ReplayCache::Entry Entry(absl::Time time) { return {{}, SessionId(1), time}; }

TEST(ReplayCacheTest, BelievesTwoMinutesEitherWay) {
  const ReplayCache cache(kStart);
  const absl::Time now = kStart + absl::Hours(1);
  EXPECT_TRUE(cache.Fresh(now, now));
  EXPECT_TRUE(cache.Fresh(now, now - absl::Seconds(120)));
  EXPECT_TRUE(cache.Fresh(now, now + absl::Seconds(120)));
  EXPECT_FALSE(cache.Fresh(now, now - absl::Seconds(121)));
  EXPECT_FALSE(cache.Fresh(now, now + absl::Seconds(121)));
}

TEST(ReplayCacheTest, DoesNotBelieveWhatIsOlderThanTheStart) {
  const ReplayCache cache(kStart);
  EXPECT_TRUE(cache.Fresh(kStart + absl::Seconds(10), kStart));
  EXPECT_FALSE(cache.Fresh(kStart + absl::Seconds(10), kStart - absl::Milliseconds(1)));
}

TEST(ReplayCacheTest, RemembersUntilTheHelloIsTooOldToBeBelieved) {
  ReplayCache cache(kStart);
  cache.Add(kStart, Key(1), Entry(kStart));
  ASSERT_NE(cache.Find(Key(1)), nullptr);
  EXPECT_EQ(cache.Find(Key(1))->session, SessionId(1));
  EXPECT_EQ(cache.Find(Key(2)), nullptr);
  cache.Add(kStart + absl::Seconds(120), Key(2), Entry(kStart + absl::Seconds(120)));
  EXPECT_NE(cache.Find(Key(1)), nullptr);
  cache.Add(kStart + absl::Seconds(121), Key(3), Entry(kStart + absl::Seconds(121)));
  EXPECT_EQ(cache.Find(Key(1)), nullptr);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(ReplayCacheTest, WhenFullWhatIsForgottenIsNoLongerBelieved) {
  ReplayCache cache(kStart);
  const absl::Time now = kStart + absl::Seconds(60);
  for (uint32_t i = 0; i <= ReplayCache::kMaxEntries; ++i) {
    cache.Add(now, Key(i), Entry(kStart + absl::Milliseconds(i + 1)));
  }
  EXPECT_EQ(cache.size(), ReplayCache::kMaxEntries);
  EXPECT_EQ(cache.Find(Key(0)), nullptr);
  EXPECT_FALSE(cache.Fresh(now, kStart + absl::Milliseconds(1)));
  EXPECT_TRUE(cache.Fresh(now, kStart + absl::Milliseconds(2)));
  EXPECT_NE(cache.Find(Key(1)), nullptr);
}

}  // namespace
}  // namespace p2pd::session
