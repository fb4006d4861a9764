// The user environment across machines: a second machine with nothing but the key, weeks later, and
// two machines that write at once.
#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::sim {
namespace {

using presence::Availability;
using presence::IdentityState;

constexpr char kAlice[] = "alice@example.org";
constexpr char kBob[] = "bob@example.org";
constexpr char kCarol[] = "carol@example.org";

bool Knows(PresenceHost& host, absl::string_view email) {
  return host.presence().IsContact("", email);
}

TEST(PresenceEnvironment, ASecondMachineWithTheKeyFindsTheFriends) {
  Neighbourhood here(41);
  PresenceHost& first = here.AddPerson(kAlice);
  ASSERT_TRUE(first.AddContact(kBob).ok());
  ASSERT_TRUE(first.presence().SetSetting(here.world().now(), "", "ringing", "bell").ok());
  first.Kick();
  here.world().RunFor(absl::Seconds(10));
  PresenceHost& second = here.AddDevice(first, kAlice);
  EXPECT_FALSE(Knows(second, kBob));
  ASSERT_TRUE(second.Login().status.ok());
  EXPECT_TRUE(Knows(second, kBob));
  EXPECT_EQ(second.presence().Setting("", "ringing"), "bell");
  EXPECT_NE(second.Identity().device, first.Identity().device);
  // What one of them adds, the other has soon.
  ASSERT_TRUE(second.AddContact(kCarol).ok());
  EXPECT_TRUE(here.Until(absl::Seconds(5), [&] { return Knows(first, kCarol); }));
  ASSERT_TRUE(first.RemoveContact(kBob).ok());
  EXPECT_TRUE(here.Until(absl::Seconds(5), [&] { return !Knows(second, kBob); }));
  EXPECT_TRUE(Knows(second, kCarol));
}

TEST(PresenceEnvironment, AKeyAloneIsEnoughAfterTheOnlyMachineDied) {
  Neighbourhood here(42);
  PresenceHost& first = here.AddPerson(kAlice);
  ASSERT_TRUE(first.AddContact(kBob).ok());
  here.world().RunFor(absl::Seconds(10));
  const auto pem = first.storage().Read("identities/alice@example.org/key.pem");
  ASSERT_TRUE(pem.ok());
  first.Crash();  // no log-out: its state is gone after minutes
  here.world().RunFor(absl::Hours(1));
  PresenceHost& second = here.AddMachine();
  const auto import = second.presence().ImportKey(here.world().now(), kAlice, *pem, SecretBytes());
  ASSERT_TRUE(import.ok()) << import.status();
  ASSERT_TRUE(second.Await(*import).status.ok());
  ASSERT_TRUE(second.Login(kAlice).status.ok());
  EXPECT_TRUE(Knows(second, kBob));
}

TEST(PresenceEnvironment, AnotherKeyIsNotTakenForTheIdentity) {
  Neighbourhood here(43);
  here.AddPerson(kAlice);
  PresenceHost& second = here.AddMachine();
  const auto pem = here.authority.NewKey().ToPem(SecretBytes());
  const auto import =
      second.presence().ImportKey(here.world().now(), kAlice, pem->view(), SecretBytes());
  ASSERT_TRUE(import.ok());
  const presence::OperationDone done = second.Await(*import);
  EXPECT_FALSE(done.status.ok());
  EXPECT_EQ(done.problem, "CERTIFICATE_WRONG_KEY");
  EXPECT_TRUE(second.presence().Identities().empty());
}

TEST(PresenceEnvironment, EditsOfTwoMachinesInTheSameMomentBothSurvive) {
  for (uint64_t seed = 44; seed < 47; ++seed) {
    Neighbourhood here(seed);
    PresenceHost& first = here.AddPerson(kAlice);
    here.world().RunFor(absl::Seconds(5));
    PresenceHost& second = here.AddDevice(first, kAlice);
    ASSERT_TRUE(second.Login().status.ok());
    ASSERT_TRUE(first.presence().AddContact(here.world().now(), "", kBob, "").ok());
    ASSERT_TRUE(second.presence().AddContact(here.world().now(), "", kCarol, "").ok());
    first.Kick();
    second.Kick();
    EXPECT_TRUE(here.Until(absl::Minutes(1),
                           [&] {
                             return Knows(first, kBob) && Knows(first, kCarol) &&
                                    Knows(second, kBob) && Knows(second, kCarol);
                           }))
        << "seed " << seed;
    here.world().RunFor(absl::Seconds(30));
    // And both stand in the store: a third machine has them.
    PresenceHost& third = here.AddDevice(first, kAlice);
    ASSERT_TRUE(third.Login().status.ok());
    EXPECT_TRUE(Knows(third, kBob) && Knows(third, kCarol)) << "seed " << seed;
  }
}

TEST(PresenceEnvironment, MachinesThatWereApartComeTogether) {
  Neighbourhood here(48);
  PresenceHost& first = here.AddPerson(kAlice);
  here.world().RunFor(absl::Seconds(5));
  PresenceHost& second = here.AddDevice(first, kAlice);
  ASSERT_TRUE(second.Login().status.ok());
  here.world().SetPartition({second.at()});
  here.world().RunFor(absl::Seconds(30));
  ASSERT_TRUE(first.AddContact(kBob).ok());
  ASSERT_TRUE(second.AddContact(kCarol).ok());
  here.world().RunFor(absl::Minutes(2));
  here.world().SetPartition({});
  EXPECT_TRUE(here.Until(absl::Minutes(10), [&] {
    return Knows(first, kBob) && Knows(first, kCarol) && Knows(second, kBob) &&
           Knows(second, kCarol);
  }));
}

TEST(PresenceEnvironment, TwoFirstLogInsAtOnceBecomeOneEnvironment) {
  Neighbourhood here(49);
  PresenceHost& first = here.AddMachine();
  here.MakePerson(first, kAlice);
  PresenceHost& second = here.AddDevice(first, kAlice);
  ASSERT_TRUE(first.AddContact(kBob).ok());
  ASSERT_TRUE(second.AddContact(kCarol).ok());
  const auto one = first.presence().Login(here.world().now(), "");
  const auto two = second.presence().Login(here.world().now(), "");
  first.Kick();
  second.Kick();
  ASSERT_TRUE(first.Await(one).status.ok());
  ASSERT_TRUE(second.Await(two).status.ok());
  EXPECT_TRUE(here.Until(absl::Minutes(5), [&] {
    return Knows(first, kBob) && Knows(first, kCarol) && Knows(second, kBob) &&
           Knows(second, kCarol);
  }));
}

// Simulated days cost seconds, and under a sanitizer minutes.
#ifdef __SANITIZE_ADDRESS__
constexpr absl::Duration kAbsence = absl::Hours(24 * 3);
#else
constexpr absl::Duration kAbsence = absl::Hours(24 * 22);
#endif

TEST(PresenceEnvironment, WeeksWithNobodyLoggedInLoseNothing) {
  Neighbourhood here(50, 3);
  PresenceHost& first = here.AddPerson(kAlice);
  ASSERT_TRUE(first.AddContact(kBob).ok());
  here.world().RunFor(absl::Seconds(10));
  const SecretBytes passphrase(AsBytes("a long passphrase"));
  const auto file = first.presence().Export(kAlice, passphrase);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(first.Logout().status.ok());
  first.Crash();
  here.world().RunFor(kAbsence);
  PresenceHost& second = here.AddMachine();
  ASSERT_TRUE(
      second.presence().InstallCertificate(here.world().now(), file->view(), passphrase).ok());
  ASSERT_TRUE(second.Login().status.ok());
  EXPECT_TRUE(Knows(second, kBob));
}

TEST(PresenceEnvironment, AChangeIsOnDiskBeforeItIsAcknowledged) {
  Neighbourhood here(51);
  PresenceHost& first = here.AddPerson(kAlice);
  ASSERT_TRUE(first.presence().AddContact(here.world().now(), "", kBob, "").ok());
  first.Crash();  // before anything was sent
  first.Start();
  EXPECT_TRUE(Knows(first, kBob));
  ASSERT_TRUE(here.Until(absl::Seconds(30),
                         [&] { return first.Identity().state == IdentityState::kLoggedIn; }));
  here.world().RunFor(absl::Seconds(10));
  PresenceHost& second = here.AddDevice(first, kAlice);
  ASSERT_TRUE(second.Login().status.ok());
  EXPECT_TRUE(Knows(second, kBob));
}

}  // namespace
}  // namespace p2pd::sim
