#include "daemon/convert/certificate.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"
#include "libcore/base/rng.h"
#include "libcore/pki/authority.h"

namespace p2pd::daemon {
namespace {

class CertificateToProto : public ::testing::Test {
 protected:
  pki::Certificate Root(const std::string& name) {
    const auto key = pki::UserKey::GenerateP256(*crypto_);
    pki::RootOptions options;
    options.name = name;
    options.not_before = absl::FromUnixSeconds(1'700'000'000);
    options.not_after = absl::FromUnixSeconds(1'900'000'000);
    return pki::MakeRoot(*key, options).value();
  }
  SeededRng rng_{5};
  std::unique_ptr<pki::Crypto> crypto_ = pki::Crypto::Create(rng_);
};

TEST_F(CertificateToProto, ShowsWhatTheCertificateSays) {
  const pki::Certificate root = Root("Example CA");
  const v1::CertificateInfo out = ToProto(root);
  EXPECT_EQ(out.subject_name(), "Example CA");
  EXPECT_EQ(out.fingerprint(), Hex(root.fingerprint().view()));
  EXPECT_EQ(out.key_algorithm(), "P-256");
  EXPECT_EQ(out.not_after_time().seconds(), 1'900'000'000);
  EXPECT_EQ(out.revocation(), v1::CertificateInfo::REVOCATION_UNSPECIFIED);
}

TEST_F(CertificateToProto, RootsAreFoundByTheirFirstDigits) {
  pki::TrustStore trust;
  const pki::Certificate a = Root("A");
  const pki::Certificate b = Root("B");
  ASSERT_TRUE(trust.AddRoot(a).ok());
  ASSERT_TRUE(trust.AddRoot(b).ok());
  const std::string hex = Hex(a.fingerprint().view());
  EXPECT_EQ(FindTrustRoot(TrustRootName(a.fingerprint()), trust), a.fingerprint());
  EXPECT_EQ(FindTrustRoot(hex.substr(0, 12), trust), a.fingerprint());
  EXPECT_FALSE(FindTrustRoot(hex.substr(0, 7), trust).has_value()) << "too short";
  EXPECT_FALSE(FindTrustRoot(std::string(64, '0'), trust).has_value());
  EXPECT_FALSE(FindTrustRoot("", trust).has_value());
}

TEST(Spans, GoThereAndBack) {
  for (const absl::Duration span :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Milliseconds(1500), absl::Hours(400)}) {
    EXPECT_EQ(FromProto(ToProto(span)), span);
  }
  EXPECT_EQ(ToProto(absl::Milliseconds(-1500)).seconds(), -1);
  EXPECT_EQ(ToProto(absl::Milliseconds(-1500)).nanos(), -500'000'000);
  google::protobuf::Duration huge;
  huge.set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_GT(FromProto(huge), absl::Hours(24 * 365 * 200));
}

TEST(Times, InfinityIsAbsence) {
  google::protobuf::Timestamp out;
  SetTime(absl::InfiniteFuture(), &out);
  EXPECT_EQ(out.seconds(), 0);
  SetTime(absl::FromUnixMillis(1'500), &out);
  EXPECT_EQ(out.seconds(), 1);
  EXPECT_EQ(out.nanos(), 500'000'000);
}

}  // namespace
}  // namespace p2pd::daemon
