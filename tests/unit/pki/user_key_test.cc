#include "libcore/pki/user_key.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "libcore/base/hex.h"
#include "libcore/pki/ossl.h"
#include "tests/unit/pki/openssl_tool.h"

namespace p2pd::pki {
namespace {

SecretBytes Secret(absl::string_view text) { return SecretBytes(AsBytes(text)); }

class UserKeyTest : public testing::Test {
 protected:
  SeededRng rng_{1};
  std::unique_ptr<Crypto> crypto_ = Crypto::Create(rng_);
  OpensslTool tool_;
};

using Maker = std::function<absl::StatusOr<UserKey>(Crypto&)>;
struct Kind {
  const char* name;
  KeyKind kind;
  size_t signature_size;
  Maker make;
};
std::vector<Kind> Kinds() {
  return {{"P-256", KeyKind::kP256, 64, UserKey::GenerateP256},
          {"RSA", KeyKind::kRsa, 256, [](Crypto& c) { return UserKey::GenerateRsa(c, 2048); }},
          {"Ed25519", KeyKind::kEd25519, 64, UserKey::GenerateEd25519}};
}

TEST_F(UserKeyTest, SameSeedSameBytes) {
  for (const Kind& kind : Kinds()) {
    Bytes first;
    for (int round = 0; round < 2; ++round) {
      SeededRng rng(42);
      const auto crypto = Crypto::Create(rng);
      const auto key = kind.make(*crypto);
      ASSERT_TRUE(key.ok()) << key.status();
      Bytes trace = key->public_key().spki();
      Append(trace, *key->Sign(AsBytes("a state")));
      Append(trace, *key->Sign(AsBytes("a state")));
      Append(trace, key->ToPem(Secret("x"))->view());
      if (round == 0) first = trace;
      EXPECT_EQ(trace, first) << kind.name;
    }
    SeededRng other(43);
    const auto crypto = Crypto::Create(other);
    EXPECT_FALSE(absl::StartsWith(AsText(first), AsText(kind.make(*crypto)->public_key().spki())));
  }
}

TEST_F(UserKeyTest, SignsAndVerifies) {
  for (const Kind& kind : Kinds()) {
    const UserKey key = *kind.make(*crypto_);
    const UserKey other = *kind.make(*crypto_);
    EXPECT_EQ(key.public_key().kind(), kind.kind);
    for (int i = 0; i < 20; ++i) {
      const Bytes message = ToBytes(absl::StrCat("message ", i));
      const Bytes signature = *key.Sign(message);
      EXPECT_EQ(signature.size(), kind.signature_size) << kind.name;
      EXPECT_TRUE(key.public_key().Verify(message, signature)) << kind.name;
      EXPECT_FALSE(key.public_key().Verify(AsBytes("another"), signature)) << kind.name;
      EXPECT_FALSE(other.public_key().Verify(message, signature)) << kind.name;
    }
  }
}

TEST_F(UserKeyTest, RefusesChangedAndMissizedSignatures) {
  for (const Kind& kind : Kinds()) {
    const UserKey key = *kind.make(*crypto_);
    const Bytes signature = *key.Sign(AsBytes("m"));
    for (size_t i = 0; i < signature.size(); ++i) {
      Bytes changed = signature;
      changed[i] ^= 4;
      EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), changed)) << kind.name << i;
    }
    for (size_t size : {size_t{0}, size_t{1}, signature.size() - 1}) {
      EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), ByteView(signature).first(size)));
    }
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), longer)) << kind.name;
    EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), Bytes(signature.size())));
    EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), Bytes(signature.size(), 0xff)));
  }
}

TEST_F(UserKeyTest, TheSecondEcdsaSignatureWithHighSIsRefused) {
  const UserKey key = *UserKey::GenerateP256(*crypto_);
  const Bytes order = *FromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  for (int i = 0; i < 8; ++i) {
    Bytes twin = *key.Sign(AsBytes("m"));
    EXPECT_LT(twin[32], 0x80);
    int borrow = 0;
    for (size_t j = 32; j-- > 0;) {
      const int difference = order[j] - twin[32 + j] - borrow;
      borrow = difference < 0 ? 1 : 0;
      twin[32 + j] = static_cast<uint8_t>(difference);
    }
    EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), twin));
  }
}

