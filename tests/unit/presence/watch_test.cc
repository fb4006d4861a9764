#include "libcore/presence/watch.h"

#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::presence {
namespace {

constexpr char kAlice[] = "alice@example.org";
constexpr char kBob[] = "bob@example.org";

TEST(Watch, ALostNotificationIsMadeUpForByTheSweep) {
  sim::Neighbourhood here(61, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  sim::PresenceHost& bob = here.AddPerson(kBob);
  ASSERT_TRUE(bob.Logout().status.ok());
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  here.world().RunFor(absl::Seconds(30));
  EXPECT_EQ(alice.Sees(kBob), Availability::kOffline);
  // Whatever the replicas would have told Alice is lost with her subscriptions.
  const store::Key place = store::UserKeyPlace(bob.Identity().chain->leaf().public_key().spki());
  alice.store().Unsubscribe(place, wire::v1::OBJECT_KIND_USER_STATE);
  alice.Kick();
  here.world().RunFor(absl::Seconds(5));
  ASSERT_TRUE(bob.Login().status.ok());
  EXPECT_TRUE(
      here.Until(absl::Minutes(16), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
}

TEST(Watch, NothingIsKnownWhileLoggedOut) {
  sim::Neighbourhood here(62, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  here.AddPerson(kBob);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  ASSERT_TRUE(
      here.Until(absl::Seconds(20), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
  ASSERT_TRUE(alice.Logout().status.ok());
  EXPECT_EQ(alice.Sees(kBob), Availability::kUnknown);
  EXPECT_FALSE(alice.Contact(kBob)->verified);
  EXPECT_NE(alice.Contact(kBob)->last_seen, absl::InfinitePast());
}

TEST(Watch, WhoCannotBeReachedIsTriedEverMoreRarely) {
  sim::Neighbourhood here(63, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  sim::PresenceHost& bob = here.AddPerson(kBob);
  here.world().BreakPair(alice.at(), bob.at());  // Bob lives, and his state says so
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  uint64_t hellos = 0;
  here.world().SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
    const bool session = transmit.datagram[0] >= 200 && transmit.datagram[0] <= 207;
    if (from == alice.at() && transmit.to == bob.at() && session) ++hellos;
    return true;
  });
  here.world().RunFor(absl::Hours(1));
  EXPECT_EQ(alice.Sees(kBob), Availability::kOffline);
  EXPECT_GT(hellos, 0u);
  EXPECT_LT(hellos, 1200u);  // one dial at each of his states, some between
  here.world().HealPair(alice.at(), bob.at());
  EXPECT_TRUE(
      here.Until(absl::Minutes(4), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
}

}  // namespace
}  // namespace p2pd::presence
