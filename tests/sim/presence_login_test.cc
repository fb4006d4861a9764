// Two people log in and see each other; what happens when they change, leave, die and come back.
#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::sim {
namespace {

using presence::Availability;
using presence::IdentityState;

constexpr char kAlice[] = "alice@example.org";
constexpr char kBob[] = "bob@example.org";

// Alice and Bob know each other and are logged in.
struct Two : Neighbourhood {
  explicit Two(uint64_t seed, const LinkOptions& options = {})
      : Neighbourhood(seed, 12, options), alice(AddPerson(kAlice)), bob(AddPerson(kBob)) {
    P2PD_CHECK(alice.AddContact(kBob).ok());
    P2PD_CHECK(bob.AddContact(kAlice).ok());
  }
  bool See(absl::Duration within = absl::Seconds(20)) {
    return Until(within, [&] {
      return alice.Sees(kBob) == Availability::kOnline && bob.Sees(kAlice) == Availability::kOnline;
    });
  }
  PresenceHost& alice;
  PresenceHost& bob;
};

TEST(PresenceLogin, TwoPeopleSeeEachOther) {
  Two two(1);
  ASSERT_TRUE(two.See());
  EXPECT_EQ(two.alice.Identity().state, IdentityState::kLoggedIn);
  EXPECT_GE(two.alice.Identity().state_replicas, 5);
  // Bob may have called before his certificate was found.
  ASSERT_TRUE(two.Until(absl::Seconds(5), [&] {
    const auto bob = two.alice.Contact(kBob);
    return bob && bob->pinned;
  }));
  const auto bob = two.alice.Contact(kBob);
  EXPECT_TRUE(bob->verified);
  EXPECT_EQ(*bob->pinned, two.bob.Identity().user);
  EXPECT_EQ(bob->devices.size(), 1u);
}

TEST(PresenceLogin, OneSessionServesBothDirections) {
  Two two(2);
  ASSERT_TRUE(two.See());
  two.world().RunFor(absl::Minutes(2));
  // Both dialled at most once each at the beginning, and the spare one was closed for good.
  const uint64_t dials = two.alice.counters().Get("session.dialled");
  static_cast<void>(dials);
  EXPECT_LE(two.alice.counters().Get("presence.spare_session_closed"), 1u);
  EXPECT_LE(two.bob.counters().Get("presence.spare_session_closed"), 1u);
  EXPECT_GT(two.alice.counters().Get("presence.lease_received"), 8u);
  EXPECT_GT(two.bob.counters().Get("presence.lease_received"), 8u);
  EXPECT_EQ(two.alice.Sees(kBob), Availability::kOnline);
}

TEST(PresenceLogin, ResolvingTellsTheJourney) {
  Two two(3);
  const presence::OperationDone done = two.alice.Resolve(kBob);
  ASSERT_TRUE(done.status.ok()) << done.status;
  ASSERT_TRUE(done.resolved.has_value());
  ASSERT_EQ(done.resolved->devices.size(), 1u);
  EXPECT_EQ(done.resolved->devices[0].addresses.at(0), two.bob.at());
  EXPECT_EQ(done.resolved->devices[0].email, kBob);
  ASSERT_EQ(done.resolved->steps.size(), 3u);
  EXPECT_NE(done.resolved->steps[0].detail.find("found at node"), std::string::npos);
  EXPECT_NE(done.resolved->steps[1].detail.find("certified by Test root"), std::string::npos);
  EXPECT_NE(done.resolved->steps[1].detail.find("revocation unknown"), std::string::npos);
  EXPECT_NE(done.resolved->steps[2].detail.find(two.bob.at().ToString()), std::string::npos);
}

TEST(PresenceLogin, ALogoutShowsWithinSeconds) {
  Two two(4);
  ASSERT_TRUE(two.See());
  ASSERT_TRUE(two.bob.Logout().status.ok());
  EXPECT_TRUE(
      two.Until(absl::Seconds(3), [&] { return two.alice.Sees(kBob) == Availability::kOffline; }));
  EXPECT_EQ(two.bob.Identity().state, IdentityState::kLoggedOut);
  ASSERT_TRUE(two.bob.Login().status.ok());
  EXPECT_TRUE(
      two.Until(absl::Seconds(5), [&] { return two.alice.Sees(kBob) == Availability::kOnline; }));
}

TEST(PresenceLogin, AChangeShowsWithinSeconds) {
  Two two(5);
  ASSERT_TRUE(two.See());
  for (const Availability shown :
       {Availability::kBusy, Availability::kAway, Availability::kOnline}) {
    ASSERT_TRUE(two.bob.presence().SetAvailability(two.world().now(), "", shown).ok());
    two.bob.Kick();
    EXPECT_TRUE(two.Until(absl::Seconds(2), [&] { return two.alice.Sees(kBob) == shown; }));
  }
}

TEST(PresenceLogin, AKilledContactShowsOfflineWithinAMinute) {
  for (uint64_t seed = 10; seed < 14; ++seed) {
    Two two(seed);
    ASSERT_TRUE(two.See());
    two.world().RunFor(absl::Seconds(static_cast<int64_t>(17 + seed)));
    const Instant killed = two.world().now();
    two.bob.Crash();
    EXPECT_TRUE(two.Until(absl::Seconds(60),
                          [&] { return two.alice.Sees(kBob) == Availability::kOffline; }))
        << "seed " << seed;
    RecordProperty("offline_after_ms",
                   static_cast<int>((two.world().now() - killed) / absl::Milliseconds(1)));
    // The state still says online for a while; nobody believes it without a proof.
    two.world().RunFor(absl::Minutes(2));
    EXPECT_EQ(two.alice.Sees(kBob), Availability::kOffline);
  }
}

TEST(PresenceLogin, WhoeverComesBackAfterACrashIsSeenAndHasAHigherSequence) {
  Two two(20);
  ASSERT_TRUE(two.See());
  const store::Sequence before = two.bob.Identity().state_sequence;
  const pki::DeviceId device = two.bob.Identity().device;
  two.bob.Crash();
  two.world().RunFor(absl::Minutes(3));
  EXPECT_EQ(two.alice.Sees(kBob), Availability::kOffline);
  two.bob.Restart();
  ASSERT_TRUE(two.Until(absl::Seconds(30), [&] {
    return two.bob.Identity().state == IdentityState::kLoggedIn;
  })) << two.bob.Identity().problem;
  EXPECT_GT(two.bob.Identity().state_sequence, before);
  EXPECT_EQ(two.bob.Identity().device, device);
  EXPECT_TRUE(
      two.Until(absl::Seconds(10), [&] { return two.alice.Sees(kBob) == Availability::kOnline; }));
  EXPECT_TRUE(two.bob.presence().IsContact("", kAlice));
}

TEST(PresenceLogin, AContactWhoGetsACertificateLaterIsSeen) {
  Neighbourhood here(21);
  PresenceHost& alice = here.AddPerson(kAlice);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  here.world().RunFor(absl::Seconds(30));
  EXPECT_EQ(alice.Sees(kBob), Availability::kUnknown);
  EXPECT_EQ(alice.Contact(kBob)->problem, "CERTIFICATE_NOT_FOUND");
  here.AddPerson(kBob);
  EXPECT_TRUE(
      here.Until(absl::Seconds(10), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
  EXPECT_EQ(alice.Contact(kBob)->problem, "");
}

TEST(PresenceLogin, SomebodyWhoIsNoContactOfTheirsIsSeenTooAndGetsNoLeases) {
  Neighbourhood here(22);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  ASSERT_TRUE(
      here.Until(absl::Seconds(20), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
  here.world().RunFor(absl::Minutes(5));
  EXPECT_EQ(alice.Sees(kBob), Availability::kOnline);
  EXPECT_EQ(bob.counters().Get("presence.lease_sent"), 0u);
  bob.Crash();
  EXPECT_TRUE(
      here.Until(absl::Seconds(60), [&] { return alice.Sees(kBob) == Availability::kOffline; }));
}

TEST(PresenceLogin, WhoWantsContactsOnlyIsNotSeenByOthers) {
  Neighbourhood here(23);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  ASSERT_TRUE(bob.presence()
                  .SetSetting(here.world().now(), "", presence::kPresencePolicySetting, "contacts")
                  .ok());
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  here.world().RunFor(absl::Minutes(1));
  EXPECT_EQ(alice.Sees(kBob), Availability::kOffline);
  EXPECT_GT(bob.counters().Get("presence.hello_refused_by_policy"), 0u);
  ASSERT_TRUE(bob.AddContact(kAlice).ok());
  EXPECT_TRUE(
      here.Until(absl::Seconds(20), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
}

TEST(PresenceLogin, GetPresenceAsksTheMachineItself) {
  Two two(24);
  presence::OperationDone done = two.alice.GetPresence(kBob);
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.availability, Availability::kOnline);
  ASSERT_EQ(done.devices.size(), 1u);
  EXPECT_EQ(done.resolved->steps.back().kind, presence::JourneyStep::Kind::kKeysReady);
  two.bob.Crash();
  done = two.alice.GetPresence(kBob);  // the state still says online
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.availability, Availability::kOffline);
  done = two.alice.GetPresence("nobody@example.org");
  EXPECT_TRUE(absl::IsNotFound(done.status));
  EXPECT_EQ(done.problem, "CERTIFICATE_NOT_FOUND");
}

TEST(PresenceLogin, AFarewellLogsOutAndIsTakenBackAtTheNextStart) {
  Two two(25);
  ASSERT_TRUE(two.See());
  two.bob.presence().Farewell(two.world().now());
  two.bob.Kick();
  EXPECT_EQ(two.bob.presence().PendingFarewells(), 1u);
  ASSERT_TRUE(
      two.Until(absl::Seconds(6), [&] { return two.bob.presence().PendingFarewells() == 0; }));
  EXPECT_TRUE(
      two.Until(absl::Seconds(3), [&] { return two.alice.Sees(kBob) == Availability::kOffline; }));
  two.bob.Restart();
  EXPECT_TRUE(
      two.Until(absl::Seconds(30), [&] { return two.alice.Sees(kBob) == Availability::kOnline; }));
}

TEST(PresenceLogin, AMoveToAnotherAddressIsFollowed) {
  Two two(26);
  ASSERT_TRUE(two.See());
  two.bob.MoveTo(two.world().NextEndpoint());
  two.world().RunFor(absl::Minutes(2));
  EXPECT_EQ(two.alice.Sees(kBob), Availability::kOnline);
  for (const PresenceHost::Shown& shown : two.alice.history) {
    EXPECT_NE(shown.availability, Availability::kOffline);
  }
  EXPECT_EQ(two.alice.Resolve(kBob).resolved->devices.at(0).addresses.at(0), two.bob.at());
}

}  // namespace
}  // namespace p2pd::sim
