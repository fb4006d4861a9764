#include "clients/cli/ca/authority_folder.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libcore/base/file.h"
#include "libcore/base/hex.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/chain.h"
#include "tests/unit/clients/device.h"
#include "tests/unit/pki/openssl_tool.h"

namespace p2pd::cli {
namespace {

using pki::OpensslTool;
using testing::HasSubstr;

class AuthorityFolderTest : public testing::Test {
 protected:
  AuthorityAccess Access(absl::string_view passphrase = "") { return {now_, &rng_, passphrase}; }
  absl::StatusOr<AuthorityInfo> Init(absl::string_view passphrase = "") {
    InitOptions options;
    options.name = "Test authority";
    return InitAuthority(dir_, options, Access(passphrase));
  }
  // The file of a request for that address.
  std::string Request(absl::string_view email) {
    const auto crypto = pki::Crypto::Create(rng_);
    const pki::UserKey key = *pki::UserKey::GenerateP256(*crypto);
    tool_.Write("csr", *pki::MakeCsr(key, "A person", email));
    return tool_.PathOf("csr");
  }
  absl::StatusOr<IssuedCertificate> Issue(absl::string_view email, int days = 365) {
    return IssueFromCsr(dir_, Request(email), Out(), days, Access());
  }
  std::string Out() const { return tool_.PathOf("out.pem"); }
  pki::CertificateChain OutChain() const {
    return *pki::CertificateChain::Make(*pki::Certificate::AllFromPem(*ReadFile(Out(), 100000)));
  }
  pki::Crl CrlFile() const { return *pki::Crl::FromPem(*ReadFile(dir_ + "/crl.pem", 100000)); }
  pki::Certificate Ca() const {
    return *pki::Certificate::FromPem(*ReadFile(dir_ + "/ca.pem", 100000));
  }

