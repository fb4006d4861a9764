// Each attack on what belongs to a person is judged with its own fault.
#include <gtest/gtest.h>

#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

using wire::v1::OBJECT_KIND_AUTHENTICATION;
using wire::v1::OBJECT_KIND_DEVICE_LIST;
using wire::v1::OBJECT_KIND_USER_ENVIRONMENT;
using wire::v1::OBJECT_KIND_USER_STATE;

class JudgeUser : public testing::Test {
 protected:
  ObjectFault Judge(const Bytes& encoded) const { return Validate(encoded, f.now).fault; }
  ObjectFault JudgeState(const wire::v1::UserStateBody& body) const {
    return Judge(f.ByEd25519(OBJECT_KIND_USER_STATE, body, f.device.signing_key));
  }
  static int64_t Unix(absl::Time time) { return absl::ToUnixSeconds(time); }
  ObjectFixture f;
};

// ---- Authentication ----------------------------------------------------------------------------

TEST_F(JudgeUser, AuthenticationStandsUnderItsEmail) {
  const Object object = f.Authentication();
  EXPECT_EQ(object.key(), AuthenticationKey(f.kEmail));
  EXPECT_EQ(object.slot().size(), 64u);
  EXPECT_EQ(object.chain().leaf().fingerprint(), f.person.certificate.fingerprint());
  EXPECT_EQ(object.authentication().email(), f.kEmail);
}

TEST_F(JudgeUser, AuthenticationOfRsaAndEd25519RootIsAccepted) {
  pki::TestCa ca(pki::KeyKind::kEd25519, 9);
  const pki::Person person = ca.MakePerson(f.kEmail, pki::KeyKind::kRsa);
  const auto chain = *pki::CertificateChain::Make({person.certificate, ca.root});
  EXPECT_TRUE(
      MakeAuthentication(person.key, chain, f.kEmail, ca.now + absl::Hours(24), ca.now).ok());
}

TEST_F(JudgeUser, AuthenticationForgedSignature) {
  const pki::UserKey stranger = f.ca.MakeKey(pki::KeyKind::kP256);
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, f.AuthenticationBody(), stranger)),
            ObjectFault::kBadSignature);
}

TEST_F(JudgeUser, AuthenticationForSomebodyElsesEmail) {
  auto body = f.AuthenticationBody();
  body.set_email("bob@example.org");
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kWrongEmail);
}

TEST_F(JudgeUser, AuthenticationEmailMustBeNormalised) {
  auto body = f.AuthenticationBody();
  body.set_email("Alice@example.org");
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kMalformed);
}

TEST_F(JudgeUser, AuthenticationOfAnotherCasesRoot) {
  // A chain whose root did not sign the certificate, although it has the same name.
  pki::TestCa other(pki::KeyKind::kP256, 77);
  auto body = f.AuthenticationBody();
  body.clear_chain();
  body.add_chain(ToText(f.person.certificate.der()));
  body.add_chain(ToText(other.root.der()));
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kBadChain);
}

TEST_F(JudgeUser, AuthenticationWithoutRoot) {
  auto body = f.AuthenticationBody();
  body.mutable_chain()->RemoveLast();
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kBadChain);
  body.clear_chain();
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kMalformed);
}

TEST_F(JudgeUser, AuthenticationOutlivingItsCertificate) {
  auto body = f.AuthenticationBody();
  body.set_expires(Unix(f.person.certificate.not_after() + absl::Seconds(1)));
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kExpiresTooLate);
}

TEST_F(JudgeUser, AuthenticationExpired) {
  auto body = f.AuthenticationBody();
  body.set_expires(Unix(f.now));
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_AUTHENTICATION, body)), ObjectFault::kExpired);
}

TEST_F(JudgeUser, AuthenticationPutForLongerIsNewer) {
  const Object first = f.Authentication();
  const Object longer =
      *MakeAuthentication(f.person.key, f.chain, f.kEmail, f.now + absl::Hours(24 * 60), f.now);
  EXPECT_EQ(first.slot(), longer.slot());
  EXPECT_LT(first.sequence(), longer.sequence());
}

