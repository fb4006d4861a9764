#include "libcore/presence/publisher.h"

#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::presence {
namespace {

constexpr char kAlice[] = "alice@example.org";

store::Key PlaceOf(sim::PresenceHost& host) {
  return store::UserKeyPlace(host.Identity().chain->leaf().public_key().spki());
}

TEST(Publisher, ALogInWritesStateAuthenticationEnvironmentAndAnchor) {
  sim::Neighbourhood here(56, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  here.world().RunFor(absl::Seconds(10));
  sim::StoreHost& reader = *here.ring.hosts[0];
  const store::GetDone place = reader.Get(PlaceOf(alice));
  ASSERT_TRUE(place.status.ok()) << place.status;
  ASSERT_EQ(place.objects.size(), 2u);
  int online = 0;
  for (const store::Object& object : place.objects) {
    const wire::v1::UserStateBody& body = object.user_state();
    EXPECT_FALSE(body.sealed_config_key().empty());
    if (body.flag() != wire::v1::UserStateBody::FLAG_ONLINE) continue;
    ++online;
    ASSERT_EQ(body.addresses_size(), 1);
    EXPECT_EQ(net::Endpoint::FromBytes(AsBytes(body.addresses(0))), alice.at());
    EXPECT_LE(object.expires(), here.world().wall_now() + absl::Minutes(10));
    EXPECT_EQ(body.node_record(), ToText(alice.node().self().bytes()));
  }
  EXPECT_EQ(online, 1);
  EXPECT_TRUE(reader.Get(store::AuthenticationKey(kAlice)).status.ok());
  EXPECT_EQ(alice.counters().Get("presence.environment_stored"), 1u);
}

TEST(Publisher, TheStateIsFreshAtAnyTimeAndGoneSoonAfterACrash) {
  sim::Neighbourhood here(57, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  const store::Key place = PlaceOf(alice);
  const pki::DeviceId device = alice.Identity().device;
  sim::StoreHost& reader = *here.ring.hosts[0];
  const auto online = [&] {
    for (const store::Object& object : reader.Get(place).objects) {
      if (object.kind() == wire::v1::OBJECT_KIND_USER_STATE && object.device().id == device) {
        return true;
      }
    }
    return false;
  };
  store::Sequence last;
  for (int i = 0; i < 8; ++i) {
    here.world().RunFor(absl::Minutes(2));
    ASSERT_TRUE(online());
    ASSERT_GE(alice.Identity().state_sequence, last);
    last = alice.Identity().state_sequence;
  }
  EXPECT_GE(last.value(), 4u);
  alice.Crash();
  here.world().RunFor(absl::Minutes(11));
  EXPECT_FALSE(online());
}

TEST(Publisher, ALogOutLeavesAnOfflineStateForNinetyDays) {
  sim::Neighbourhood here(58, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  const store::Key place = PlaceOf(alice);
  const pki::DeviceId device = alice.Identity().device;
  ASSERT_TRUE(alice.Logout().status.ok());
  bool found = false;
  for (const store::Object& object : here.ring.hosts[0]->Get(place).objects) {
    if (object.device().id != device) continue;
    found = true;
    EXPECT_EQ(object.user_state().flag(), wire::v1::UserStateBody::FLAG_OFFLINE);
    EXPECT_EQ(object.user_state().addresses_size(), 0);
    EXPECT_GT(object.expires(), here.world().wall_now() + absl::Hours(24 * 89));
  }
  EXPECT_TRUE(found);
  alice.Restart();
  here.world().RunFor(absl::Minutes(1));
  EXPECT_EQ(alice.Identity().state, IdentityState::kLoggedOut);  // it was meant to last
}

TEST(Publisher, AnExpiredCertificateIsRefusedAtTheDoor) {
  sim::Neighbourhood here(59, 4);
  sim::PresenceHost& alice = here.AddMachine();
  const auto csr = alice.presence().CreateIdentity(here.world().now(), kAlice, "", SecretBytes());
  ASSERT_TRUE(csr.ok());
  ASSERT_TRUE(alice.presence()
                  .InstallCertificate(here.world().now(),
                                      AsBytes(here.Certify(*csr, absl::Minutes(5))), SecretBytes())
                  .ok());
  here.world().RunFor(absl::Minutes(6));
  const OperationDone done = alice.Login();
  EXPECT_TRUE(absl::IsFailedPrecondition(done.status));
  EXPECT_EQ(done.problem, "EXPIRED");
}

TEST(Publisher, ACertificateThatExpiresEndsTheLogIn) {
  for (const bool asked : {true, false}) {
    sim::Neighbourhood here(63, 4);
    sim::PresenceHost& alice = here.AddMachine();
    here.MakePerson(alice, kAlice, absl::Minutes(5));
    ASSERT_TRUE(alice.Login().status.ok());
    ASSERT_EQ(alice.Identity().state, IdentityState::kLoggedIn);
    here.world().RunFor(asked ? absl::Minutes(5) : absl::Minutes(8));
    if (asked) {
      const OperationDone done = alice.Login();
      EXPECT_TRUE(absl::IsFailedPrecondition(done.status)) << done.status;
      EXPECT_EQ(done.problem, "EXPIRED");
      here.world().RunFor(absl::Seconds(6));
    }
    EXPECT_EQ(alice.Identity().state, IdentityState::kLoggedOut);
    EXPECT_FALSE(alice.Identity().problem.empty());
  }
}

TEST(Publisher, ALogOutThatTheDiskDoesNotTakeIsAnErrorAndIsMadeUpFor) {
  sim::Neighbourhood here(61, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  alice.storage().FailWrites(absl::ResourceExhaustedError("cannot write state: disk full"));
  const OperationDone done = alice.Logout();
  EXPECT_TRUE(absl::IsResourceExhausted(done.status)) << done.status;
  EXPECT_NE(done.status.message().find("next start logs in again"), absl::string_view::npos);
  here.world().RunFor(absl::Seconds(10));
  EXPECT_EQ(alice.Identity().state, IdentityState::kLoggedOut);
  alice.storage().FailWrites(absl::OkStatus());
  EXPECT_TRUE(alice.Logout().status.ok());
  alice.Restart();
  here.world().RunFor(absl::Minutes(1));
  EXPECT_EQ(alice.Identity().state, IdentityState::kLoggedOut);
}

TEST(Publisher, ALogInAfterARestartOnAFullDiskSaysSo) {
  sim::Neighbourhood here(62, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  alice.Crash();
  alice.storage().FailWrites(absl::ResourceExhaustedError("cannot write state: disk full"));
  alice.Restart();
  here.world().RunFor(absl::Minutes(1));
  for (int i = 0; i < 2; ++i) {  // who asks again is answered again
    const OperationDone done = alice.Login();
    EXPECT_TRUE(absl::IsResourceExhausted(done.status)) << done.status;
    EXPECT_EQ(done.status.message(), "cannot write state: disk full");
  }
  alice.storage().FailWrites(absl::OkStatus());
  EXPECT_TRUE(alice.Login().status.ok());
}

TEST(Publisher, LoggingInTwiceIsNoError) {
  sim::Neighbourhood here(60, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  const store::Sequence before = alice.Identity().state_sequence;
  EXPECT_TRUE(alice.Login().status.ok());
  EXPECT_EQ(alice.Identity().state_sequence, before);
  EXPECT_TRUE(alice.Logout().status.ok());
  EXPECT_TRUE(alice.Logout().status.ok());
}

}  // namespace
}  // namespace p2pd::presence
