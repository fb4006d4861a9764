// A bulk repair over a slow line, and a call that has to go at once.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using overlay::Service;

// A line of 400 kbit/s with a queue of a second in the modem, and 20 ms to the other side.
constexpr double kLine = 50'000;
constexpr size_t kPart = 64 * 1024;
constexpr int kParts = 31;  // 2 MB, what a link's queue holds

class Urgent : public testing::Test {
 protected:
  static LinkOptions Slow() {
    LinkOptions out;
    out.latency_min = out.latency_max = absl::Milliseconds(20);
    out.jitter = absl::ZeroDuration();
    out.bandwidth = kLine;
    out.queue = absl::Seconds(1);
    return out;
  }
  void SetUp() override {
    a_.Start({});
    b_.Start({a_.at()});
    world_.RunFor(absl::Seconds(30));
    // The far end takes parts of a repair without a word.
    b_.SetHandler([this](Instant now, overlay::Event& event) {
      const auto* request = std::get_if<overlay::IncomingRequest>(&event);
      if (request == nullptr) return false;
      repaired_ += request->payload.size() == kPart ? 1 : 0;
      b_.node().Answer(now, request->token, {1});
      return true;
    });
  }
  void Fill(bool repair) {
    for (int i = 0; i < kParts; ++i) {
      a_.node().Ask(a_.Now(), b_.node().self(), Service::kStore, Bytes(kPart, 7), absl::Minutes(5),
                    repair);
    }
    a_.Kick();
  }
  // From the question to the answer.
  absl::Duration RoundTrip(Service service) {
    const Instant asked = world_.now();
    const auto id = a_.Ask(b_.node().self(), service, Bytes(300, 1), absl::Minutes(2));
    EXPECT_TRUE(world_.RunUntil(absl::Minutes(2), [&] { return a_.ResponseTo(id) != nullptr; }));
    return world_.now() - asked;
  }
  World world_{7, Slow()};
  OverlayHost a_{world_, 1};
  OverlayHost b_{world_, 2};
  int repaired_ = 0;
};

TEST_F(Urgent, ACallDoesNotWaitForARepair) {
  const absl::Duration idle = RoundTrip(Service::kSession);
  const Instant filled = world_.now();
  Fill(true);
  absl::Duration longest;
  for (int i = 0; i < 20; ++i) {
    world_.RunFor(absl::Seconds(1));
    longest = std::max(longest, RoundTrip(Service::kSession));
  }
  RecordProperty("idle_ms", static_cast<int>(absl::ToInt64Milliseconds(idle)));
  RecordProperty("longest_ms", static_cast<int>(absl::ToInt64Milliseconds(longest)));
  EXPECT_LT(repaired_, kParts);  // it was under way all the time
  EXPECT_LE(longest, idle + absl::Milliseconds(200));
  // The repair has the line to itself, nearly: 2 MB take 43 s on it.
  EXPECT_TRUE(world_.RunUntil(absl::Minutes(2), [&] { return repaired_ == kParts; }));
  RecordProperty("repair_s", static_cast<int>(absl::ToInt64Seconds(world_.now() - filled)));
}

TEST_F(Urgent, AReplyGoesBeforeARepairToo) {
  Fill(true);
  world_.RunFor(absl::Seconds(5));
  EXPECT_LE(RoundTrip(Service::kStore), absl::Milliseconds(250));
}

}  // namespace
}  // namespace p2pd::sim
