#include "libcore/presence/presence.h"

#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::presence {
namespace {

TEST(Presence, IdentitiesArePluralAndTheFirstIsTheDefault) {
  sim::Neighbourhood here(67, 3);
  sim::PresenceHost& machine = here.AddMachine();
  Presence& presence = machine.presence();
  const Instant now = here.world().now();
  EXPECT_TRUE(absl::IsNotFound(presence.Identity("").status()));
  here.MakePerson(machine, "Zoe@Example.org");  // normalised on the way
  here.MakePerson(machine, "alice@example.org");
  EXPECT_TRUE(absl::IsAlreadyExists(
      presence.CreateIdentity(now, "ZOE@example.org", "", SecretBytes()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      presence.CreateIdentity(now, "no address", "", SecretBytes()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      presence.CreateIdentity(now, "x@example.org", std::string(65, 'x'), SecretBytes()).status()));
  ASSERT_EQ(presence.Identities().size(), 2u);
  EXPECT_EQ(presence.Identity("")->email, "zoe@example.org");
  EXPECT_TRUE(presence.Identities()[0].is_default);
  ASSERT_TRUE(presence.AddContact(now, "alice@example.org", "bob@example.org", "Bob").ok());
  EXPECT_TRUE(presence.Contacts("").empty());
  ASSERT_EQ(presence.Contacts("alice@example.org").size(), 1u);
  EXPECT_EQ(presence.Contacts("alice@example.org")[0].name, "Bob");
  machine.Restart();
  EXPECT_EQ(machine.Identity("").email, "zoe@example.org");
  ASSERT_TRUE(machine.presence().DeleteIdentity(here.world().now(), "").ok());
  EXPECT_EQ(machine.Identity("").email, "alice@example.org");
  EXPECT_TRUE(machine.storage().List("identities/zoe@example.org").empty());
}

TEST(Presence, NobodyIsAContactOfTheirOwn) {
  sim::Neighbourhood here(75, 2);
  sim::PresenceHost& machine = here.AddMachine();
  here.MakePerson(machine, "alice@example.org");
  here.MakePerson(machine, "work@example.org");
  const absl::Status own = machine.AddContact("Alice@Example.org");
  EXPECT_TRUE(absl::IsInvalidArgument(own)) << own;
  EXPECT_NE(own.message().find("alice@example.org is you"), absl::string_view::npos);
  EXPECT_TRUE(machine.presence().Contacts("").empty());
  EXPECT_TRUE(machine.AddContact("work@example.org").ok()) << "another identity is somebody else";
}

TEST(Presence, BothIdentitiesOfOneMachineLogIn) {
  sim::Neighbourhood here(68, 4);
  sim::PresenceHost& machine = here.AddMachine();
  here.MakePerson(machine, "alice@example.org");
  here.MakePerson(machine, "work@example.org");
  ASSERT_TRUE(machine.Login("alice@example.org").status.ok());
  ASSERT_TRUE(machine.Login("work@example.org").status.ok());
  sim::PresenceHost& bob = here.AddPerson("bob@example.org");
  ASSERT_TRUE(bob.AddContact("alice@example.org").ok());
  ASSERT_TRUE(bob.AddContact("work@example.org").ok());
  EXPECT_TRUE(here.Until(absl::Seconds(20), [&] {
    return bob.Sees("alice@example.org") == Availability::kOnline &&
           bob.Sees("work@example.org") == Availability::kOnline;
  }));
  ASSERT_TRUE(machine.Logout("work@example.org").status.ok());
  EXPECT_TRUE(here.Until(absl::Seconds(5),
                         [&] { return bob.Sees("work@example.org") == Availability::kOffline; }));
  EXPECT_EQ(bob.Sees("alice@example.org"), Availability::kOnline);
}

TEST(Presence, AvailabilityIsOneOfThree) {
  sim::Neighbourhood here(69, 3);
  sim::PresenceHost& alice = here.AddPerson("alice@example.org");
  const Instant now = here.world().now();
  EXPECT_TRUE(
      absl::IsInvalidArgument(alice.presence().SetAvailability(now, "", Availability::kOffline)));
  EXPECT_TRUE(
      absl::IsInvalidArgument(alice.presence().SetAvailability(now, "", Availability::kUnknown)));
  ASSERT_TRUE(alice.presence().SetAvailability(now, "", Availability::kBusy).ok());
  alice.Restart();
  EXPECT_EQ(alice.Identity().shown, Availability::kBusy);
}

TEST(Presence, AnExportNeedsAPassphrase) {
  sim::Neighbourhood here(70, 3);
  sim::PresenceHost& alice = here.AddPerson("alice@example.org");
  EXPECT_TRUE(absl::IsInvalidArgument(alice.presence().Export("", SecretBytes()).status()));
  EXPECT_TRUE(absl::IsNotFound(
      alice.presence().Export("x@example.org", SecretBytes(AsBytes("pass"))).status()));
}

}  // namespace
}  // namespace p2pd::presence