TEST_F(UserKeyTest, RsaSignaturesArePssAndNotPkcs1) {
  const UserKey key = *UserKey::GenerateRsa(*crypto_, 2048);
  tool_.Write("key.pem", key.ToPem({})->view());
  tool_.Write("m", AsBytes("m"));
  ASSERT_TRUE(tool_.Run("dgst -sha256 -sign key.pem -out pkcs1 m"));
  EXPECT_FALSE(key.public_key().Verify(AsBytes("m"), tool_.Read("pkcs1")));
  ASSERT_TRUE(
      tool_.Run("dgst -sha256 -sign key.pem -sigopt rsa_padding_mode:pss "
                "-sigopt rsa_pss_saltlen:32 -out pss m"));
  EXPECT_TRUE(key.public_key().Verify(AsBytes("m"), tool_.Read("pss")));
}

TEST_F(UserKeyTest, PemRoundTripsWithAndWithoutPassphrase) {
  for (const Kind& kind : Kinds()) {
    const UserKey key = *kind.make(*crypto_);
    const auto plain = key.ToPem({});
    EXPECT_TRUE(absl::StartsWith(AsText(plain->view()), "-----BEGIN PRIVATE KEY-----"));
    EXPECT_EQ(UserKey::FromPem(*crypto_, plain->view(), {})->public_key().hash(),
              key.public_key().hash());
    const auto sealed = key.ToPem(Secret("correct horse"));
    EXPECT_TRUE(absl::StartsWith(AsText(sealed->view()), "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    const auto opened = UserKey::FromPem(*crypto_, sealed->view(), Secret("correct horse"));
    ASSERT_TRUE(opened.ok()) << kind.name << opened.status();
    EXPECT_EQ(opened->public_key().hash(), key.public_key().hash());
    EXPECT_TRUE(key.public_key().Verify(AsBytes("m"), *opened->Sign(AsBytes("m"))));
    EXPECT_EQ(UserKey::FromPem(*crypto_, sealed->view(), {}).status().code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(UserKey::FromPem(*crypto_, sealed->view(), Secret("wrong")).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
}

TEST_F(UserKeyTest, OpensslReadsOurKeysAndSeesPbes2) {
  const UserKey key = *UserKey::GenerateP256(*crypto_);
  tool_.Write("key.pem", key.ToPem(Secret("secret"))->view());
  ASSERT_TRUE(tool_.Run("pkey -in key.pem -passin pass:secret -pubout -outform DER -out pub.der"));
  EXPECT_EQ(tool_.Read("pub.der"), key.public_key().spki());
  ASSERT_TRUE(tool_.Run("asn1parse -in key.pem -out key.der"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "PBES2"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "hmacWithSHA256"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "aes-256-cbc"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "0927C0")) << "600,000 rounds";
}

TEST_F(UserKeyTest, ReadsKeysThatOpensslMade) {
  const struct {
    const char* command;
    KeyKind kind;
  } rows[] = {
      {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k", KeyKind::kP256},
      {"ecparam -name prime256v1 -genkey -out k", KeyKind::kP256},  // EC PARAMETERS in front
      {"genrsa -out k 2048", KeyKind::kRsa},
      {"genrsa -traditional -out k 2048", KeyKind::kRsa},
      {"genpkey -algorithm ED25519 -out k", KeyKind::kEd25519},
      {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:pw -out k",
       KeyKind::kP256},
      {"genrsa -traditional -aes128 -passout pass:pw -out k 2048", KeyKind::kRsa},
  };
  for (const auto& row : rows) {
    ASSERT_TRUE(tool_.Run(row.command)) << row.command << tool_.output();
    const auto key = UserKey::FromPem(*crypto_, tool_.Read("k"), Secret("pw"));
    ASSERT_TRUE(key.ok()) << row.command << ": " << key.status();
    EXPECT_EQ(key->public_key().kind(), row.kind);
  }
}

TEST_F(UserKeyTest, RefusesKeysOfOtherKinds) {
  for (const char* command : {
           "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out k",
           "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out k",
           "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt "
           "ec_param_enc:explicit -out k",
           "genrsa -out k 1024",
           "genpkey -algorithm X25519 -out k",
           "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out k",
           "genpkey -algorithm ED448 -out k",
       }) {
    ASSERT_TRUE(tool_.Run(command)) << command << tool_.output();
    EXPECT_EQ(UserKey::FromPem(*crypto_, tool_.Read("k"), {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << command;
  }
  EXPECT_FALSE(UserKey::GenerateRsa(*crypto_, 1024).ok());
  EXPECT_FALSE(UserKey::GenerateRsa(*crypto_, 16384).ok());
}

TEST_F(UserKeyTest, RefusesWhatIsNoKey) {
  const std::string pem = ToText(UserKey::GenerateP256(*crypto_)->ToPem({})->view());
  for (const std::string& bad :
       {std::string(), std::string("hello"), pem.substr(0, pem.size() / 2),
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        std::string(100000, 'x')}) {
    EXPECT_EQ(UserKey::FromPem(*crypto_, AsBytes(bad), Secret("pw")).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(UserKeyTest, RefusesAnAbsurdNumberOfRoundsAtOnce) {
  const UserKey key = *UserKey::GenerateP256(*crypto_);
  tool_.Write("k", key.ToPem(Secret("pw"))->view());
  ASSERT_TRUE(tool_.Run("asn1parse -in k -noout -out k.der"));
  Bytes der = tool_.Read("k.der");
  const Bytes rounds = {0x02, 0x03, 0x09, 0x27, 0xc0};  // INTEGER 600,000
  const auto at = std::search(der.begin(), der.end(), rounds.begin(), rounds.end());
  ASSERT_NE(at, der.end());
  std::fill(at + 3, at + 5, uint8_t{0xff});
  *(at + 2) = 0x7f;  // INTEGER 8,388,607
  const auto refused =
      UserKey::FromPem(*crypto_, AsBytes(ossl::ToPem("ENCRYPTED PRIVATE KEY", der)), Secret("pw"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(refused.status().message(), "rounds"));
}

TEST_F(UserKeyTest, APublicKeyHasOneEncoding) {
  for (const Kind& kind : Kinds()) {
    const Bytes spki = kind.make(*crypto_)->public_key().spki();
    ASSERT_TRUE(UserPublicKey::FromSpki(spki).ok());
    EXPECT_EQ(UserPublicKey::FromSpki(spki)->hash(), HashOfSpki(spki));
    Bytes longer = spki;
    longer.push_back(0);
    EXPECT_FALSE(UserPublicKey::FromSpki(longer).ok()) << kind.name;
    for (size_t size = 0; size < spki.size(); ++size) {
      EXPECT_FALSE(UserPublicKey::FromSpki(ByteView(spki).first(size)).ok()) << kind.name << size;
    }
  }
  const UserKey key = *UserKey::GenerateP256(*crypto_);
  tool_.Write("k", key.ToPem({})->view());
  ASSERT_TRUE(tool_.Run("ec -in k -pubout -conv_form compressed -outform DER -out compressed"));
  EXPECT_FALSE(UserPublicKey::FromSpki(tool_.Read("compressed")).ok());
}

TEST_F(UserKeyTest, RefusesAPointThatIsNotOnTheCurve) {
  Bytes spki = UserKey::GenerateP256(*crypto_)->public_key().spki();
  spki.back() ^= 1;
  EXPECT_FALSE(UserPublicKey::FromSpki(spki).ok());
}

}  // namespace
}  // namespace p2pd::pki
