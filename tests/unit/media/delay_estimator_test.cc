#include "libcore/media/delay_estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>

#include "libcore/base/rng.h"
#include "libcore/media/audio.h"

namespace p2pd::media {
namespace {

constexpr double kNanosPerMs = 1e6;

// Packets every 20 ms by the sender's clock, which may be `ppm` off.
class Stream {
 public:
  explicit Stream(DelayEstimator& estimator, double ppm = 0.0) : estimator_(estimator), ppm_(ppm) {}
  void Packet(double late_ms) {
    const double sent = static_cast<double>(count_) * 20.0 * (1.0 + ppm_ / 1e6);
    now_ = Instant::FromNanos(static_cast<int64_t>((5'000.0 + sent + late_ms) * kNanosPerMs));
    estimator_.OnPacket(now_, {.timestamp = count_ * static_cast<int64_t>(kFrameSamples),
                               .samples = kFrameSamples});
    ++count_;
  }
  int64_t timestamp() const { return (count_ - 1) * static_cast<int64_t>(kFrameSamples); }
  Instant now() const { return now_; }

 private:
  DelayEstimator& estimator_;
  double ppm_;
  int64_t count_ = 0;
  Instant now_;
};

TEST(DelayEstimator, ACalmNetworkNeedsTheLeast) {
  DelayEstimator estimator;
  EXPECT_EQ(estimator.target(), kFirstTarget);
  Stream stream(estimator);
  for (int i = 0; i < 200; ++i) stream.Packet(0.0);
  EXPECT_EQ(estimator.target(), kMinTarget);
  EXPECT_EQ(estimator.EarliestArrival(stream.timestamp()), stream.now());
}

TEST(DelayEstimator, JitterRaisesTheTargetToCoverNearlyAll) {
  DelayEstimator estimator;
  Stream stream(estimator);
  SeededRng rng(1);
  for (int i = 0; i < 1'000; ++i) stream.Packet(60.0 * rng.Unit());
  EXPECT_GE(estimator.target(), absl::Milliseconds(55));
  EXPECT_LE(estimator.target(), absl::Milliseconds(65));
}

TEST(DelayEstimator, RisesWithinFewPacketsAndFallsWithinFiveSeconds) {
  DelayEstimator estimator;
  Stream stream(estimator);
  for (int i = 0; i < 200; ++i) stream.Packet(0.0);
  for (int i = 0; i < 10; ++i) stream.Packet(i % 2 == 0 ? 0.0 : 80.0);
  EXPECT_GE(estimator.target(), absl::Milliseconds(80));
  for (int i = 0; i < 250; ++i) stream.Packet(0.0);
  EXPECT_LE(estimator.target(), absl::Milliseconds(30));
}

// Gives `count` packets of 20 ms to the estimator in the order in which they arrive; `fate` says
// how late one comes, or that it never does.
template <class Fate>
void Arrive(DelayEstimator& estimator, int count, Fate fate) {
  std::multimap<double, int> arrivals;
  for (int i = 0; i < count; ++i) {
    if (const std::optional<double> late = fate(i)) arrivals.emplace(5'000.0 + 20.0 * i + *late, i);
  }
  for (const auto& [at, number] : arrivals) {
    estimator.OnPacket(Instant::FromNanos(static_cast<int64_t>(at * kNanosPerMs)),
                       {.timestamp = number * static_cast<int64_t>(kFrameSamples),
                        .samples = kFrameSamples,
                        .has_fec = true});
  }
}

TEST(DelayEstimator, DelayIsDefendedWhereItHurts) {
  // One packet in 33 is overtaken by six. On a short path that is worth waiting for; behind 400 ms
  // of network it is not.
  const auto target = [](absl::Duration network) {
    DelayEstimator estimator;
    estimator.SetOtherDelay(network);
    Arrive(estimator, 2'000, [](int i) { return std::optional(i % 33 == 0 ? 125.0 : 0.0); });
    return estimator.target();
  };
  EXPECT_GE(target(absl::ZeroDuration()), absl::Milliseconds(30));
  EXPECT_LE(target(absl::Milliseconds(400)), absl::Milliseconds(30));
}

TEST(DelayEstimator, AStallCostsOnceHoweverManyPacketsQueuedBehindIt) {
  // 200 ms of standstill every five seconds, and what queued comes at once: that is not worth more
  // than what costs little, up to 177 ms in all. Every second it is worth to hold all of it.
  const auto target = [](int every) {
    DelayEstimator estimator;
    estimator.SetOtherDelay(absl::Milliseconds(50));
    Arrive(estimator, 2'000, [every](int i) {
      const int since = (i + every / 2) % every;
      return std::optional(since < 10 ? 200.0 - 20.0 * since : 0.0);
    });
    return estimator.target();
  };
  EXPECT_LE(target(250), absl::Milliseconds(127));
  EXPECT_GE(target(50), absl::Milliseconds(200));
}

TEST(DelayEstimator, ALongStandstillIsForgotten) {
  DelayEstimator estimator;
  estimator.SetOtherDelay(absl::Milliseconds(50));
  Arrive(estimator, 900, [](int i) {
    return std::optional(i >= 500 && i < 650 ? 3'000.0 - 20.0 * (i - 500) : 0.0);
  });
  EXPECT_LE(estimator.target(), absl::Milliseconds(30));
}

TEST(DelayEstimator, RedundancyIsWaitedForWherePacketsAreLost) {
  DelayEstimator estimator;
  Arrive(estimator, 500, [](int i) { return i % 15 == 7 ? std::nullopt : std::optional(0.0); });
  EXPECT_EQ(estimator.target(), absl::Milliseconds(25));
}

TEST(DelayEstimator, APauseOfTheSenderIsNoLoss) {
  DelayEstimator estimator;
  int64_t timestamp = 0;
  for (int i = 0; i < 300; ++i) {
    const int64_t nanos = 5'000'000'000 + timestamp * 62'500 / 3;
    estimator.OnPacket(Instant::FromNanos(nanos), {.timestamp = timestamp,
                                                   .samples = kFrameSamples,
                                                   .has_fec = true,
                                                   .after_pause = i % 10 == 0});
    timestamp += static_cast<int64_t>(i % 10 == 9 ? 20 * kFrameSamples : kFrameSamples);
  }
  EXPECT_EQ(estimator.target(), kMinTarget);
}

TEST(DelayEstimator, DriftIsNoJitter) {
  for (const double ppm : {-500.0, 500.0}) {
    DelayEstimator estimator;
    Stream stream(estimator, ppm);
    for (int i = 0; i < 30'000; ++i) stream.Packet(0.0);  // ten minutes
    EXPECT_EQ(estimator.target(), kMinTarget);
    EXPECT_LE(stream.now() - estimator.EarliestArrival(stream.timestamp()), absl::Milliseconds(2));
  }
}

TEST(DelayEstimator, ANewPathBecomesTheReference) {
  DelayEstimator estimator;
  Stream stream(estimator);
  for (int i = 0; i < 100; ++i) stream.Packet(100.0);
  stream.Packet(20.0);  // faster: at once
  EXPECT_EQ(estimator.EarliestArrival(stream.timestamp()), stream.now());
  for (int i = 0; i < 110; ++i) stream.Packet(250.0);  // slower: after two seconds
  EXPECT_LE(stream.now() - estimator.EarliestArrival(stream.timestamp()), absl::Milliseconds(1));
}

TEST(DelayEstimator, ExtremesStayInRange) {
  DelayEstimator estimator;
  Stream stream(estimator);
  SeededRng rng(2);
  for (int i = 0; i < 2'000; ++i) stream.Packet(5'000.0 * rng.Unit());
  EXPECT_LE(estimator.target(), kMaxTarget);
  EXPECT_GE(estimator.target(), kMinTarget);
}

TEST(DelayEstimator, ManyPacketsAtOnceFit) {
  DelayEstimator estimator;
  // 1,000 packets within a second, each slower than the last: the window's ring is full.
  for (int i = 0; i < 1'000; ++i) {
    estimator.OnPacket(Instant::FromNanos(int64_t{i} * 1'000'000),
                       {.timestamp = int64_t{i} * 40, .samples = 40});
  }
  EXPECT_TRUE(estimator.started());
}

}  // namespace
}  // namespace p2pd::media
