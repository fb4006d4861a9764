#include "daemon/control_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/pki/certificate.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

using ::testing::HasSubstr;

class ControlKeysTest : public ::testing::Test {
 protected:
  absl::StatusOr<ControlKeys> Load(absl::Time now = kNow) {
    return LoadControlKeys(folder_.path(), rng_, now);
  }
  mode_t ModeOf(const std::string& name) {
    struct stat info{};
    EXPECT_EQ(stat((folder_.path() + "/control/" + name).c_str(), &info), 0) << name;
    return info.st_mode & 0777;
  }
  void WriteToken(const std::string& token, mode_t mode) {
    const std::string path = folder_.path() + "/control/token";
    std::ofstream(path) << token;
    chmod(path.c_str(), mode);
  }
  static inline const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);
  TempDir folder_;
  SeededRng rng_{3};
};

TEST_F(ControlKeysTest, AreMadeOnceAndKept) {
  const auto first = Load();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->token.size(), 64u);
  EXPECT_EQ(ModeOf("token"), 0600u);
  EXPECT_EQ(ModeOf("tls.key"), 0600u);
  EXPECT_EQ(ModeOf("tls.pem"), 0644u);
  EXPECT_EQ(first->certificate_pem.find("PRIVATE"), std::string::npos);
  const auto second = Load();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->token, first->token);
  EXPECT_EQ(second->certificate_pem, first->certificate_pem);
  EXPECT_EQ(second->key_pem, first->key_pem);
}

TEST_F(ControlKeysTest, ACertificateNearItsEndIsMadeAnew) {
  const auto first = Load();
  ASSERT_TRUE(first.ok());
  const auto certificate = pki::Certificate::FromPem(AsBytes(first->certificate_pem));
  ASSERT_TRUE(certificate.ok());
  const auto later = Load(certificate->not_after() - absl::Hours(24));
  ASSERT_TRUE(later.ok());
  EXPECT_NE(later->certificate_pem, first->certificate_pem);
  EXPECT_EQ(later->token, first->token);
}

TEST_F(ControlKeysTest, ATokenOfTheOwnersChoiceCounts) {
  ASSERT_TRUE(Load().ok());
  WriteToken("a-token-of-thirty-two-characters\n", 0600);
  const auto keys = Load();
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->token, "a-token-of-thirty-two-characters");
}

TEST_F(ControlKeysTest, ATokenThatOthersCanReadOrGuessIsRefused) {
  ASSERT_TRUE(Load().ok());
  WriteToken("a-token-of-thirty-two-characters", 0644);
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kFailedPrecondition);
  WriteToken("short", 0600);
  const auto keys = Load();
  ASSERT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(keys.status().message()), HasSubstr("control/token"));
}

TEST_F(ControlKeysTest, WhatIsNoKeyNoCertificateOrNoPairIsRefusedByName) {
  const auto first = Load();
  ASSERT_TRUE(first.ok());
  const std::string folder = folder_.path() + "/control/";
  const auto write = [&](const std::string& name, const std::string& content) {
    std::ofstream(folder + name) << content;
  };
  const std::string half = first->key_pem.substr(0, first->key_pem.size() / 2);
  for (const std::string& key :
       {std::string(), std::string("rubbish"), half, first->certificate_pem}) {
    write("tls.key", key);
    const absl::Status status = Load().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(folder + "tls.key: "));
    EXPECT_THAT(std::string(status.message()), HasSubstr("remove tls.pem and tls.key"));
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  }
  write("tls.key", first->key_pem);
  ASSERT_TRUE(Load().ok());
  write("tls.pem", "rubbish");
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr(folder + "tls.pem: "));
  // Somebody else's certificate: a door that no client could enter.
  const TempDir elsewhere;
  const auto other = LoadControlKeys(elsewhere.path(), rng_, kNow);
  ASSERT_TRUE(other.ok());
  write("tls.pem", other->certificate_pem);
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("not the key of the certificate"));
  // As it says: without the two, new ones are made.
  unlink((folder + "tls.pem").c_str());
  unlink((folder + "tls.key").c_str());
  EXPECT_TRUE(Load().ok());
}

TEST_F(ControlKeysTest, AKeyThatOthersCanReadIsRefused) {
  ASSERT_TRUE(Load().ok());
  chmod((folder_.path() + "/control/tls.key").c_str(), 0640);
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace p2pd::daemon
