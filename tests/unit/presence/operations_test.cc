#include "libcore/presence/operations.h"

#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::presence {
namespace {

constexpr char kAlice[] = "alice@example.org";

TEST(Operations, EachFailureHasAName) {
  sim::Neighbourhood here(64, 4);
  sim::PresenceHost& machine = here.AddMachine();
  const Instant now = here.world().now();
  Presence& presence = machine.presence();
  const auto problem = [&](OperationId id) { return machine.Await(id).problem; };
  EXPECT_EQ(problem(presence.Login(now, "")), "IDENTITY_UNKNOWN");
  EXPECT_EQ(problem(presence.Logout(now, kAlice)), "IDENTITY_UNKNOWN");
  EXPECT_EQ(problem(presence.Resolve(now, "", kAlice)), "IDENTITY_UNKNOWN");
  EXPECT_EQ(problem(presence.ListDevices(now, "")), "IDENTITY_UNKNOWN");
  EXPECT_EQ(problem(presence.RevokeDevice(now, "", pki::DeviceId())), "IDENTITY_UNKNOWN");
  const auto csr = presence.CreateIdentity(now, kAlice, "", SecretBytes());
  ASSERT_TRUE(csr.ok());
  EXPECT_EQ(problem(presence.ListDevices(now, "")), "IDENTITY_WITHOUT_CERTIFICATE");
  EXPECT_EQ(problem(presence.Resolve(now, "", "no address")), "EMAIL_INVALID");
  EXPECT_EQ(problem(presence.GetPresence(now, "", "bob@example.org")), "NOT_LOGGED_IN");
}

TEST(Operations, ResolveIsBounded) {
  sim::Neighbourhood here(65, 2);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  OperationId last;
  for (size_t i = 0; i <= Operations::kMaxOperations; ++i) {
    last = alice.presence().Resolve(here.world().now(), "", "bob@example.org");
  }
  const OperationDone done = alice.Await(last);
  EXPECT_TRUE(absl::IsResourceExhausted(done.status));
  EXPECT_EQ(done.problem, "TOO_MANY");
}

TEST(Operations, PresenceOfSomebodyWhoLoggedOutIsAnAnswer) {
  sim::Neighbourhood here(66, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  sim::PresenceHost& bob = here.AddPerson("bob@example.org");
  ASSERT_TRUE(bob.Logout().status.ok());
  const OperationDone done = alice.GetPresence("bob@example.org");
  EXPECT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.availability, Availability::kOffline);
  EXPECT_TRUE(absl::IsUnavailable(alice.Resolve("bob@example.org").status));
}

}  // namespace
}  // namespace p2pd::presence