TEST_F(JudgeUser, AuthenticationSignedTwiceIsOneObject) {
  const Object first = f.Authentication();
  const Object again = f.Authentication();
  EXPECT_NE(first.digest(), again.digest());  // ECDSA draws chance
  EXPECT_EQ(first.body_digest(), again.body_digest());
  EXPECT_EQ(first.sequence(), again.sequence());
}

// ---- User state --------------------------------------------------------------------------------

TEST_F(JudgeUser, StateNamesUserAndDevice) {
  const Object object = f.State(5);
  EXPECT_EQ(object.key(), UserKeyPlace(f.spki()));
  EXPECT_EQ(object.slot(), ToBytes(f.device.id.view()));
  EXPECT_EQ(object.sequence(), Sequence(5));
  EXPECT_EQ(object.device().signing_key, f.device.signing_key.public_key());
  EXPECT_EQ(object.user_state().flag(), wire::v1::UserStateBody::FLAG_ONLINE);
}

TEST_F(JudgeUser, StateForgedSignature) {
  const pki::DeviceKeys other = pki::DeviceKeys::Generate(f.ca.rng);
  EXPECT_EQ(Judge(f.ByEd25519(OBJECT_KIND_USER_STATE, f.StateBody(), other.signing_key)),
            ObjectFault::kBadSignature);
}

TEST_F(JudgeUser, StateOfAForeignDevice) {
  // The device certificate is by somebody else's key.
  const pki::Person stranger = f.ca.MakePerson("mallory@example.org");
  auto body = f.StateBody();
  *body.mutable_device() =
      *MakeDeviceCertificate(stranger.key, f.device, "x", f.now + absl::Hours(24));
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadDevice);
}

TEST_F(JudgeUser, StateUnderSomebodyElsesKey) {
  const pki::Person stranger = f.ca.MakePerson("mallory@example.org");
  auto body = f.StateBody();
  body.set_user_key(ToText(stranger.key.public_key().spki()));
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadDevice);
}

TEST_F(JudgeUser, StateOfAnExpiredDevice) {
  auto body = f.StateBody();
  *body.mutable_device() = *MakeDeviceCertificate(f.person.key, f.device, "x", f.now);
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadDevice);
}

TEST_F(JudgeUser, StateOnlineForTooLong) {
  auto body = f.StateBody();
  body.set_expires(Unix(f.now + kMaxOnlineLife + kClockSlack + absl::Seconds(1)));
  EXPECT_EQ(JudgeState(body), ObjectFault::kExpiresTooLate);
  body.clear_addresses();
  body.set_flag(wire::v1::UserStateBody::FLAG_OFFLINE);
  EXPECT_EQ(JudgeState(body), ObjectFault::kNone);
  body.set_expires(Unix(f.now + kMaxOfflineLife + kClockSlack + absl::Seconds(1)));
  EXPECT_EQ(JudgeState(body), ObjectFault::kExpiresTooLate);
}

TEST_F(JudgeUser, StateWithBadAddresses) {
  for (const char* address : {"0.0.0.0:7464", "239.1.2.3:7464", "192.0.2.1:0"}) {
    auto body = f.StateBody();
    body.add_addresses(ToText(net::Endpoint::Parse(address)->ToBytes()));
    EXPECT_EQ(JudgeState(body), ObjectFault::kBadAddress) << address;
  }
  auto body = f.StateBody();
  body.add_addresses("nonsense");
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadAddress);
  body = f.StateBody();
  for (int i = 0; i < 4; ++i) body.add_addresses(body.addresses(0));
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadAddress);
  body = f.StateBody();
  body.set_flag(wire::v1::UserStateBody::FLAG_OFFLINE);
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadAddress);
}

TEST_F(JudgeUser, StateWithAForgedNodeRecord) {
  auto body = f.StateBody();
  body.mutable_node_record()->back() ^= 1;
  EXPECT_EQ(JudgeState(body), ObjectFault::kBadAddress);
}

