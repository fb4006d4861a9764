#include "libcore/presence/key_file.h"

#include <gtest/gtest.h>

#include "libcore/pki/authority.h"
#include "libcore/pki/pkcs12.h"
#include "tests/sim/people.h"

namespace p2pd::presence {
namespace {

struct Desk {
  sim::Authority authority{6};
  sim::Person alice = authority.MakePerson("alice@example.org");
  SecretBytes none;
  std::map<pki::CertificateHash, pki::Certificate> roots{
      {authority.root().fingerprint(), authority.root()}};

  absl::StatusOr<KeyFile> Read(absl::string_view file) { return Read(AsBytes(file), none); }
  absl::StatusOr<KeyFile> Read(ByteView file, const SecretBytes& passphrase) {
    return ReadKeyFile(authority.crypto(), file, passphrase);
  }
};

TEST(KeyFile, ReadsPemDerAndPkcs12) {
  Desk desk;
  const std::string leaf = desk.alice.chain.leaf().ToPem();
  const auto key = desk.alice.key.ToPem(desk.none);
  auto file = desk.Read(leaf + desk.authority.root().ToPem());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->certificates.size(), 2u);
  EXPECT_FALSE(file->key);
  file = desk.Read(ToText(key->view()) + leaf);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->key);
  EXPECT_EQ(file->certificates.size(), 1u);
  file = desk.Read(desk.alice.chain.leaf().der(), desk.none);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->certificates.size(), 1u);
  const SecretBytes passphrase(AsBytes("a long passphrase"));
  const auto p12 =
      pki::MakePkcs12(desk.alice.key, desk.alice.chain.certificates(), "alice", passphrase);
  ASSERT_TRUE(p12.ok());
  file = desk.Read(p12->view(), passphrase);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->key->public_key().hash(), desk.alice.user());
  EXPECT_TRUE(absl::IsPermissionDenied(desk.Read(p12->view(), desk.none).status()));
}

TEST(KeyFile, RefusesWhatIsNone) {
  Desk desk;
  EXPECT_FALSE(desk.Read("").ok());
  EXPECT_FALSE(desk.Read("hello").ok());
  EXPECT_FALSE(desk.Read("-----BEGIN NOTHING-----\n-----END NOTHING-----\n").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(desk.Read(std::string(kMaxKeyFile + 1, 'x')).status()));
  const auto locked = desk.alice.key.ToPem(SecretBytes(AsBytes("secret")));
  EXPECT_TRUE(absl::IsPermissionDenied(desk.Read(locked->view(), desk.none).status()));
  EXPECT_TRUE(
      absl::IsPermissionDenied(desk.Read(locked->view(), SecretBytes(AsBytes("wrong"))).status()));
}

TEST(CompleteChain, FindsTheRootInTheFileOrAmongTheTrusted) {
  Desk desk;
  const absl::Time now = desk.authority.now();
  const pki::Certificate leaf = desk.alice.chain.leaf();
  auto chain = CompleteChain(desk.alice.user(), {leaf}, desk.roots, now);
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_EQ(chain->root().fingerprint(), desk.authority.root().fingerprint());
  chain = CompleteChain(desk.alice.user(), {desk.authority.root(), leaf}, {}, now);
  EXPECT_TRUE(chain.ok()) << chain.status();
  EXPECT_TRUE(absl::IsInvalidArgument(CompleteChain(desk.alice.user(), {leaf}, {}, now).status()));
  const sim::Person bob = desk.authority.MakePerson("bob@example.org");
  EXPECT_TRUE(absl::IsNotFound(CompleteChain(bob.user(), {leaf}, desk.roots, now).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      CompleteChain(desk.alice.user(), {leaf}, desk.roots, now + absl::Hours(24 * 400)).status()));
}

TEST(CompleteChain, IsNotLedAstrayByAnotherAuthorityOfTheSameName) {
  Desk desk;
  sim::Authority twin(77);  // "Test root", another key
  const std::map<pki::CertificateHash, pki::Certificate> roots{
      {twin.root().fingerprint(), twin.root()},
      {desk.authority.root().fingerprint(), desk.authority.root()}};
  const auto chain = CompleteChain(desk.alice.user(), {twin.root(), desk.alice.chain.leaf()}, roots,
                                   desk.authority.now());
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_EQ(chain->root().fingerprint(), desk.authority.root().fingerprint());
}

}  // namespace
}  // namespace p2pd::presence
