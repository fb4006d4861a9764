// What goes wrong around presence: loss, old and forged states, revocation, other keys, full disks,
// locked keys, damaged files.
#include <gtest/gtest.h>

#include "libcore/presence/revocations.h"
#include "libcore/store/object_judge.h"
#include "tests/sim/presence_host.h"

namespace p2pd::sim {
namespace {

using presence::Availability;
using presence::IdentityState;

constexpr char kAlice[] = "alice@example.org";
constexpr char kBob[] = "bob@example.org";

TEST(PresenceFaults, AnHourOfLossAndReorderingShowsNobodyOffline) {
  LinkOptions options;
  options.loss = 0.05;
  options.duplication = 0.02;
  options.jitter = absl::Milliseconds(80);
  Neighbourhood here(61, 8, options);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  ASSERT_TRUE(bob.AddContact(kAlice).ok());
  ASSERT_TRUE(here.Until(absl::Minutes(1), [&] {
    return alice.Sees(kBob) == Availability::kOnline && bob.Sees(kAlice) == Availability::kOnline;
  }));
  alice.history.clear();
  bob.history.clear();
  here.world().RunFor(absl::Hours(1));
  EXPECT_TRUE(alice.history.empty()) << alice.history.size();
  EXPECT_TRUE(bob.history.empty()) << bob.history.size();
  EXPECT_EQ(alice.Sees(kBob), Availability::kOnline);
  EXPECT_EQ(bob.Sees(kAlice), Availability::kOnline);
}

// Takes away what every node keeps of a user's states, at the first or at the second place.
std::vector<store::StoredRow> TakeStates(Neighbourhood& here, const store::Key& place) {
  std::vector<store::StoredRow> rows;
  const auto take = [&](store::MemoryTable& table) {
    for (const store::StoredRow& row : table.Find(place, wire::v1::OBJECT_KIND_USER_STATE)) {
      rows.push_back(row);
      P2PD_CHECK(table.Erase(place, row.object.kind(), row.object.slot()).ok());
    }
  };
  for (const auto& host : here.ring.hosts) take(host->table());
  for (const auto& host : here.machines) take(host->table());
  return rows;
}

void GiveStates(Neighbourhood& here, const std::vector<store::StoredRow>& rows) {
  for (const store::StoredRow& row : rows) {
    for (const auto& host : here.ring.hosts) P2PD_CHECK(host->table().Insert(row).ok());
  }
}

store::Key PlaceOf(PresenceHost& host) {
  return store::UserKeyPlace(host.Identity().chain->leaf().public_key().spki());
}

TEST(PresenceFaults, AnOldStatePutBackIsRefusedByName) {
  Neighbourhood here(62);
  presence::PresenceOptions options;
  options.state_lifetime = absl::Minutes(10);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob, options);
  const store::Key place = PlaceOf(bob);
  std::vector<store::StoredRow> old;
  for (const auto& host : here.ring.hosts) {
    for (const auto& row : host->table().Find(place, wire::v1::OBJECT_KIND_USER_STATE)) {
      if (row.object.user_state().flag() == wire::v1::UserStateBody::FLAG_ONLINE) old = {row};
    }
  }
  ASSERT_FALSE(old.empty());
  ASSERT_TRUE(bob.presence().SetAvailability(here.world().now(), "", Availability::kBusy).ok());
  bob.Kick();
  here.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(alice.Resolve(kBob).availability, Availability::kBusy);  // seen: a newer one
  bob.Crash();
  TakeStates(here, place);
  GiveStates(here, old);
  // The newer one is found at the second place.
  presence::OperationDone done = alice.Resolve(kBob);
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.availability, Availability::kBusy);
  here.world().RunFor(absl::Seconds(5));  // what the read put back at the first place is there
  TakeStates(here, place);
  TakeStates(here, store::SecondPlace(place));
  GiveStates(here, old);
  done = alice.Resolve(kBob);
  EXPECT_TRUE(absl::IsUnavailable(done.status)) << done.status;
  EXPECT_EQ(done.problem, "STATE_OLD");
  EXPECT_TRUE(done.resolved->devices.empty());
  EXPECT_GT(alice.counters().Get("presence.state_old"), 0u);
}