TEST_F(JudgeUser, StateMalformed) {
  auto body = f.StateBody();
  body.set_sequence(0);
  EXPECT_EQ(JudgeState(body), ObjectFault::kMalformed);
  body = f.StateBody();
  body.set_flag(wire::v1::UserStateBody::FLAG_UNSPECIFIED);
  EXPECT_EQ(JudgeState(body), ObjectFault::kMalformed);
  body = f.StateBody();
  body.set_flag(static_cast<wire::v1::UserStateBody::Flag>(9));
  EXPECT_EQ(JudgeState(body), ObjectFault::kMalformed);
  body = f.StateBody();
  body.set_sealed_config_key(std::string(1025, 'x'));
  EXPECT_EQ(JudgeState(body), ObjectFault::kMalformed);
  body = f.StateBody();
  body.set_user_key("no key");
  EXPECT_EQ(JudgeState(body), ObjectFault::kMalformed);
}

// A signature over one kind is none over another: the kind is signed too.
TEST_F(JudgeUser, SignatureDoesNotCrossKinds) {
  const auto body = f.EnvironmentBody();
  const std::string text = body.SerializeAsString();
  const auto signature = f.environment.Sign(SignedBytes(OBJECT_KIND_USER_STATE, AsBytes(text)));
  EXPECT_EQ(Judge(EncodeStored(OBJECT_KIND_USER_ENVIRONMENT, AsBytes(text), signature.view())),
            ObjectFault::kBadSignature);
}

// ---- User environment --------------------------------------------------------------------------

TEST_F(JudgeUser, EnvironmentStandsUnderItsKey) {
  const Object object = f.Environment(4);
  EXPECT_EQ(object.key(), EnvironmentKey(f.environment.public_key()));
  EXPECT_TRUE(object.slot().empty());
  EXPECT_EQ(object.sequence(), Sequence(4));
}

TEST_F(JudgeUser, EnvironmentOfAStranger) {
  const auto stranger = pki::Ed25519Key::Generate(f.ca.rng);
  EXPECT_EQ(Judge(f.ByEd25519(OBJECT_KIND_USER_ENVIRONMENT, f.EnvironmentBody(), stranger)),
            ObjectFault::kBadSignature);
}

TEST_F(JudgeUser, EnvironmentLimits) {
  auto body = f.EnvironmentBody();
  body.set_ciphertext("short");
  EXPECT_EQ(Judge(f.ByEd25519(OBJECT_KIND_USER_ENVIRONMENT, body, f.environment)),
            ObjectFault::kMalformed);
  body = f.EnvironmentBody();
  body.set_ciphertext(std::string(61 * 1024, 'x'));
  EXPECT_EQ(Judge(f.ByEd25519(OBJECT_KIND_USER_ENVIRONMENT, body, f.environment)),
            ObjectFault::kMalformed);
  body = f.EnvironmentBody();
  body.set_expires(Unix(f.now + absl::Hours(24 * 91)));
  EXPECT_EQ(Judge(f.ByEd25519(OBJECT_KIND_USER_ENVIRONMENT, body, f.environment)),
            ObjectFault::kExpiresTooLate);
}

// ---- Device list -------------------------------------------------------------------------------

TEST_F(JudgeUser, DeviceListIsTheUsers) {
  const auto object = MakeDeviceList(f.person.key, f.ListBody(2, {f.device.id}), f.now);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->key(), UserKeyPlace(f.spki()));
  EXPECT_EQ(object->sequence(), Sequence(2));
  const pki::UserKey stranger = f.ca.MakeKey(pki::KeyKind::kP256);
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_DEVICE_LIST, f.ListBody(2, {}), stranger)),
            ObjectFault::kBadSignature);
}

TEST_F(JudgeUser, DeviceListMalformed) {
  auto body = f.ListBody(1, {f.device.id, f.device.id});
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_DEVICE_LIST, body)), ObjectFault::kMalformed);
  body = f.ListBody(1, {});
  body.add_revoked("short");
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_DEVICE_LIST, body)), ObjectFault::kMalformed);
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_DEVICE_LIST, f.ListBody(0, {}))), ObjectFault::kMalformed);
  body = f.ListBody(1, {});
  for (uint8_t i = 0; i < 65; ++i) body.add_revoked(std::string(15, 'd') + static_cast<char>(i));
  EXPECT_EQ(Judge(f.ByUser(OBJECT_KIND_DEVICE_LIST, body)), ObjectFault::kMalformed);
}

}  // namespace
}  // namespace p2pd::store
