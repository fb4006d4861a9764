#include "libcore/presence/judge.h"

#include <gtest/gtest.h>

#include "libcore/presence/anchor.h"
#include "tests/sim/people.h"

namespace p2pd::presence {
namespace {

struct Court {
  sim::Authority authority{12};
  pki::TrustStore trust;
  Seen seen;
  absl::Time now = authority.now();
  Court() { P2PD_CHECK(trust.AddRoot(authority.root()).ok()); }

  store::Object Authentication(const sim::Person& person) {
    return *store::MakeAuthentication(person.key, person.chain, person.email, now + absl::Hours(24),
                                      now);
  }
  store::Object State(const sim::Person& person, uint64_t sequence,
                      wire::v1::UserStateBody::Flag flag = wire::v1::UserStateBody::FLAG_ONLINE) {
    wire::v1::UserStateBody body;
    body.set_user_key(ToText(person.key.public_key().spki()));
    *body.mutable_device() = person.device_certificate;
    body.set_flag(flag);
    if (flag != wire::v1::UserStateBody::FLAG_OFFLINE) {
      body.add_addresses(ToText(net::Endpoint::Parse("10.0.0.1:7464")->ToBytes()));
    }
    body.set_sequence(sequence);
    body.set_expires(absl::ToUnixSeconds(now + absl::Minutes(5)));
    auto made = store::MakeUserState(person.device, body, now);
    P2PD_CHECK(made.ok());
    return *std::move(made);
  }
  CertificateChoice Choose(const std::vector<store::Object>& objects,
                           std::optional<pki::KeyHash> pinned = std::nullopt) {
    pki::TrustStore::Options options;
    options.email = "bob@example.org";
    return ChooseCertificate(objects, trust, now, pinned, options);
  }
};

TEST(ChooseCertificate, ThePinnedKeyCountsElseTheNewest) {
  Court court;
  const sim::Person old = court.authority.MakePerson("bob@example.org");
  sim::Authority later(13, court.now + absl::Minutes(30));  // its certificates begin later
  P2PD_CHECK(court.trust.AddRoot(later.root()).ok());
  const sim::Person fresh = later.MakePerson("bob@example.org");
  const std::vector<store::Object> both{court.Authentication(old), court.Authentication(fresh)};
  EXPECT_EQ(court.Choose(both).object->chain().leaf().public_key().hash(), fresh.user());
  const CertificateChoice pinned = court.Choose(both, old.user());
  EXPECT_EQ(pinned.object->chain().leaf().public_key().hash(), old.user());
  EXPECT_FALSE(pinned.key_changed);
  EXPECT_TRUE(pinned.newer_key);
  EXPECT_FALSE(court.Choose({both[0]}, old.user()).newer_key);
  EXPECT_FALSE(court.Choose(both, fresh.user()).newer_key);
  const CertificateChoice changed = court.Choose({both[1]}, old.user());
  ASSERT_TRUE(changed.object);
  EXPECT_TRUE(changed.key_changed);
}

TEST(ChooseCertificate, SaysWhyNoneWasTaken) {
  Court court;
  EXPECT_FALSE(court.Choose({}).object);
  sim::Authority stranger(14);
  const sim::Person far = stranger.MakePerson("bob@example.org");
  EXPECT_EQ(court.Choose({court.Authentication(far)}).verdict.fault,
            pki::ChainFault::kUntrustedRoot);
  const sim::Person bob = court.authority.MakePerson("bob@example.org");
  const pki::Crl crl = court.authority.Revoke({bob.chain.leaf()});
  ASSERT_TRUE(court.trust.AddCrl(court.authority.root(), crl).ok());
  const CertificateChoice refused =
      court.Choose({court.Authentication(bob), court.Authentication(far)});
  EXPECT_FALSE(refused.object);
  EXPECT_EQ(refused.verdict.fault, pki::ChainFault::kRevoked);
}

TEST(IssuersOf, NamesEachTrustedIssuerOnce) {
  Court court;
  sim::Authority stranger(14);
  const std::vector<store::Object> objects{
      court.Authentication(court.authority.MakePerson("bob@example.org")),
      court.Authentication(court.authority.MakePerson("bob@example.org")),
      court.Authentication(stranger.MakePerson("bob@example.org"))};
  const auto issuers = IssuersOf(objects, court.trust);
  ASSERT_EQ(issuers.size(), 1u);
  EXPECT_EQ(issuers[0].fingerprint(), court.authority.root().fingerprint());
}

TEST(JudgeStates, TheNewestOfEachDeviceCountsAndNothingOlderThanSeen) {
  Court court;
  const sim::Person desk = court.authority.MakePerson("bob@example.org");
  const sim::Person phone = court.authority.AtDevice("bob@example.org", desk.key, desk.chain);
  const auto& user = desk.key.public_key();
  StateView view = JudgeStates({court.State(desk, 3), court.State(desk, 5),
                                court.State(phone, 2, wire::v1::UserStateBody::FLAG_AWAY)},
                               user, court.seen, court.now);
  ASSERT_EQ(view.devices.size(), 2u);
  EXPECT_EQ(view.availability(), Availability::kOnline);
  Remember(view, user.hash(), court.now, court.seen);
  view = JudgeStates({court.State(desk, 4), court.State(phone, 2)}, user, court.seen, court.now);
  EXPECT_EQ(view.outdated, 1);
  ASSERT_EQ(view.devices.size(), 1u);
  EXPECT_EQ(view.devices[0].device.id, phone.device.id);
  view = JudgeStates({court.State(desk, 9)}, user, court.seen, court.now + absl::Minutes(6));
  EXPECT_TRUE(view.devices.empty());  // expired
}

TEST(JudgeStates, SomebodyElsesStateIsForeign) {
  Court court;
  const sim::Person bob = court.authority.MakePerson("bob@example.org");
  const sim::Person eve = court.authority.MakePerson("eve@example.org");
  const StateView view =
      JudgeStates({court.State(eve, 1)}, bob.key.public_key(), court.seen, court.now);
  EXPECT_EQ(view.foreign, 1);
  EXPECT_TRUE(view.devices.empty());
  EXPECT_EQ(view.availability(), Availability::kOffline);
}

TEST(JudgeStates, ARevokedDeviceIsNotThere) {
  Court court;
  const sim::Person desk = court.authority.MakePerson("bob@example.org");
  wire::v1::DeviceListBody body;
  body.set_user_key(ToText(desk.key.public_key().spki()));
  body.set_number(4);
  body.add_revoked(desk.device.id.ToString());
  body.set_expires(absl::ToUnixSeconds(court.now + absl::Hours(24)));
  const auto list = store::MakeDeviceList(desk.key, body, court.now);
  ASSERT_TRUE(list.ok()) << list.status();
  StateView view =
      JudgeStates({court.State(desk, 1), *list}, desk.key.public_key(), court.seen, court.now);
  ASSERT_EQ(view.devices.size(), 1u);
  EXPECT_TRUE(view.devices[0].revoked);
  EXPECT_EQ(view.availability(), Availability::kOffline);
  EXPECT_EQ(ToEntry(view.devices[0]).availability, Availability::kOffline);
  // An older list does not take the revocation back.
  Remember(view, desk.user(), court.now, court.seen);
  body.set_number(3);
  body.clear_revoked();
  const auto older = store::MakeDeviceList(desk.key, body, court.now);
  view = JudgeStates({*older}, desk.key.public_key(), court.seen, court.now);
  EXPECT_EQ(view.outdated, 1);
}

TEST(JudgeStates, TheAnchorIsNoMachine) {
  Court court;
  const sim::Person bob = court.authority.MakePerson("bob@example.org");
  const pki::DeviceKeys keys = AnchorKeys(bob.key.public_key(), Bytes(32, 1));
  EXPECT_EQ(keys.id, AnchorId(bob.key.public_key()));
  sim::Person anchor = court.authority.AtDevice("bob@example.org", bob.key, bob.chain);
  anchor.device = AnchorKeys(bob.key.public_key(), Bytes(32, 1));
  anchor.device_certificate =
      *store::MakeDeviceCertificate(bob.key, anchor.device, "anchor", court.now + absl::Hours(24));
  const StateView view =
      JudgeStates({court.State(anchor, 1, wire::v1::UserStateBody::FLAG_OFFLINE)},
                  bob.key.public_key(), court.seen, court.now);
  EXPECT_TRUE(view.anchor.has_value());
  EXPECT_TRUE(view.devices.empty());
}

}  // namespace
}  // namespace p2pd::presence
