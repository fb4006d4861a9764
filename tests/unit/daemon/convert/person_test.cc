#include "daemon/convert/person.h"

#include <gtest/gtest.h>

namespace p2pd::daemon {
namespace {

TEST(Availability, OnlyWhatAPersonCanChooseIsTaken) {
  for (const auto chosen : {presence::Availability::kOnline, presence::Availability::kAway,
                            presence::Availability::kBusy}) {
    EXPECT_EQ(FromProto(ToProto(chosen)), chosen);
  }
  EXPECT_FALSE(FromProto(v1::AVAILABILITY_UNSPECIFIED).has_value());
  EXPECT_FALSE(FromProto(v1::AVAILABILITY_OFFLINE).has_value());
  EXPECT_FALSE(FromProto(static_cast<v1::Availability>(77)).has_value());
  EXPECT_EQ(ToProto(presence::Availability::kUnknown), v1::AVAILABILITY_UNSPECIFIED);
}

TEST(IdentityToProto, ShowsWhatIsThereAndWhatIsMissing) {
  presence::IdentityInfo identity;
  identity.email = "alice@example.org";
  identity.name = "Alice";
  identity.csr_pem = "CSR";
  identity.is_default = true;
  const absl::Time now = absl::FromUnixSeconds(1'790'000'000);
  v1::Identity out = ToProto(identity, now);
  EXPECT_EQ(out.name(), "identities/alice@example.org");
  EXPECT_EQ(out.state(), v1::Identity::AWAITING_CERTIFICATE);
  EXPECT_EQ(out.availability(), v1::AVAILABILITY_OFFLINE);
  EXPECT_EQ(out.csr_pem(), "CSR");
  EXPECT_TRUE(out.default_identity());
  EXPECT_FALSE(out.has_certificate());
  EXPECT_FALSE(out.has_state_expire_time());
  EXPECT_EQ(out.device(), "") << "no device before the first log-in";
  identity.state = presence::IdentityState::kLoggedIn;
  identity.shown = presence::Availability::kAway;
  out = ToProto(identity, now);
  EXPECT_EQ(out.state(), v1::Identity::LOGGED_IN);
  EXPECT_EQ(out.availability(), v1::AVAILABILITY_AWAY);
}

TEST(IdentityToProto, OneThatWasRevokedIsInvalidAndSaysWhy) {
  presence::IdentityInfo identity;
  identity.email = "alice@example.org";
  identity.state = presence::IdentityState::kLoggedOut;
  identity.fault = pki::ChainFault::kRevoked;
  identity.problem = "the certificate of CN=Alice was revoked";
  const v1::Identity out = ToProto(identity, absl::FromUnixSeconds(1'790'000'000));
  EXPECT_EQ(out.state(), v1::Identity::INVALID);
  EXPECT_EQ(out.availability(), v1::AVAILABILITY_OFFLINE);
  EXPECT_EQ(out.problem(), identity.problem);
}

TEST(ContactToProto, AProblemIsAReasonOfTheApi) {
  presence::ContactInfo contact;
  contact.email = "bob@example.org";
  const pki::TrustStore trust;
  for (const auto& [problem, reason] :
       {std::pair("REVOKED", "CERTIFICATE_REVOKED"), std::pair("UNTRUSTED_ROOT", "ROOT_UNTRUSTED"),
        std::pair("KEY_CHANGED", "CONTACT_KEY_CHANGED"), std::pair("STATE_FORGED", "STATE_FORGED"),
        std::pair("", "")}) {
    contact.problem = problem;
    EXPECT_EQ(PresenceOf(contact, trust, absl::FromUnixSeconds(1'790'000'000)).problem(), reason);
  }
}

TEST(Names, OfIdentities) {
  EXPECT_EQ(IdentityOf("identities/a@b.c"), "a@b.c");
  EXPECT_EQ(IdentityOf("a@b.c"), "a@b.c");
  EXPECT_EQ(IdentityOf(""), "");
  EXPECT_FALSE(IdentityOf("identities/a@b.c/devices/x").has_value());
}

TEST(Names, OfDevices) {
  const std::string id = "000102030405060708090a0b0c0d0e0f";
  const auto name = ParseDeviceName("identities/a@b.c/devices/" + id);
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->identity, "a@b.c");
  EXPECT_EQ(name->device[15], 0x0f);
  for (const std::string& text :
       {std::string(), id, "identities/a/devices/" + id.substr(2),
        "identities/a/devices/" + id + "00", "identities/a/device/" + id,
        "identities/a/devices/zz" + id.substr(2), "identities/a/devices/" + id + "/x"}) {
    EXPECT_FALSE(ParseDeviceName(text).has_value()) << text;
  }
}

TEST(Names, OfContacts) {
  const auto whole = ParseContactName("identities/a@b.c/contacts/d@e.f");
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->identity, "a@b.c");
  EXPECT_EQ(whole->email, "d@e.f");
  EXPECT_EQ(ParseContactName("contacts/d@e.f")->identity, "");
  EXPECT_EQ(ParseContactName("d@e.f")->email, "d@e.f");
  for (const absl::string_view text : {"", "identities/a/contact/b", "x/y", "a/b/c"}) {
    EXPECT_FALSE(ParseContactName(text).has_value()) << text;
  }
}

TEST(ContactToProto, ShowsThePresenceThatIsKnown) {
  presence::ContactInfo contact;
  contact.email = "bob@example.org";
  contact.name = "Bob";
  contact.availability = presence::Availability::kBusy;
  contact.verified = true;
  contact.confirmed = absl::FromUnixSeconds(50);
  contact.key_changed = true;
  const pki::TrustStore trust;
  const v1::Contact out = ToProto(contact, "alice@example.org", trust, absl::FromUnixSeconds(100));
  EXPECT_EQ(out.name(), "identities/alice@example.org/contacts/bob@example.org");
  EXPECT_TRUE(out.key_changed());
  EXPECT_EQ(out.presence().availability(), v1::AVAILABILITY_BUSY);
  EXPECT_TRUE(out.presence().verified());
  EXPECT_EQ(out.presence().confirm_time().seconds(), 50);
  EXPECT_FALSE(out.presence().has_last_seen_time());
  EXPECT_FALSE(out.has_certificate());
}

}  // namespace
}  // namespace p2pd::daemon
