// Each attack on what belongs to an authority, a node or nobody is judged with its own fault.
#include <gtest/gtest.h>

#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

using wire::v1::OBJECT_KIND_RAW;
using wire::v1::OBJECT_KIND_REMOVAL;
using wire::v1::OBJECT_KIND_REVOCATION;
using wire::v1::OBJECT_KIND_SERVICE;

class JudgePublic : public testing::Test {
 protected:
  ObjectFault Judge(const Bytes& encoded) const { return Validate(encoded, f.now).fault; }
  template <class Body>
  ObjectFault JudgeUnsigned(ObjectKind kind, const Body& body) const {
    return Judge(ObjectFixture::Unsigned(kind, body));
  }
  ObjectFixture f;
};

TEST_F(JudgePublic, RevocationStandsUnderTheAuthority) {
  const auto object = MakeRevocation(f.ca.root, f.ca.MakeList(7, {f.person.certificate}), f.now);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->key(), RevocationKey(f.ca.root.public_key().spki()));
  EXPECT_EQ(object->sequence(), Sequence(7));
  EXPECT_EQ(object->expires(), f.ca.MakeList(7, {}).next_update());
}

TEST_F(JudgePublic, RevocationByAnotherAuthority) {
  pki::TestCa other(pki::KeyKind::kP256, 5);
  auto body = f.RevocationBody();
  body.set_crl(ToText(other.MakeList(1, {}).der()));
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_REVOCATION, body), ObjectFault::kBadSignature);
}

TEST_F(JudgePublic, RevocationByAUser) {
  auto body = f.RevocationBody();
  body.set_ca_certificate(ToText(f.person.certificate.der()));
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_REVOCATION, body), ObjectFault::kBadChain);
}

// The CRL's signature covers the authority's key alone. A root's certificate proves the rest of
// itself; under the certificate of another CA with the same key the list is still the same list, so
// that nobody can put his own wrapping before the authority's.
TEST_F(JudgePublic, RevocationUnderAChangedCertificateIsRefusedOrTheSameList) {
  auto body = f.RevocationBody();
  const Object good =
      *Validate(ObjectFixture::Unsigned(OBJECT_KIND_REVOCATION, body), f.now).object;
  int refused = 0;
  for (size_t i = 0; i < f.ca.root.der().size(); i += 7) {
    Bytes der = f.ca.root.der();
    der[i] ^= 1;
    body.set_ca_certificate(ToText(der));
    const Judgement judgement =
        Validate(ObjectFixture::Unsigned(OBJECT_KIND_REVOCATION, body), f.now);
    if (judgement.fault != ObjectFault::kNone) {
      ++refused;
      continue;
    }
    EXPECT_EQ(judgement.object->key(), good.key()) << i;
    EXPECT_EQ(judgement.object->sequence(), good.sequence()) << i;
    EXPECT_EQ(judgement.object->body_digest(), good.body_digest()) << i;
  }
  EXPECT_GT(refused, 20);
}

TEST_F(JudgePublic, RevocationExpired) {
  const auto body = f.RevocationBody();
  EXPECT_EQ(Validate(ObjectFixture::Unsigned(OBJECT_KIND_REVOCATION, body), f.now + absl::Hours(25))
                .fault,
            ObjectFault::kExpired);
}

TEST_F(JudgePublic, RevocationCarriesNothingUnsigned) {
  const auto body = f.RevocationBody();
  EXPECT_EQ(Judge(EncodeStored(OBJECT_KIND_REVOCATION, AsBytes(body.SerializeAsString()),
                               AsBytes("luggage"))),
            ObjectFault::kMalformed);
  std::string longer = body.SerializeAsString() + "\x7a\x01x";
  EXPECT_EQ(Judge(EncodeStored(OBJECT_KIND_REVOCATION, AsBytes(longer), {})),
            ObjectFault::kMalformed);
}

