#include "libcore/store/upkeep.h"

#include <gtest/gtest.h>

#include "libcore/store/memory_table.h"
#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class UpkeepTest : public testing::Test {
 protected:
  void RunTo(Instant to) {
    now = to;
    upkeep.OnTimeout(now, f.now + (now - Instant()), carrier);
  }
  static PutResult Result(absl::Status status, StoreStatus refusal = wire::v1::STORE_STATUS_OK) {
    return PutResult{std::move(status), 5, 8, refusal};
  }
  ObjectFixture f;
  FakeCarrier carrier{8};
  MemoryTable table;
  Counters counters;
  LocalStore local{{}, table, counters};
  SeededRng rng{1};
  Upkeep upkeep{local, rng, counters};
  Instant now;
};

TEST_F(UpkeepTest, OwnersObjectIsPutAgainNowAndThen) {
  upkeep.KeepAlive(now, f.Environment());
  EXPECT_FALSE(upkeep.PollJob().has_value());
  RunTo(now + Upkeep::kRefresh * 1.5);
  auto job = upkeep.PollJob();
  ASSERT_TRUE(job.has_value());
  EXPECT_FALSE(upkeep.PollJob().has_value());
  RunTo(now + Upkeep::kRefresh * 3);  // not twice while one is under way
  EXPECT_FALSE(upkeep.PollJob().has_value());
  upkeep.OnDone(now, *job, Result(absl::UnavailableError("few copies")));
  RunTo(now + Upkeep::kRetry * 1.5);
  job = upkeep.PollJob();
  ASSERT_TRUE(job.has_value());
  upkeep.OnDone(now, *job, Result(absl::OkStatus()));
  RunTo(now + Upkeep::kRefresh * 0.4);
  EXPECT_FALSE(upkeep.PollJob().has_value());
}

TEST_F(UpkeepTest, EndsWithExpiryANewerOneAndOnRequest) {
  const Object environment = f.Environment();
  upkeep.KeepAlive(now, environment);
  RunTo(now + absl::Hours(25));
  EXPECT_FALSE(upkeep.PollJob().has_value());

  upkeep.KeepAlive(now, f.Raw("x", absl::Hours(100)));
  RunTo(now + Upkeep::kRefresh * 2);
  const auto job = upkeep.PollJob();
  ASSERT_TRUE(job.has_value());
  upkeep.OnDone(now, *job,
                Result(absl::FailedPreconditionError("newer"), wire::v1::STORE_STATUS_STALE));
  RunTo(now + Upkeep::kRefresh * 2);
  EXPECT_FALSE(upkeep.PollJob().has_value());

  const Object raw = f.Raw("y", absl::Hours(100));
  upkeep.KeepAlive(now, raw);
  upkeep.StopKeepingAlive(raw.key(), raw.kind(), raw.slot());
  RunTo(now + Upkeep::kRefresh * 2);
  EXPECT_FALSE(upkeep.PollJob().has_value());
}

TEST_F(UpkeepTest, ForeignRowLeavesOnlyAfterItArrived) {
  const Object raw = f.Raw("x");
  ASSERT_EQ(local.Keep(raw, {raw.key(), "N1", false}, f.now), KeepResult::kKept);
  RunTo(now + absl::Minutes(5));
  EXPECT_FALSE(upkeep.PollJob().has_value());  // it is ours
  carrier.responsible = false;
  upkeep.OnLeafSetChanged(now);
  RunTo(now + Upkeep::kQuiet + absl::Seconds(10));
  auto job = upkeep.PollJob();
  ASSERT_TRUE(job.has_value());
  ASSERT_TRUE(job->hand_off.has_value());
  upkeep.OnDone(now, *job, Result(absl::UnavailableError("no")));
  EXPECT_EQ(table.total_objects(), 1u);
  RunTo(now + absl::Seconds(10));
  job = upkeep.PollJob();
  ASSERT_TRUE(job.has_value());
  upkeep.OnDone(now, *job, Result(absl::OkStatus()));
  EXPECT_EQ(table.total_objects(), 0u);
  EXPECT_EQ(counters.Get("store.handed_off"), 1u);
}

TEST_F(UpkeepTest, NothingLeavesWhileTheRingMoves) {
  const Object raw = f.Raw("x");
  ASSERT_EQ(local.Keep(raw, {raw.key(), "N1", false}, f.now), KeepResult::kKept);
  carrier.responsible = false;
  RunTo(now + absl::Seconds(1));
  RunTo(now + absl::Minutes(5));
  ASSERT_TRUE(upkeep.PollJob().has_value());
  for (int i = 0; i < 5; ++i) {
    upkeep.OnLeafSetChanged(now);
    RunTo(now + absl::Seconds(50));
    EXPECT_FALSE(upkeep.PollJob().has_value());
  }
}

}  // namespace
}  // namespace p2pd::store
