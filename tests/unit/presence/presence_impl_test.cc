#include "libcore/presence/presence_impl.h"

#include <gtest/gtest.h>

#include "tests/sim/presence_host.h"

namespace p2pd::presence {
namespace {

constexpr char kAlice[] = "alice@example.org";

TEST(PresenceImpl, ACertificateFindsItsIdentityByTheKey) {
  sim::Neighbourhood here(71, 3);
  sim::PresenceHost& machine = here.AddMachine();
  Presence& presence = machine.presence();
  const Instant now = here.world().now();
  const auto csr = presence.CreateIdentity(now, kAlice, "Alice", SecretBytes());
  ASSERT_TRUE(csr.ok());
  const sim::Person stranger = here.authority.MakePerson("bob@example.org");
  EXPECT_TRUE(absl::IsNotFound(
      presence.InstallCertificate(now, stranger.chain.leaf().der(), SecretBytes()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      presence.InstallCertificate(now, AsBytes("junk"), SecretBytes()).status()));
  // The leaf alone: the chain ends at a root that is trusted here.
  const std::string both = here.Certify(*csr);
  const auto leaf = pki::Certificate::FromPem(AsBytes(both));
  const auto info = presence.InstallCertificate(now, leaf->der(), SecretBytes());
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->state, IdentityState::kLoggedOut);
  EXPECT_EQ(info->chain->certificates().size(), 2u);
  EXPECT_TRUE(info->csr_pem.empty());
}

TEST(PresenceImpl, AnImportIsStoredUnderThePassphraseThatWasGiven) {
  sim::Neighbourhood here(72, 3);
  sim::PresenceHost& machine = here.AddMachine();
  const sim::Person alice = here.authority.MakePerson(kAlice);
  const SecretBytes storage_passphrase(AsBytes("for this disk"));
  const auto key = alice.key.ToPem(SecretBytes());
  const std::string file = ToText(key->view()) + alice.chain.leaf().ToPem();
  const auto info = machine.presence().InstallCertificate(here.world().now(), AsBytes(file),
                                                          SecretBytes(), storage_passphrase);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->has_passphrase);
  const auto stored = machine.storage().Read("identities/alice@example.org/key.pem");
  EXPECT_NE(AsText(*stored).find("ENCRYPTED"), absl::string_view::npos);
  // Another key for the address is no identity of ours.
  const sim::Person other = here.authority.MakePerson(kAlice);
  const auto other_key = other.key.ToPem(SecretBytes());
  const std::string other_file = ToText(other_key->view()) + other.chain.leaf().ToPem();
  EXPECT_TRUE(absl::IsAlreadyExists(
      machine.presence()
          .InstallCertificate(here.world().now(), AsBytes(other_file), SecretBytes())
          .status()));
}

TEST(PresenceImpl, AnImportForAnotherAddressIsRefused) {
  sim::Neighbourhood here(75, 2);
  sim::PresenceHost& machine = here.AddMachine();
  const sim::Person alice = here.authority.MakePerson(kAlice);
  const auto key = alice.key.ToPem(SecretBytes());
  const std::string file = ToText(key->view()) + alice.chain.leaf().ToPem();
  const auto import = [&](absl::string_view email) {
    return machine.presence()
        .InstallCertificate(here.world().now(), AsBytes(file), SecretBytes(), SecretBytes(), email)
        .status();
  };
  for (int i = 0; i < 2; ++i) {  // a new one, and one that is here already
    const absl::Status refused = import("zz@example.org");
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_EQ(refused.message(),
              "the certificate is for the e-mail address alice@example.org, not for "
              "zz@example.org");
    EXPECT_EQ(machine.presence().Identities().size(), static_cast<size_t>(i));
    EXPECT_TRUE(import("Alice@example.org").ok());
  }
}

TEST(PresenceImpl, ThereIsALimitOfIdentities) {
  sim::Neighbourhood here(73, 2);
  sim::PresenceHost& machine = here.AddMachine();
  for (size_t i = 0; i < kMaxIdentities; ++i) {
    ASSERT_TRUE(machine.presence()
                    .CreateIdentity(here.world().now(), absl::StrCat("p", i, "@example.org"), "",
                                    SecretBytes())
                    .ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(
      machine.presence()
          .CreateIdentity(here.world().now(), "one.more@example.org", "", SecretBytes())
          .status()));
}

TEST(PresenceImpl, TheMarksOfOthersReachTheDisk) {
  sim::Neighbourhood here(74, 4);
  sim::PresenceHost& alice = here.AddPerson(kAlice);
  sim::PresenceHost& bob = here.AddPerson("bob@example.org");
  ASSERT_TRUE(alice.Resolve("bob@example.org").status.ok());
  here.world().RunFor(absl::Seconds(20));
  Seen seen;
  ASSERT_TRUE(seen.Load(alice.storage()).ok());
  EXPECT_GT(seen.OfDevice(bob.Identity().user, bob.Identity().device).value(), 0u);
}

}  // namespace
}  // namespace p2pd::presence