TEST(PresenceFaults, AForgedStateIsRefusedByName) {
  Neighbourhood here(63);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  const store::Key place = PlaceOf(bob);
  const net::Endpoint bob_at = bob.at();
  here.world().RunFor(absl::Seconds(2));  // the copies at the second place are on their way
  bob.Crash();
  const std::vector<store::StoredRow> rows = TakeStates(here, place);
  const auto online = std::find_if(rows.begin(), rows.end(), [](const store::StoredRow& row) {
    return row.object.user_state().addresses_size() > 0;
  });
  ASSERT_NE(online, rows.end());
  wire::v1::StoredObject stored;
  ASSERT_TRUE(stored.ParseFromArray(online->object.bytes().data(),
                                    static_cast<int>(online->object.bytes().size())));
  wire::v1::UserStateBody body;
  ASSERT_TRUE(body.ParseFromString(stored.body()));
  body.set_addresses(0, ToText(alice.at().ToBytes()));  // calls for Bob are to come to Mallory
  body.set_sequence(body.sequence() + 1000);
  stored.set_body(body.SerializeAsString());
  const auto forged = store::ParseStored(ToBytes(stored.SerializeAsString()));
  ASSERT_TRUE(forged.has_value());
  store::StoredRow row = *online;
  row.object = *forged;
  GiveStates(here, {row});
  // The true one stands at the second place.
  presence::OperationDone done = alice.Resolve(kBob);
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.resolved->devices.at(0).addresses.at(0), bob_at);
  TakeStates(here, place);
  TakeStates(here, store::SecondPlace(place));
  GiveStates(here, {row});
  done = alice.Resolve(kBob);
  EXPECT_FALSE(done.status.ok());
  EXPECT_EQ(done.problem, "STATE_FORGED") << done.status;
  EXPECT_GT(alice.counters().Get("presence.state_forged"), 0u);
  ASSERT_TRUE(done.resolved.has_value());
  EXPECT_TRUE(done.resolved->devices.empty());
}

TEST(PresenceFaults, ARevokedCertificateIsRefusedByName) {
  Neighbourhood here(64);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  ASSERT_TRUE(alice.Resolve(kBob).status.ok());
  const pki::Crl crl = here.authority.Revoke({bob.Identity().chain->leaf()});
  const presence::OperationDone published =
      bob.Await(bob.presence().PublishCrl(here.world().now(), AsBytes(crl.ToPem()), ByteView()));
  ASSERT_TRUE(published.status.ok()) << published.status;
  // Whoever published it knew it at once.
  EXPECT_EQ(bob.Identity().state, IdentityState::kLoggedOut);
  const presence::OperationDone done = alice.Resolve(kBob);
  EXPECT_TRUE(absl::IsPermissionDenied(done.status)) << done.status;
  EXPECT_EQ(done.fault, pki::ChainFault::kRevoked);
  EXPECT_EQ(done.problem, "REVOKED");
  // It outlives a restart.
  alice.Restart();
  ASSERT_TRUE(here.Until(absl::Seconds(30), [&] { return alice.active(); }));
  EXPECT_EQ(alice.Resolve(kBob).fault, pki::ChainFault::kRevoked);
}

