#include "libcore/pki/server_certificate.h"

#include <gtest/gtest.h>

#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

class ServerCertificateTest : public ::testing::Test {
 protected:
  static ServerCertificateOptions Options() {
    ServerCertificateOptions options;
    options.name = "p2pd control";
    options.dns_names = {"localhost"};
    options.addresses = {{127, 0, 0, 1}};
    options.not_before = absl::FromUnixSeconds(1'700'000'000);
    options.not_after = absl::FromUnixSeconds(1'800'000'000);
    return options;
  }
  SeededRng rng_{7};
  std::unique_ptr<Crypto> crypto_ = Crypto::Create(rng_);
  UserKey key_ = UserKey::GenerateP256(*crypto_).value();
};

TEST_F(ServerCertificateTest, HoldsForItsNamesAndNoOthers) {
  const auto certificate = MakeServerCertificate(key_, Options());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(X509_check_ip_asc(certificate->x509(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate->x509(), "127.0.0.2", 0), 0);
  EXPECT_EQ(X509_check_host(certificate->x509(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate->x509(), "example.org", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_purpose(certificate->x509(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(certificate->x509(), X509_PURPOSE_SSL_CLIENT, 0), 0);
}

TEST_F(ServerCertificateTest, SignsItselfAndIsNoAuthority) {
  const auto certificate = MakeServerCertificate(key_, Options());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_TRUE(certificate->IsSelfIssued());
  EXPECT_FALSE(certificate->is_ca());
  EXPECT_EQ(X509_verify(certificate->x509(), key_.public_key().evp()), 1);
  EXPECT_EQ(certificate->not_after(), Options().not_after);
}

TEST_F(ServerCertificateTest, RefusesWhatCannotStandInACertificate) {
  ServerCertificateOptions none = Options();
  none.dns_names.clear();
  none.addresses.clear();
  EXPECT_FALSE(MakeServerCertificate(key_, none).ok());
  ServerCertificateOptions address = Options();
  address.addresses = {{1, 2, 3}};
  EXPECT_FALSE(MakeServerCertificate(key_, address).ok());
  ServerCertificateOptions dns = Options();
  dns.dns_names = {"a b"};
  EXPECT_FALSE(MakeServerCertificate(key_, dns).ok());
  ServerCertificateOptions validity = Options();
  validity.not_after = validity.not_before;
  EXPECT_FALSE(MakeServerCertificate(key_, validity).ok());
}

}  // namespace
}  // namespace p2pd::pki
