#include "libcore/presence/identity.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/pki/authority.h"
#include "tests/sim/people.h"

namespace p2pd::presence {
namespace {

constexpr char kAlice[] = "alice@example.org";

struct Desk {
  sim::Authority authority{5};
  MemoryStorage storage;
  SeededRng rng{9};
  SecretBytes none;

  absl::StatusOr<std::unique_ptr<OwnIdentity>> Make(absl::string_view email,
                                                    const SecretBytes& passphrase) {
    return OwnIdentity::Make(
        storage,
        OwnIdentity::Making{std::string(email), "Alice", 1, authority.NewKey(), std::nullopt},
        passphrase);
  }
  absl::StatusOr<std::unique_ptr<OwnIdentity>> Load(absl::string_view email) {
    return OwnIdentity::Load(storage, authority.crypto(), BlobNameOf(email));
  }
  // Certified by what its CSR says.
  pki::CertificateChain Certify(const OwnIdentity& identity) {
    const auto csr = pki::ParseCsr(AsBytes(identity.csr_pem()));
    P2PD_CHECK(csr.ok());
    const auto certificate = pki::IssueCertificate(
        authority.key(), authority.root(), *csr,
        {authority.now() - absl::Hours(1), authority.now() + absl::Hours(24 * 365)});
    return *pki::CertificateChain::Make({*certificate, authority.root()});
  }
};

TEST(BlobName, IsSafeAndDifferentForDifferentAddresses) {
  EXPECT_EQ(BlobNameOf(kAlice), kAlice);
  std::set<std::string> names;
  const std::string addresses[] = {kAlice,
                                   "a+b@example.org",
                                   "a_b@example.org",
                                   ".hidden@example.org",
                                   "x-0000000000000000000000000000000000@example.org",
                                   "müller@example.org",
                                   "a/b@example.org",
                                   "../x@example.org",
                                   "odd@example.new",
                                   std::string(240, 'a') + "@example.org"};
  for (const std::string& email : addresses) {
    const std::string name = BlobNameOf(email);
    EXPECT_TRUE(Storage::ValidName(absl::StrCat("identities/", name, "/key.pem"))) << name;
    EXPECT_EQ(name.find('/'), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(OwnIdentity, IsMadeWithARequestThatAnAuthorityCanRead) {
  Desk desk;
  const auto made = desk.Make(kAlice, desk.none);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto csr = pki::ParseCsr(AsBytes((*made)->csr_pem()));
  ASSERT_TRUE(csr.ok()) << csr.status();
  EXPECT_EQ(csr->email, kAlice);
  EXPECT_EQ(csr->name, "Alice");
  EXPECT_EQ(csr->public_key.hash(), (*made)->public_key().hash());
  const auto loaded = desk.Load(kAlice);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->csr_pem(), (*made)->csr_pem());
  EXPECT_FALSE((*loaded)->chain());
  EXPECT_TRUE((*loaded)->key());
  EXPECT_EQ(OwnIdentity::ListFolders(desk.storage), std::vector<std::string>{kAlice});
}

TEST(OwnIdentity, NothingIsLeftWhenTheDiskIsFull) {
  Desk desk;
  desk.storage.FailWrites(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(desk.Make(kAlice, desk.none).ok());
  desk.storage.FailWrites(absl::OkStatus());
  EXPECT_TRUE(desk.storage.List("").empty());
}

TEST(OwnIdentity, WhatCouldNotBeLoadedIsNotWrittenOver) {
  Desk desk;
  ASSERT_TRUE(desk.Make(kAlice, desk.none).ok());
  const std::string folder = absl::StrCat("identities/", kAlice);
  const Bytes key = *desk.storage.Read(absl::StrCat(folder, "/key.pem"));
  ASSERT_TRUE(desk.storage.Write(absl::StrCat(folder, "/identity"), {}, FileMode::kSecret).ok());
  ASSERT_FALSE(desk.Load(kAlice).ok());

  const absl::Status refused = desk.Make(kAlice, desk.none).status();

  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_NE(refused.message().find(folder), absl::string_view::npos) << refused;
  EXPECT_NE(refused.message().find("move it away"), absl::string_view::npos) << refused;
  EXPECT_EQ(*desk.storage.Read(absl::StrCat(folder, "/key.pem")), key);
  // The key alone is enough to refuse.
  ASSERT_TRUE(desk.storage.Remove(absl::StrCat(folder, "/identity")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(desk.Make(kAlice, desk.none).status()));
  EXPECT_EQ(*desk.storage.Read(absl::StrCat(folder, "/key.pem")), key);
}

TEST(OwnIdentity, TakesOnlyACertificateOfItsKeyAndAddress) {
  Desk desk;
  auto made = desk.Make(kAlice, desk.none);
  ASSERT_TRUE(made.ok());
  OwnIdentity& alice = **made;
  const absl::Time now = desk.authority.now();
  const sim::Person other = desk.authority.MakePerson(kAlice);
  EXPECT_TRUE(absl::IsFailedPrecondition(alice.Install(desk.storage, other.chain, now)));
  const auto wrong = desk.authority.Certify("bob@example.org", *alice.key());
  const absl::Status status = alice.Install(desk.storage, wrong, now);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("WRONG_EMAIL"), absl::string_view::npos);
  const auto right = desk.Certify(alice);
  EXPECT_FALSE(alice.Install(desk.storage, right, now + absl::Hours(24 * 400)).ok());  // expired
  EXPECT_FALSE(alice.chain());
  ASSERT_TRUE(alice.Install(desk.storage, right, now).ok());
  const auto loaded = desk.Load(kAlice);
  ASSERT_TRUE((*loaded)->chain());
  EXPECT_TRUE((*loaded)->csr_pem().empty());
}

TEST(OwnIdentity, APassphraseLocksTheKeyAndNotTheDevice) {
  Desk desk;
  const SecretBytes passphrase(AsBytes("correct horse"));
  auto made = desk.Make(kAlice, passphrase);
  ASSERT_TRUE(made.ok());
  const absl::Time now = desk.authority.now();
  ASSERT_TRUE((*made)->Install(desk.storage, desk.Certify(**made), now).ok());
  ASSERT_TRUE((*made)->PrepareDevice(desk.storage, desk.rng, "box", now).ok());
  const pki::DeviceId device = (*made)->device_keys().id;

  auto loaded = desk.Load(kAlice);
  ASSERT_TRUE(loaded.ok());
  OwnIdentity& locked = **loaded;
  EXPECT_FALSE(locked.key());
  EXPECT_EQ(locked.public_key().hash(), (*made)->public_key().hash());
  ASSERT_TRUE(locked.PrepareDevice(desk.storage, desk.rng, "box", now).ok());
  EXPECT_EQ(locked.device_keys().id, device);
  EXPECT_EQ(locked.authentication().kind(), wire::v1::OBJECT_KIND_AUTHENTICATION);
  EXPECT_TRUE(absl::IsFailedPrecondition(locked.Export(passphrase).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(
      locked.Unlock(desk.storage, desk.authority.crypto(), SecretBytes(AsBytes("wrong")))));
  ASSERT_TRUE(locked.Unlock(desk.storage, desk.authority.crypto(), passphrase).ok());
  EXPECT_TRUE(locked.key());
  // Once the certificate of the device has ended, the key is needed.
  auto later = desk.Load(kAlice);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      (*later)->PrepareDevice(desk.storage, desk.rng, "box", now + absl::Hours(24 * 366))));
}

TEST(OwnIdentity, ANewCertificateMakesANewAuthenticationAndKeepsTheDevice) {
  Desk desk;
  auto made = desk.Make(kAlice, desk.none);
  const absl::Time now = desk.authority.now();
  ASSERT_TRUE((*made)->Install(desk.storage, desk.Certify(**made), now).ok());
  ASSERT_TRUE((*made)->PrepareDevice(desk.storage, desk.rng, "box", now).ok());
  const auto before = (*made)->authentication().digest();
  const pki::DeviceId device = (*made)->device_keys().id;
  ASSERT_TRUE(
      (*made)->Install(desk.storage, desk.authority.Certify(kAlice, *(*made)->key()), now).ok());
  ASSERT_TRUE((*made)->PrepareDevice(desk.storage, desk.rng, "box", now).ok());
  EXPECT_NE((*made)->authentication().digest(), before);
  EXPECT_EQ((*made)->device_keys().id, device);
}

TEST(OwnIdentity, NoSequenceIsEverUsedTwice) {
  Desk desk;
  auto made = desk.Make(kAlice, desk.none);
  store::Sequence last;
  for (int i = 0; i < 600; ++i) {
    const auto next = (*made)->NextSequence(desk.storage, store::Sequence());
    ASSERT_TRUE(next.ok());
    ASSERT_GT(*next, last);
    last = *next;
    if (i % 97 == 0) made = desk.Load(kAlice);  // a crash
    ASSERT_TRUE(made.ok());
  }
  const auto above = (*made)->NextSequence(desk.storage, store::Sequence(1'000'000));
  EXPECT_EQ(above->value(), 1'000'001u);
  desk.storage.FailWrites(absl::ResourceExhaustedError("full"));
  made = desk.Load(kAlice);
  EXPECT_FALSE((*made)->NextSequence(desk.storage, store::Sequence()).ok());
}

TEST(OwnIdentity, TheLogInIsRemembered) {
  Desk desk;
  auto made = desk.Make(kAlice, desk.none);
  EXPECT_FALSE((*made)->logged_in());
  ASSERT_TRUE((*made)->SetLogin(desk.storage, true, wire::v1::UserStateBody::FLAG_AWAY).ok());
  made = desk.Load(kAlice);
  EXPECT_TRUE((*made)->logged_in());
  EXPECT_EQ((*made)->shown(), wire::v1::UserStateBody::FLAG_AWAY);
}

TEST(OwnIdentity, ExportAndRemoval) {
  Desk desk;
  auto made = desk.Make(kAlice, desk.none);
  const SecretBytes passphrase(AsBytes("a long passphrase"));
  EXPECT_TRUE(absl::IsFailedPrecondition((*made)->Export(passphrase).status()));
  ASSERT_TRUE((*made)->Install(desk.storage, desk.Certify(**made), desk.authority.now()).ok());
  EXPECT_TRUE((*made)->Export(passphrase).ok());
  // Set aside at a start, and as secret as what replaced it.
  ASSERT_TRUE(
      desk.storage.Write((*made)->BlobName("environment.damaged"), AsBytes("x"), FileMode::kSecret)
          .ok());
  ASSERT_TRUE((*made)->Remove(desk.storage).ok());
  EXPECT_TRUE(desk.storage.List("").empty());
}

TEST(OwnIdentity, DamageIsNamed) {
  Desk desk;
  ASSERT_TRUE(desk.Make(kAlice, desk.none).ok());
  const std::string folder = absl::StrCat("identities/", kAlice, "/");
  const Bytes good = *desk.storage.Read(folder + "identity");
  ASSERT_TRUE(desk.storage.Write(folder + "identity", AsBytes("\xff"), FileMode::kSecret).ok());
  const absl::Status rubbish = desk.Load(kAlice).status();
  EXPECT_TRUE(absl::IsDataLoss(rubbish));
  EXPECT_NE(rubbish.message().find(folder + "identity is damaged; restore"), std::string::npos);
  // Somebody else's files under this name.
  ASSERT_TRUE(
      desk.storage.Write("identities/bob@example.org/identity", good, FileMode::kSecret).ok());
  EXPECT_TRUE(absl::IsDataLoss(desk.Load("bob@example.org").status()));
  ASSERT_TRUE(desk.storage.Write(folder + "identity", good, FileMode::kSecret).ok());
  const auto key = desk.authority.NewKey().ToPem(desk.none);
  ASSERT_TRUE(desk.storage.Write(folder + "key.pem", key->view(), FileMode::kSecret).ok());
  const absl::Status status = desk.Load(kAlice).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("key.pem"), absl::string_view::npos);
  ASSERT_TRUE(desk.storage.Remove(folder + "key.pem").ok());
  EXPECT_TRUE(absl::IsDataLoss(desk.Load(kAlice).status()));
}

}  // namespace
}  // namespace p2pd::presence