  absl::Time now_ = absl::FromCivil(absl::CivilDay(2026, 11, 21), absl::UTCTimeZone());
  SeededRng rng_{1};
  OpensslTool tool_;
  std::string dir_ = tool_.PathOf("deep/ca");
};

TEST_F(AuthorityFolderTest, InitMakesAWholeAuthority) {
  const auto info = Init();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, "Test authority");
  EXPECT_EQ(info->fingerprint, Hex(Ca().fingerprint().view()));
  struct stat key{};
  ASSERT_EQ(stat((dir_ + "/ca.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777, 0600u);
  EXPECT_TRUE(
      tool_.Run("verify -check_ss_sig -no_check_time -CAfile deep/ca/ca.pem deep/ca/ca.pem"))
      << tool_.output();
  EXPECT_EQ(CrlFile().number(), 1u);
  EXPECT_TRUE(CrlFile().SignedBy(Ca()));
  EXPECT_TRUE(ListIssued(dir_)->empty());
}

TEST_F(AuthorityFolderTest, InitOverwritesNothing) {
  ASSERT_TRUE(Init().ok());
  const Bytes key = *ReadFile(dir_ + "/ca.key", 10000);
  EXPECT_EQ(Init().status().code(), absl::StatusCode::kAlreadyExists);
  // Each file alone is enough: it may be all that is left of somebody's authority.
  for (const char* other : {"ca.pem", "crl.pem", "issued.tsv"}) {
    std::filesystem::remove(dir_ + "/" + other);
    EXPECT_EQ(Init().status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_EQ(*ReadFile(dir_ + "/ca.key", 10000), key);
}

TEST_F(AuthorityFolderTest, InitRefusesBadOptionsAndLeavesNothing) {
  InitOptions options;
  EXPECT_EQ(InitAuthority(dir_, options, Access()).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "no name";
  options.name = "X";
  options.permitted_domains = {"no domain"};
  EXPECT_FALSE(InitAuthority(dir_, options, Access()).ok());
  options.permitted_domains.clear();
  options.validity = absl::ZeroDuration();
  EXPECT_FALSE(InitAuthority(dir_, options, Access()).ok());
  EXPECT_FALSE(std::filesystem::exists(dir_));
}

TEST_F(AuthorityFolderTest, InitWithoutRoomLeavesNothing) {
  // Stands for a full disk: a file may be made, and not one byte be written.
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const bool made = Init().ok();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, before);
  EXPECT_FALSE(made);
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(dir_).parent_path()));
  EXPECT_TRUE(Init().ok());
}

TEST_F(AuthorityFolderTest, IssuesAndRecords) {
  ASSERT_TRUE(Init().ok());
  const auto issued = Issue("Alice@Example.org");
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->email, "alice@example.org");
  EXPECT_EQ(issued->not_after, now_ + absl::Hours(24 * 365));
  const pki::CertificateChain chain = OutChain();
  EXPECT_EQ(Hex(chain.leaf().fingerprint().view()), issued->fingerprint);
  EXPECT_EQ(chain.root().fingerprint(), Ca().fingerprint());
  pki::TrustStore trust;
  ASSERT_TRUE(trust.AddRoot(Ca()).ok());
  EXPECT_TRUE(trust.Verify(chain, now_, {"alice@example.org"}).ok());
  EXPECT_TRUE(trust.Verify(chain, now_ - absl::Minutes(30), {}).ok()) << "a clock that is behind";
  const auto all = ListIssued(dir_);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().serial, issued->serial);
  EXPECT_EQ(all->front().name, "A person");
  EXPECT_FALSE(all->front().revoked.has_value());
}

TEST_F(AuthorityFolderTest, RevokesByEmail) {
  ASSERT_TRUE(Init().ok());
  ASSERT_TRUE(Issue("alice@example.org").ok());
  const pki::CertificateChain first = OutChain();
  ASSERT_TRUE(Issue("alice@example.org").ok());
  const pki::CertificateChain second = OutChain();
  ASSERT_TRUE(Issue("bob@example.org").ok());
  const pki::CertificateChain bob = OutChain();
  const auto revoked = RevokeByEmail(dir_, "ALICE@example.org", Access());
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->size(), 2u);
  const pki::Crl crl = CrlFile();
  EXPECT_EQ(crl.number(), 2u);
  EXPECT_TRUE(crl.Revokes(first.leaf()));
  EXPECT_TRUE(crl.Revokes(second.leaf()));
  EXPECT_FALSE(crl.Revokes(bob.leaf()));
  EXPECT_EQ(RevokeByEmail(dir_, "alice@example.org", Access()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RevokeByEmail(dir_, "carol@example.org", Access()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(RevokeByEmail(dir_, "nonsense", Access()).status().code(),
            absl::StatusCode::kInvalidArgument);
  // A new certificate for the same address is good until it is revoked too.
  ASSERT_TRUE(Issue("alice@example.org").ok());
  EXPECT_FALSE(CrlFile().Revokes(OutChain().leaf()));
  EXPECT_EQ(RevokeByEmail(dir_, "alice@example.org", Access())->size(), 1u);
  EXPECT_EQ(CrlFile().number(), 3u);
  EXPECT_TRUE(CrlFile().Revokes(OutChain().leaf()));
  EXPECT_TRUE(CrlFile().Revokes(first.leaf())) << "a list tells all";
}

TEST_F(AuthorityFolderTest, ExpiredCertificatesLeaveTheList) {
  ASSERT_TRUE(Init().ok());
  ASSERT_TRUE(Issue("alice@example.org", 10).ok());
  const pki::Certificate alice = OutChain().leaf();
  ASSERT_TRUE(RevokeByEmail(dir_, "alice@example.org", Access()).ok());
  EXPECT_TRUE(CrlFile().Revokes(alice));
  now_ += absl::Hours(24 * 20);
  ASSERT_TRUE(CurrentCrl(dir_, Access()).ok());
  EXPECT_FALSE(CrlFile().Revokes(alice));
}

TEST_F(AuthorityFolderTest, CurrentCrlIsSignedAnewWhenHalfOfItsLifeHasPassed) {
  ASSERT_TRUE(Init("secret").ok());
  const auto first = CurrentCrl(dir_, Access());
  ASSERT_TRUE(first.ok()) << "needs no key: " << first.status();
  EXPECT_EQ(first->number, 1u);
  EXPECT_EQ(first->ca_der, ToText(Ca().der()));
  EXPECT_EQ(first->crl_der, ToText(CrlFile().der()));
  now_ += kCrlLife / 2 - absl::Seconds(1);
  EXPECT_EQ(CurrentCrl(dir_, Access())->number, 1u);
  now_ += absl::Seconds(2);
  EXPECT_EQ(CurrentCrl(dir_, Access()).status().code(), absl::StatusCode::kFailedPrecondition);
  const auto second = CurrentCrl(dir_, Access("secret"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->number, 2u);
  EXPECT_EQ(second->next_update, now_ + kCrlLife);
}

TEST_F(AuthorityFolderTest, FinishesARevocationThatACrashCutShort) {
  ASSERT_TRUE(Init().ok());
  ASSERT_TRUE(Issue("alice@example.org").ok());
  const Bytes old_list = *ReadFile(dir_ + "/crl.pem", 100000);
  ASSERT_TRUE(RevokeByEmail(dir_, "alice@example.org", Access()).ok());
  // As if the process had died between the record and the list.
  ASSERT_TRUE(WriteFileAtomically(dir_ + "/crl.pem", old_list, FileMode::kPublic).ok());
  const auto again = RevokeByEmail(dir_, "alice@example.org", Access());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(CrlFile().Revokes(OutChain().leaf()));
  EXPECT_EQ(CrlFile().number(), 3u) << "the number that may have been seen is not used again";
  // The same with the list gone, and finished by publishing.
  std::filesystem::remove(dir_ + "/crl.pem");
  EXPECT_EQ(CurrentCrl(dir_, Access())->number, 4u);
  EXPECT_TRUE(CrlFile().Revokes(OutChain().leaf()));
}

TEST_F(AuthorityFolderTest, ACertificateThatCannotBeWrittenIsNotOnRecord) {
  ASSERT_TRUE(Init().ok());
  const auto issued = IssueFromCsr(dir_, Request("alice@example.org"),
                                   tool_.PathOf("no/such/folder/out.pem"), 10, Access());
  EXPECT_EQ(issued.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(issued.status().message(), HasSubstr("no/such/folder"));
  const std::string device = clients::MakeDevice(tool_.PathOf("."), clients::kFullDevice);
  const auto full = IssueFromCsr(dir_, Request("alice@example.org"), device, 10, Access());
  EXPECT_EQ(full.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ListIssued(dir_)->empty());
}

TEST_F(AuthorityFolderTest, TheKeyMayBeUnderAPassphrase) {
  ASSERT_TRUE(Init("secret").ok());
  EXPECT_TRUE(absl::StartsWith(AsText(*ReadFile(dir_ + "/ca.key", 10000)),
                               "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
  EXPECT_EQ(Issue("a@b.c").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(NeedsPassphrase(Issue("a@b.c").status()));
  const std::string csr = Request("a@b.c");
  EXPECT_EQ(IssueFromCsr(dir_, csr, Out(), 10, Access("wrong")).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(IssueFromCsr(dir_, csr, Out(), 10, Access("secret")).ok());
}

TEST_F(AuthorityFolderTest, RefusesBadInputByName) {
  EXPECT_EQ(Issue("a@b.c").status().code(), absl::StatusCode::kInvalidArgument) << "no authority";
  EXPECT_EQ(CurrentCrl(dir_, Access()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ListIssued(dir_).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Init().ok());
  EXPECT_EQ(IssueFromCsr(dir_, "/nonexistent", Out(), 10, Access()).status().code(),
            absl::StatusCode::kInvalidArgument);
  tool_.Write("bad", AsBytes("no request"));
  const absl::Status bad = IssueFromCsr(dir_, tool_.PathOf("bad"), Out(), 10, Access()).status();
  EXPECT_EQ(bad.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(bad.message(), HasSubstr(tool_.PathOf("bad")));
  for (const int days : {0, -1, kMaxDays + 1}) {
    EXPECT_EQ(Issue("a@b.c", days).status().code(), absl::StatusCode::kInvalidArgument);
  }
  chmod((dir_ + "/ca.key").c_str(), 0644);
  const absl::Status open_to_others = Issue("a@b.c").status();
  EXPECT_EQ(open_to_others.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(NeedsPassphrase(open_to_others));
  EXPECT_FALSE(std::filesystem::exists(Out()));
}

TEST_F(AuthorityFolderTest, SaysWhichFileIsDamaged) {
  for (const char* name : {"ca.pem", "ca.key", "issued.tsv", "crl.pem"}) {
    dir_ = tool_.PathOf(absl::StrCat("of_", name));
    ASSERT_TRUE(Init().ok());
    ASSERT_TRUE(Issue("a@b.c").ok());
    const std::string path = dir_ + "/" + name;
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes("garbage"), FileMode::kSecret).ok());
    const absl::Status status = RevokeByEmail(dir_, "a@b.c", Access()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << name << status;
    EXPECT_THAT(status.message(), HasSubstr(path));
  }
}

TEST_F(AuthorityFolderTest, RefusesWhatTheCaMayNotCertify) {
  InitOptions options;
  options.name = "Constrained";
  options.permitted_domains = {"example.org"};
  ASSERT_TRUE(InitAuthority(dir_, options, Access()).ok());
  EXPECT_TRUE(Issue("alice@example.org").ok());
  EXPECT_EQ(Issue("alice@example.com").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ListIssued(dir_)->size(), 1u);
}

TEST_F(AuthorityFolderTest, ACertificateEndsNotAfterItsCa) {
  InitOptions options;
  options.name = "Brief";
  options.validity = absl::Hours(48);
  options.key = AuthorityKeyKind::kEd25519;
  ASSERT_TRUE(InitAuthority(dir_, options, Access()).ok());
  EXPECT_EQ(Issue("a@b.c", 365)->not_after, now_ + absl::Hours(48));
  now_ += absl::Hours(72);
  EXPECT_FALSE(Issue("a@b.c", 365).ok()) << "an expired CA issues nothing";
}

TEST_F(AuthorityFolderTest, TwoAtATimeLoseNothing) {
  ASSERT_TRUE(Init().ok());
  constexpr int kEach = 8;
  const auto issue = [this](int which) {
    SeededRng rng(static_cast<uint64_t>(100 + which));
    const AuthorityAccess access{now_, &rng, ""};
    const auto crypto = pki::Crypto::Create(rng);
    const pki::UserKey key = *pki::UserKey::GenerateP256(*crypto);
    const std::string csr = absl::StrCat("csr", which);
    tool_.Write(csr, *pki::MakeCsr(key, "A person", "alice@example.org"));
    for (int i = 0; i < kEach; ++i) {
      EXPECT_TRUE(IssueFromCsr(dir_, tool_.PathOf(csr), tool_.PathOf(absl::StrCat("out", which)),
                               10, access)
                      .ok());
    }
  };
  std::thread other(issue, 1);
  issue(2);
  other.join();
  EXPECT_EQ(ListIssued(dir_)->size(), size_t{2 * kEach});
}

}  // namespace
}  // namespace p2pd::cli
