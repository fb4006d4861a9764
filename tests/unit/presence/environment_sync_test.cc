#include "libcore/presence/environment_sync.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/store_host.h"

namespace p2pd::presence {
namespace {

// One device's side of an environment on a store node.
struct Side {
  Side(sim::StoreRing& in, size_t index, uint8_t id)
      : ring(in), host(*in.hosts[index]), rng(id), subscriptions(host.store(), counters) {
    device.mutable_view()[0] = id;
    wall.Set(ring.world.now(), ring.world.wall_now());
  }
  void Read(std::vector<SecretBytes> keys) {
    sync.Read(ring.world.now(), std::move(keys));
    host.Kick();
    Pump();
  }
  // Runs the world and hands the sync its events until nothing more happens for a while.
  void Pump(absl::Duration span = absl::Seconds(5)) {
    const Instant end = ring.world.now() + span;
    while (ring.world.now() < end) {
      ring.world.RunFor(absl::Milliseconds(100));
      Turn();
    }
  }
  void Turn() {
    while (!host.events.empty()) {
      const store::Event event = host.events.front();
      host.events.erase(host.events.begin());
      sync.OnStoreEvent(ring.world.now(), event);
    }
    if (sync.PollTimeout() && *sync.PollTimeout() <= ring.world.now()) {
      sync.OnTimeout(ring.world.now());
    }
    host.Kick();
    while (const auto report = sync.PollReport()) reports.push_back(*report);
  }
  bool Had(EnvironmentSync::Report report) const {
    return std::count(reports.begin(), reports.end(), report) != 0;
  }
  void Add(absl::string_view email) {
    ASSERT_TRUE(environment.AddContact(storage, ring.world.wall_now(), email, "").ok());
    sync.Edited(ring.world.now());
  }

  sim::StoreRing& ring;
  sim::StoreHost& host;
  SeededRng rng;
  MemoryStorage storage;
  Counters counters;
  WallClock wall;
  pki::DeviceId device;
  Subscriptions subscriptions;
  Environment environment = Environment::Fresh("identities/a/environment", rng);
  EnvironmentSync sync{
      {host.store(), subscriptions, storage, wall, rng, counters}, environment, absl::Minutes(30)};
  std::vector<EnvironmentSync::Report> reports;
};

struct Grown : sim::StoreRing {
  Grown() : StoreRing(55) { Grow(3); }
};

TEST(EnvironmentSync, AFreshOneIsStoredAndFoundByItsKey) {
  Grown ring;
  Side first(ring, 0, 1);
  first.Read({});
  EXPECT_TRUE(first.Had(EnvironmentSync::Report::kRead));
  first.Add("bob@example.org");
  first.sync.Keep(ring.world.now(), first.device);
  first.Pump();
  EXPECT_TRUE(first.environment.published());
  Side second(ring, 1, 2);
  std::vector<SecretBytes> keys;
  keys.emplace_back(first.environment.config_key());
  second.Read(std::move(keys));
  EXPECT_TRUE(second.Had(EnvironmentSync::Report::kAdopted));
  EXPECT_TRUE(second.Had(EnvironmentSync::Report::kMerged));
  EXPECT_EQ(second.environment.config_key(), first.environment.config_key());
  EXPECT_NE(second.environment.Contact("bob@example.org"), nullptr);
}

TEST(EnvironmentSync, TwoWritersLoseNoEdit) {
  Grown ring;
  Side first(ring, 0, 1);
  first.Read({});
  first.sync.Keep(ring.world.now(), first.device);
  first.Pump();
  Side second(ring, 1, 2);
  std::vector<SecretBytes> keys;
  keys.emplace_back(first.environment.config_key());
  second.Read(std::move(keys));
  second.sync.Keep(ring.world.now(), second.device);
  for (int i = 0; i < 10; ++i) {
    first.Add(absl::StrCat("a", i, "@example.org"));
    second.Add(absl::StrCat("b", i, "@example.org"));
    for (int turn = 0; turn < 20; ++turn) {
      ring.world.RunFor(absl::Milliseconds(70));
      first.Turn();
      second.Turn();
    }
  }
  for (int turn = 0; turn < 300; ++turn) {
    ring.world.RunFor(absl::Milliseconds(100));
    first.Turn();
    second.Turn();
  }
  EXPECT_EQ(first.environment.Contacts().size(), 20u);
  EXPECT_EQ(second.environment.Contacts().size(), 20u);
}

TEST(EnvironmentSync, TheSmallerOfTwoPublishedKeysWins) {
  Grown ring;
  Side first(ring, 0, 1);
  Side second(ring, 1, 2);
  first.Read({});
  first.Add("bob@example.org");
  first.sync.Keep(ring.world.now(), first.device);
  first.Pump();
  second.Read({});
  second.Add("carol@example.org");
  second.sync.Keep(ring.world.now(), second.device);
  second.Pump();
  const SecretBytes a(first.environment.config_key());
  const SecretBytes b(second.environment.config_key());
  std::vector<SecretBytes> keys;
  keys.push_back(a.Clone());
  second.Read(std::move(keys));
  keys.clear();
  keys.push_back(b.Clone());
  first.Read(std::move(keys));
  EXPECT_EQ(first.environment.config_key(), second.environment.config_key());
  EXPECT_EQ(ToBytes(first.environment.config_key()),
            std::min(ToBytes(a.view()), ToBytes(b.view())));
  EXPECT_EQ(first.environment.Contacts().size(), 2u);
}

TEST(EnvironmentSync, AFullDiskLosesNothingThatWasThere) {
  Grown ring;
  Side first(ring, 0, 1);
  first.Read({});
  first.Add("bob@example.org");
  first.sync.Keep(ring.world.now(), first.device);
  first.Pump();
  first.storage.FailWrites(absl::UnavailableError("full"));
  first.sync.Edited(ring.world.now());
  first.Pump();
  EXPECT_GT(first.counters.Get("presence.environment_not_saved"), 0u);
  first.storage.FailWrites(absl::OkStatus());
  first.Add("carol@example.org");
  first.Pump(absl::Seconds(20));
  Side second(ring, 1, 2);
  std::vector<SecretBytes> keys;
  keys.emplace_back(first.environment.config_key());
  second.Read(std::move(keys));
  EXPECT_EQ(second.environment.Contacts().size(), 2u);
}

TEST(EnvironmentSync, AKeyOfWhichNothingIsStoredIsNoEnvironment) {
  Grown ring;
  Side side(ring, 0, 1);
  const Bytes own = ToBytes(side.environment.config_key());
  std::vector<SecretBytes> keys;
  keys.emplace_back(Bytes(32, 7));
  side.Read(std::move(keys));
  EXPECT_TRUE(side.Had(EnvironmentSync::Report::kRead));
  EXPECT_EQ(ToBytes(side.environment.config_key()), own);
}

}  // namespace
}  // namespace p2pd::presence