// Everybody is logged in and sees each other when the list comes: nobody looks anybody up.
TEST(PresenceFaults, ARevocationReachesContactsAndItsOwnerWithinOneRefresh) {
  Neighbourhood here(74);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  PresenceHost& carol = here.AddPerson("carol@example.org");
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  ASSERT_TRUE(alice.AddContact("carol@example.org").ok());
  ASSERT_TRUE(bob.AddContact(kAlice).ok());
  ASSERT_TRUE(here.Until(absl::Minutes(1), [&] {
    return alice.Sees(kBob) == Availability::kOnline && bob.Sees(kAlice) == Availability::kOnline &&
           alice.Sees("carol@example.org") == Availability::kOnline;
  }));
  here.world().RunFor(absl::Minutes(3));
  const absl::Time wall = here.world().wall_now();
  const auto list = store::MakeRevocation(
      here.authority.root(), here.authority.Revoke({bob.Identity().chain->leaf()}), wall);
  ASSERT_TRUE(list.ok());
  ASSERT_TRUE(here.ring.hosts[0]->Put(*list).status.ok());
  const Instant published = here.world().now();
  EXPECT_TRUE(here.Until(presence::Revocations::kFresh + absl::Seconds(10), [&] {
    return alice.Sees(kBob) == Availability::kUnknown &&
           bob.Identity().state == IdentityState::kLoggedOut;
  }));
  RecordProperty("known_after_s",
                 static_cast<int>((here.world().now() - published) / absl::Seconds(1)));
  here.world().RunFor(absl::Seconds(30));
  const auto contact = alice.Contact(kBob);
  EXPECT_EQ(contact->problem, "REVOKED");
  EXPECT_FALSE(contact->verified);
  EXPECT_FALSE(contact->chain.has_value());
  EXPECT_TRUE(contact->devices.empty());
  EXPECT_EQ(alice.Sees("carol@example.org"), Availability::kOnline) << "nobody else is touched";
  EXPECT_EQ(carol.Identity().state, IdentityState::kLoggedIn);
  // It is named wherever Bob looks, also after a restart.
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(bob.Identity().fault, pki::ChainFault::kRevoked);
    EXPECT_NE(bob.Identity().problem.find("was revoked"), std::string::npos);
    const presence::OperationDone done = bob.Login();
    EXPECT_TRUE(absl::IsFailedPrecondition(done.status)) << done.status;
    EXPECT_EQ(done.problem, "REVOKED");
    bob.Restart();
    here.world().RunFor(absl::Minutes(1));
    EXPECT_EQ(bob.Identity().state, IdentityState::kLoggedOut);
  }
  here.world().RunFor(absl::Minutes(20));
  EXPECT_EQ(alice.Sees(kBob), Availability::kUnknown);
  // A new certificate for the same key, and all is well again.
  const auto csr =
      pki::MakeCsr(*pki::UserKey::FromPem(here.authority.crypto(),
                                          *bob.storage().Read("identities/bob@example.org/key.pem"),
                                          SecretBytes()),
                   "Bob", kBob);
  ASSERT_TRUE(csr.ok());
  ASSERT_TRUE(bob.presence()
                  .InstallCertificate(here.world().now(), AsBytes(here.Certify(AsText(*csr))),
                                      SecretBytes())
                  .ok());
  EXPECT_EQ(bob.Identity().problem, "");
  ASSERT_TRUE(bob.Login().status.ok());
  EXPECT_TRUE(here.Until(absl::Minutes(1), [&] {
    return alice.Sees(kBob) == Availability::kOnline;
  })) << alice.Contact(kBob)->problem;
  EXPECT_EQ(alice.Contact(kBob)->problem, "");
}

TEST(PresenceFaults, ALogInAsksForTheListFirst) {
  Neighbourhood here(75);
  PresenceHost& bob = here.AddPerson(kBob);
  const absl::Time wall = here.world().wall_now();
  const auto list = store::MakeRevocation(
      here.authority.root(), here.authority.Revoke({bob.Identity().chain->leaf()}), wall);
  ASSERT_TRUE(here.ring.hosts[0]->Put(*list).status.ok());
  // Logged in already, and asked a moment ago: asked again all the same.
  presence::OperationDone done = bob.Login();
  EXPECT_TRUE(absl::IsFailedPrecondition(done.status)) << done.status;
  EXPECT_EQ(done.problem, "REVOKED");
  ASSERT_TRUE(here.Until(absl::Seconds(10),
                         [&] { return bob.Identity().state == IdentityState::kLoggedOut; }));
  // Whoever never heard of it hears it at the first log-in, and nothing of theirs is written.
  PresenceHost& other = here.AddMachine();
  here.MakePerson(other, kAlice);
  const auto both = store::MakeRevocation(
      here.authority.root(),
      here.authority.Revoke({bob.Identity().chain->leaf(), other.Identity().chain->leaf()}, 2),
      here.world().wall_now());
  ASSERT_TRUE(here.ring.hosts[0]->Put(*both).status.ok());
  done = other.Login();
  EXPECT_EQ(done.problem, "REVOKED") << done.status;
  EXPECT_EQ(other.Identity().state_sequence.value(), 0u);
  EXPECT_TRUE(absl::IsNotFound(here.ring.hosts[0]->Get(store::AuthenticationKey(kAlice)).status));
}