TEST_F(JudgePublic, ServiceIsTheNodes) {
  const auto object = MakeService(f.node, f.ServiceBody(), f.now);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->key(), ServiceKey("s-tracker"));
  EXPECT_EQ(object->slot(), ToBytes(f.record.id().view()));
  const auto stranger = pki::Ed25519Key::Generate(f.ca.rng);
  EXPECT_EQ(Judge(f.ByEd25519(OBJECT_KIND_SERVICE, f.ServiceBody(), stranger)),
            ObjectFault::kBadSignature);
}

TEST_F(JudgePublic, ServiceLimits) {
  const auto judge = [&](const wire::v1::ServiceBody& body) {
    return Judge(f.ByEd25519(OBJECT_KIND_SERVICE, body, f.node.signing_key));
  };
  auto body = f.ServiceBody();
  body.set_name("");
  EXPECT_EQ(judge(body), ObjectFault::kMalformed);
  body.set_name(std::string(65, 'n'));
  EXPECT_EQ(judge(body), ObjectFault::kMalformed);
  body = f.ServiceBody();
  body.set_description(std::string(513, 'd'));
  EXPECT_EQ(judge(body), ObjectFault::kMalformed);
  body = f.ServiceBody();
  body.set_node_record("no record");
  EXPECT_EQ(judge(body), ObjectFault::kBadAddress);
  body = f.ServiceBody();
  body.set_expires(absl::ToUnixSeconds(f.now + absl::Hours(24 * 8)));
  EXPECT_EQ(judge(body), ObjectFault::kExpiresTooLate);
}

TEST_F(JudgePublic, RawOfOneDataAndTwoSecretsAreTwoValues) {
  auto body = f.RawBody();
  const Object mine = *Validate(ObjectFixture::Unsigned(OBJECT_KIND_RAW, body), f.now).object;
  body.clear_secret_hash();
  const Object theirs = *Validate(ObjectFixture::Unsigned(OBJECT_KIND_RAW, body), f.now).object;
  EXPECT_EQ(mine.key(), theirs.key());
  EXPECT_NE(mine.slot(), theirs.slot());
}

TEST_F(JudgePublic, RawLimits) {
  auto body = f.RawBody();
  body.set_key("short");
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_RAW, body), ObjectFault::kMalformed);
  body = f.RawBody();
  body.set_secret_hash("short");
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_RAW, body), ObjectFault::kMalformed);
  body = f.RawBody();
  body.set_expires(absl::ToUnixSeconds(f.now + absl::Hours(24 * 8)));
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_RAW, body), ObjectFault::kExpiresTooLate);
  body.set_expires(0);
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_RAW, body), ObjectFault::kExpired);
  body.set_expires(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_RAW, body), ObjectFault::kExpiresTooLate);
  body.set_expires(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_RAW, body), ObjectFault::kExpired);
  const std::string text = f.RawBody().SerializeAsString();
  EXPECT_EQ(Judge(EncodeStored(OBJECT_KIND_RAW, AsBytes(text), AsBytes("luggage"))),
            ObjectFault::kMalformed);
}

TEST_F(JudgePublic, RemovalFitsItsValue) {
  const Object raw = *Validate(ObjectFixture::Unsigned(OBJECT_KIND_RAW, f.RawBody()), f.now).object;
  const Object removal =
      *Validate(ObjectFixture::Unsigned(OBJECT_KIND_REMOVAL, f.RemovalBody()), f.now).object;
  EXPECT_EQ(raw.key(), removal.key());
  EXPECT_EQ(raw.slot(), removal.slot());
  auto guess = f.RemovalBody();
  guess.set_secret("guessed");
  EXPECT_NE(Validate(ObjectFixture::Unsigned(OBJECT_KIND_REMOVAL, guess), f.now).object->slot(),
            raw.slot());
}

TEST_F(JudgePublic, RemovalLimits) {
  auto body = f.RemovalBody();
  body.set_secret("");
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_REMOVAL, body), ObjectFault::kMalformed);
  body.set_secret(std::string(65, 's'));
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_REMOVAL, body), ObjectFault::kMalformed);
  body = f.RemovalBody();
  body.set_data_digest("short");
  EXPECT_EQ(JudgeUnsigned(OBJECT_KIND_REMOVAL, body), ObjectFault::kMalformed);
}

}  // namespace
}  // namespace p2pd::store
