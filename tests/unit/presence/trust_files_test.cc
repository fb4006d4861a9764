#include "libcore/presence/trust_files.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"
#include "libcore/presence/limits.h"
#include "tests/sim/people.h"

namespace p2pd::presence {
namespace {

TEST(TrustFiles, RootsAndListsComeBack) {
  sim::Authority authority(8);
  MemoryStorage storage;
  pki::TrustStore trust;
  ASSERT_TRUE(AddTrustRoot(storage, trust, AsBytes(authority.root().ToPem())).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(AddTrustRoot(storage, trust, authority.root().der())));
  const sim::Person alice = authority.MakePerson("alice@example.org");
  const pki::Crl crl = authority.Revoke({alice.chain.leaf()}, 5);
  ASSERT_TRUE(AddTrustedCrl(storage, trust, authority.root(), crl).ok());
  EXPECT_FALSE(AddTrustedCrl(storage, trust, authority.root(), authority.Revoke({}, 4)).ok());
  pki::TrustStore again;
  EXPECT_TRUE(LoadTrust(storage, again).empty());
  EXPECT_EQ(again.Verify(alice.chain, authority.now(), {}).fault, pki::ChainFault::kRevoked);
  ASSERT_TRUE(RemoveTrustRoot(storage, again, authority.root().fingerprint()).ok());
  EXPECT_TRUE(absl::IsNotFound(RemoveTrustRoot(storage, again, authority.root().fingerprint())));
  pki::TrustStore last;
  LoadTrust(storage, last);
  EXPECT_TRUE(last.roots().empty());
}

TEST(TrustFiles, NothingIsTrustedThatIsNotOnDisk) {
  sim::Authority authority(8);
  MemoryStorage storage;
  pki::TrustStore trust;
  storage.FailWrites(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(AddTrustRoot(storage, trust, authority.root().der()).ok());
  EXPECT_TRUE(trust.roots().empty());
}

TEST(TrustFiles, OneDamagedFileIsNamedAndTheOthersCount) {
  sim::Authority authority(8);
  sim::Authority other(9);
  MemoryStorage storage;
  pki::TrustStore trust;
  ASSERT_TRUE(AddTrustRoot(storage, trust, authority.root().der()).ok());
  ASSERT_TRUE(AddTrustRoot(storage, trust, other.root().der()).ok());
  const std::string blob = storage.List("trust/roots/").front();
  // Somebody else's certificate under this name.
  const bool first = blob.find(Hex(authority.root().fingerprint().view())) != std::string::npos;
  const std::string foreign = first ? other.root().ToPem() : authority.root().ToPem();
  ASSERT_TRUE(storage.Write(blob, AsBytes(foreign), FileMode::kPublic).ok());
  ASSERT_TRUE(storage.Write("trust/crls/00", AsBytes("junk"), FileMode::kPublic).ok());
  pki::TrustStore again;
  const std::vector<std::string> problems = LoadTrust(storage, again);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_NE(problems[0].find(blob), std::string::npos);
  EXPECT_NE(problems[1].find("trust/crls/00"), std::string::npos);
  EXPECT_EQ(again.roots().size(), 1u);
}

TEST(TrustFiles, AUsersCertificateIsNoRootAndThereIsALimit) {
  sim::Authority authority(8);
  MemoryStorage storage;
  pki::TrustStore trust;
  const sim::Person alice = authority.MakePerson("alice@example.org");
  EXPECT_TRUE(absl::IsInvalidArgument(AddTrustRoot(storage, trust, alice.chain.leaf().der())));
  EXPECT_FALSE(AddTrustRoot(storage, trust, AsBytes("junk")).ok());
  for (uint64_t i = 0; i < kMaxRoots; ++i) {
    ASSERT_TRUE(AddTrustRoot(storage, trust, sim::Authority(100 + i).root().der()).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(AddTrustRoot(storage, trust, authority.root().der())));
}

}  // namespace
}  // namespace p2pd::presence