TEST(PresenceFaults, WhoseRootIsTrustedNoMoreIsNotSeenAnyMore) {
  Neighbourhood here(76);
  PresenceHost& alice = here.AddPerson(kAlice);
  here.AddPerson(kBob);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  ASSERT_TRUE(
      here.Until(absl::Seconds(20), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
  ASSERT_TRUE(alice.presence().RemoveRoot(here.authority.root().fingerprint()).ok());
  alice.Kick();
  EXPECT_TRUE(
      here.Until(absl::Seconds(5), [&] { return alice.Sees(kBob) == Availability::kUnknown; }));
  EXPECT_EQ(alice.Contact(kBob)->problem, "UNTRUSTED_ROOT");
  ASSERT_TRUE(
      alice.presence().AddRoot(here.world().now(), AsBytes(here.authority.root().ToPem())).ok());
  alice.Kick();
  EXPECT_TRUE(
      here.Until(absl::Seconds(30), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
}

TEST(PresenceFaults, AStrangersListIsNotPublished) {
  Neighbourhood here(65);
  PresenceHost& alice = here.AddPerson(kAlice);
  Authority other(999, here.world().wall_now());
  const pki::Crl crl = other.Revoke({});
  presence::OperationDone done = alice.Await(
      alice.presence().PublishCrl(here.world().now(), AsBytes(crl.ToPem()), ByteView()));
  EXPECT_EQ(done.problem, "CRL_WRONG_SIGNATURE");
  done =
      alice.Await(alice.presence().PublishCrl(here.world().now(), AsBytes("no list"), ByteView()));
  EXPECT_EQ(done.problem, "CRL_MALFORMED");
}

TEST(PresenceFaults, AnotherKeyForAContactIsShownAndRingsNothing) {
  Neighbourhood here(66);
  PresenceHost& alice = here.AddPerson(kAlice);
  PresenceHost& bob = here.AddPerson(kBob);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  ASSERT_TRUE(
      here.Until(absl::Seconds(20), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
  // Somebody gets a certificate for Bob's address with another key.
  PresenceHost& mallory = here.AddPerson(kBob);
  here.world().RunFor(absl::Seconds(10));
  presence::OperationDone done = alice.Resolve(kBob);
  ASSERT_TRUE(done.status.ok()) << done.status;  // the pinned one counts
  EXPECT_EQ(done.resolved->devices.at(0).device.id, bob.Identity().device);
  // Bob's own certificate is revoked: what is left is not the one known.
  const pki::Crl crl = here.authority.Revoke({bob.Identity().chain->leaf()});
  bob.Await(bob.presence().PublishCrl(here.world().now(), AsBytes(crl.ToPem()), ByteView()));
  here.world().RunFor(absl::Minutes(11));
  done = alice.Resolve(kBob);
  EXPECT_TRUE(absl::IsPermissionDenied(done.status)) << done.status;
  EXPECT_EQ(done.problem, "KEY_CHANGED");
  EXPECT_TRUE(done.resolved->key_changed);
  // Removed and added again, the new key is taken.
  ASSERT_TRUE(alice.RemoveContact(kBob).ok());
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  EXPECT_TRUE(
      here.Until(absl::Seconds(30), [&] { return alice.Sees(kBob) == Availability::kOnline; }));
  EXPECT_EQ(*alice.Contact(kBob)->pinned, mallory.Identity().user);
}

TEST(PresenceFaults, AnUntrustedRootIsToldFromNobody) {
  Neighbourhood here(67);
  here.AddPerson(kBob);
  PresenceHost& alice = here.AddPerson(kAlice);
  ASSERT_TRUE(alice.presence().RemoveRoot(here.authority.root().fingerprint()).ok());
  const presence::OperationDone done = alice.Resolve(kBob);
  EXPECT_TRUE(absl::IsPermissionDenied(done.status)) << done.status;
  EXPECT_EQ(done.fault, pki::ChainFault::kUntrustedRoot);
}

TEST(PresenceFaults, ARevokedDeviceLogsOut) {
  Neighbourhood here(68);
  PresenceHost& first = here.AddPerson(kAlice);
  here.world().RunFor(absl::Seconds(5));
  PresenceHost& second = here.AddDevice(first, kAlice);
  ASSERT_TRUE(second.Login().status.ok());
  const pki::DeviceId stolen = second.Identity().device;
  presence::OperationDone done = first.Await(first.presence().ListDevices(here.world().now(), ""));
  ASSERT_TRUE(done.status.ok());
  ASSERT_EQ(done.devices.size(), 2u);
  EXPECT_TRUE(done.devices[0].this_device);
  EXPECT_EQ(done.devices[1].id, stolen);
  EXPECT_FALSE(done.devices[1].revoked);
  done = first.Await(first.presence().RevokeDevice(here.world().now(), "", stolen));
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_TRUE(here.Until(absl::Seconds(10),
                         [&] { return second.Identity().state == IdentityState::kLoggedOut; }));
  done = second.Login();
  EXPECT_TRUE(absl::IsPermissionDenied(done.status)) << done.status;
  EXPECT_EQ(done.problem, "DEVICE_REVOKED");
  done = first.Await(first.presence().ListDevices(here.world().now(), ""));
  ASSERT_EQ(done.devices.size(), 2u);
  EXPECT_TRUE(done.devices[1].revoked);
  done = first.Await(first.presence().RevokeDevice(here.world().now(), "", pki::DeviceId()));
  EXPECT_EQ(done.problem, "DEVICE_UNKNOWN");
  // To others there is one device of Alice's.
  PresenceHost& bob = here.AddPerson(kBob);
  done = bob.Resolve(kAlice);
  ASSERT_TRUE(done.status.ok());
  ASSERT_EQ(done.resolved->devices.size(), 1u);
  EXPECT_EQ(done.resolved->devices[0].device.id, first.Identity().device);
}

TEST(PresenceFaults, AFullDiskLeavesNothingHalfDone) {
  Neighbourhood here(69);
  PresenceHost& alice = here.AddPerson(kAlice);
  ASSERT_TRUE(alice.AddContact(kBob).ok());
  here.world().RunFor(absl::Seconds(10));
  const auto names = alice.storage().List("");
  alice.storage().FailWrites(absl::ResourceExhaustedError("no space left"));
  EXPECT_FALSE(alice.AddContact("carol@example.org").ok());
  EXPECT_FALSE(alice.presence().IsContact("", "carol@example.org"));
  EXPECT_FALSE(alice.RemoveContact(kBob).ok());
  EXPECT_TRUE(alice.presence().IsContact("", kBob));
  EXPECT_FALSE(alice.presence()
                   .CreateIdentity(here.world().now(), "dan@example.org", "", SecretBytes())
                   .ok());
  EXPECT_EQ(alice.presence().Identities().size(), 1u);
  EXPECT_FALSE(alice.presence().SetSetting(here.world().now(), "", "ringing", "bell").ok());
  EXPECT_EQ(alice.presence().Setting("", "ringing"), "");
  EXPECT_EQ(alice.storage().List(""), names);
  here.world().RunFor(absl::Minutes(6));  // refreshes go on with the sequences reserved before
  EXPECT_EQ(alice.Identity().state, IdentityState::kLoggedIn);
  alice.storage().FailWrites(absl::OkStatus());
  EXPECT_TRUE(alice.AddContact("carol@example.org").ok());
  alice.Restart();
  EXPECT_TRUE(alice.presence().IsContact("", "carol@example.org"));
  EXPECT_TRUE(alice.presence().IsContact("", kBob));
}

TEST(PresenceFaults, ALockedKeyLogsInAgainAfterARestartAndNotByHand) {
  Neighbourhood here(70);
  PresenceHost& alice = here.AddMachine();
  const SecretBytes passphrase(AsBytes("correct horse"));
  const auto csr = alice.presence().CreateIdentity(here.world().now(), kAlice, "Alice", passphrase);
  ASSERT_TRUE(csr.ok());
  EXPECT_EQ(alice.Identity().state, IdentityState::kNoCertificate);
  EXPECT_EQ(alice.Login().problem, "IDENTITY_WITHOUT_CERTIFICATE");
  ASSERT_TRUE(
      alice.presence()
          .InstallCertificate(here.world().now(), AsBytes(here.Certify(*csr)), SecretBytes())
          .ok());
  ASSERT_TRUE(alice.Login().status.ok());
  alice.Restart();
  ASSERT_TRUE(here.Until(absl::Seconds(30), [&] {
    return alice.Identity().state == IdentityState::kLoggedIn;
  })) << alice.Identity().problem;
  ASSERT_TRUE(alice.Logout().status.ok());
  EXPECT_EQ(alice.Identity().state, IdentityState::kLocked);
  EXPECT_EQ(alice.Login().problem, "IDENTITY_LOCKED");
  EXPECT_TRUE(absl::IsPermissionDenied(
      alice.presence().Unlock(here.world().now(), "", SecretBytes(AsBytes("wrong")))));
  ASSERT_TRUE(alice.presence().Unlock(here.world().now(), "", passphrase).ok());
  EXPECT_TRUE(alice.Login().status.ok());
}

TEST(PresenceFaults, DamagedFilesAreNamedAndTheRestWorks) {
  Neighbourhood here(71);
  PresenceHost& alice = here.AddPerson(kAlice);
  here.MakePerson(alice, kBob);
  ASSERT_TRUE(alice.AddContact("carol@example.org", kAlice).ok());
  here.world().RunFor(absl::Seconds(10));
  alice.Crash();
  const Bytes junk = ToBytes(absl::string_view("\xff\xff\xff"));
  ASSERT_TRUE(
      alice.storage().Write("identities/bob@example.org/identity", junk, FileMode::kSecret).ok());
  ASSERT_TRUE(alice.storage()
                  .Write("identities/alice@example.org/environment", junk, FileMode::kSecret)
                  .ok());
  ASSERT_TRUE(alice.storage().Write("trust/roots/abc", junk, FileMode::kPublic).ok());
  ASSERT_TRUE(alice.storage().Write("presence/seen", junk, FileMode::kSecret).ok());
  alice.Start();
  EXPECT_TRUE(alice.loaded.ok());
  const std::vector<std::string>& problems = alice.presence().Problems();
  ASSERT_EQ(problems.size(), 4u);
  EXPECT_NE(problems[0].find("trust/roots/abc"), std::string::npos);
  EXPECT_NE(problems[1].find("presence/seen"), std::string::npos);
  EXPECT_NE(problems[2].find("alice@example.org/environment"), std::string::npos);
  EXPECT_NE(problems[3].find("bob@example.org/identity"), std::string::npos);
  EXPECT_EQ(alice.presence().Identities().size(), 1u);
  // The environment comes back from the overlay.
  ASSERT_TRUE(here.Until(absl::Seconds(30),
                         [&] { return alice.Identity().state == IdentityState::kLoggedIn; }));
  EXPECT_TRUE(alice.presence().IsContact("", "carol@example.org"));
}

TEST(PresenceFaults, NobodyToAnswerIsSaidAndTriedAgain) {
  Neighbourhood here(72);
  PresenceHost& alice = here.AddMachine();
  here.MakePerson(alice, kAlice);
  here.world().SetPartition({alice.at()});
  here.world().RunFor(absl::Seconds(2));
  const presence::OperationDone done = alice.Login();
  if (!done.status.ok()) {
    EXPECT_TRUE(absl::IsUnavailable(done.status)) << done.status;
    EXPECT_EQ(done.problem, "NOT_ACKNOWLEDGED");
  }
  here.world().SetPartition({});
  EXPECT_TRUE(here.Until(absl::Minutes(5),
                         [&] { return alice.Identity().state == IdentityState::kLoggedIn; }));
}

TEST(PresenceFaults, WhatOfflineContactsCostDoesNotGrowWithThem) {
  constexpr int kSome = 30;
  constexpr int kMany = 100;
  Neighbourhood here(73);
  PresenceHost& lonely = here.AddPerson(kAlice);
  PresenceHost& some = here.AddPerson(kBob);
  PresenceHost& many = here.AddPerson("dave@example.org");
  for (int i = 0; i < kMany; ++i) {
    const std::string email = absl::StrCat("friend", i, "@example.org");
    const Person person = here.authority.MakePerson(email);
    const absl::Time wall = here.world().wall_now();
    const auto object = store::MakeAuthentication(person.key, person.chain, email,
                                                  wall + absl::Hours(24 * 30), wall);
    ASSERT_TRUE(object.ok()) << object.status();
    ASSERT_TRUE(here.ring.hosts[0]->Put(*object).status.ok());
    ASSERT_TRUE(many.AddContact(email).ok());
    if (i < kSome) {
      ASSERT_TRUE(some.AddContact(email).ok());
    }
  }
  here.world().RunFor(absl::Minutes(20));
  EXPECT_EQ(some.Sees("friend7@example.org"), Availability::kOffline);
  EXPECT_EQ(many.Sees("friend99@example.org"), Availability::kOffline);
  std::map<net::Endpoint, uint64_t> sent;
  here.world().SetTap([&sent](const net::Endpoint& from, net::Transmit& transmit) {
    sent[from] += transmit.datagram.size();
    return true;
  });
  const absl::Duration span = absl::Minutes(40);
  here.world().RunFor(span);
  const auto rate = [&](const PresenceHost& host) {
    return static_cast<double>(sent[host.at()]) / absl::ToDoubleSeconds(span);
  };
  std::printf("idle: %.0f B/s without contacts, %.0f with %d that are offline, %.0f with %d\n",
              rate(lonely), rate(some), kSome, rate(many), kMany);
  // One lease is renewed every 20 s, and one contact looked at every 5 minutes, however many there
  // are. Tox: 24 kB/s for ten (notes of the issue).
  EXPECT_LT(rate(some) - rate(lonely), 100.0);
  EXPECT_LT(rate(many) - rate(some), 80.0);
}

}  // namespace
}  // namespace p2pd::sim
