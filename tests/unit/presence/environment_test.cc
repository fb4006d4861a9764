#include "libcore/presence/environment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/pki/hash.h"
#include "tests/sim/people.h"

namespace p2pd::presence {
namespace {

constexpr char kBlob[] = "identities/a/environment";
const absl::Time kNow = absl::FromUnixSeconds(1767225600);

struct Box {
  SeededRng rng{7};
  MemoryStorage storage;
  Counters counters;
  Environment environment = Environment::Fresh(kBlob, rng);
};

pki::DeviceId Device(uint8_t first) {
  pki::DeviceId id;
  id.mutable_view()[0] = first;
  return id;
}

TEST(Environment, TheKeyIsTheHashOfTheFirstConfigAndStaysSo) {
  Box box;
  const SecretBytes key(box.environment.config_key());
  const Bytes first = EncodeConfig(box.environment.config());
  EXPECT_EQ(pki::Sha256(first).view(), key.view());
  ASSERT_TRUE(box.environment.AddContact(box.storage, kNow, "bob@example.org", "Bob").ok());
  EXPECT_EQ(box.environment.config_key(), key.view());
  const auto again = Environment::Load(box.storage, kBlob);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->config_key(), key.view());
  EXPECT_EQ(again->Contact("bob@example.org")->name(), "Bob");
}

TEST(Environment, TheSigningKeyFollowsFromTheConfigKeyAlone) {
  const SecretBytes one(Bytes(32, 1));
  const SecretBytes two(Bytes(32, 2));
  EXPECT_EQ(EnvironmentSigningKey(one.view()).public_key(),
            EnvironmentSigningKey(one.view()).public_key());
  EXPECT_NE(EnvironmentSigningKey(one.view()).public_key(),
            EnvironmentSigningKey(two.view()).public_key());
  EXPECT_NE(EnvironmentSigningKey(one.view()).seed(), one.view());
}

TEST(Environment, AddRemoveAndAddAgain) {
  Box box;
  Environment& e = box.environment;
  ASSERT_TRUE(e.AddContact(box.storage, kNow, "bob@example.org", "").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(e.AddContact(box.storage, kNow, "bob@example.org", "")));
  ASSERT_TRUE(e.Pin(box.storage, kNow, "bob@example.org", pki::KeyHash()).ok());
  ASSERT_TRUE(e.RemoveContact(box.storage, kNow, "bob@example.org").ok());
  EXPECT_TRUE(absl::IsNotFound(e.RemoveContact(box.storage, kNow, "bob@example.org")));
  EXPECT_EQ(e.Contact("bob@example.org"), nullptr);
  EXPECT_EQ(e.config().contacts_size(), 1);  // the removal is remembered
  ASSERT_TRUE(e.AddContact(box.storage, kNow, "bob@example.org", "").ok());
  EXPECT_TRUE(e.Contact("bob@example.org")->pinned_key().empty());
}

TEST(Environment, EachChangeIsLaterThanTheOneBeforeEvenWhenTheClockStands) {
  Box box;
  Environment& e = box.environment;
  ASSERT_TRUE(e.AddContact(box.storage, kNow, "bob@example.org", "").ok());
  const int64_t added = e.config().contacts(0).changed();
  ASSERT_TRUE(e.RemoveContact(box.storage, kNow - absl::Hours(1), "bob@example.org").ok());
  EXPECT_GT(e.config().contacts(0).changed(), added);
}

TEST(Environment, AFullDiskChangesNothing) {
  Box box;
  ASSERT_TRUE(box.environment.AddContact(box.storage, kNow, "bob@example.org", "").ok());
  box.storage.FailWrites(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(box.environment.AddContact(box.storage, kNow, "carol@example.org", "").ok());
  EXPECT_FALSE(box.environment.RemoveContact(box.storage, kNow, "bob@example.org").ok());
  EXPECT_FALSE(box.environment.Set(box.storage, kNow, "ringing", "x").ok());
  EXPECT_EQ(box.environment.Contacts().size(), 1u);
  EXPECT_EQ(box.environment.Setting("ringing"), "");
}

TEST(Environment, LimitsAreSaid) {
  Box box;
  Environment& e = box.environment;
  EXPECT_TRUE(absl::IsInvalidArgument(
      e.AddContact(box.storage, kNow, "bob@example.org", std::string(65, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(e.Set(box.storage, kNow, "", "x")));
  EXPECT_TRUE(absl::IsInvalidArgument(e.Set(box.storage, kNow, "x", std::string(1025, 'x'))));
  for (size_t i = 0; i < kMaxSettings; ++i) {
    ASSERT_TRUE(e.Set(box.storage, kNow, absl::StrCat("s", i), "x").ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(e.Set(box.storage, kNow, "one more", "x")));
  ASSERT_TRUE(e.Set(box.storage, kNow, "s1", "y").ok());  // changing is no new one
}

TEST(Environment, WhatDoesNotFitOneObjectIsRefused) {
  Box box;
  wire::v1::UserConfig theirs;
  theirs.set_salt(box.environment.config().salt());
  for (int i = 0; i < 2000; ++i) {
    wire::v1::ContactEntry& entry = *theirs.add_contacts();
    entry.set_email(absl::StrCat("somebody.with.a.long.name", i, "@example.org"));
    entry.set_changed(1);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(box.environment.Merge(box.storage, kNow, theirs).status()));
  EXPECT_TRUE(box.environment.Contacts().empty());
}

wire::v1::UserConfig RandomConfig(SeededRng& rng) {
  wire::v1::UserConfig config;
  config.set_salt(std::string(32, 's'));
  const uint64_t contacts = rng.Below(6);
  for (uint64_t i = 0; i < contacts; ++i) {
    wire::v1::ContactEntry entry;
    entry.set_email(absl::StrCat("p", rng.Below(5), "@example.org"));
    entry.set_changed(static_cast<int64_t>(rng.Below(4)));
    entry.set_removed(rng.Below(3) == 0);
    if (!entry.removed()) entry.set_name(absl::StrCat("n", rng.Below(3)));
    *config.add_contacts() = entry;
  }
  const uint64_t settings = rng.Below(3);
  for (uint64_t i = 0; i < settings; ++i) {
    wire::v1::SettingEntry& entry = (*config.mutable_settings())[absl::StrCat("s", rng.Below(2))];
    entry.set_value(absl::StrCat("v", rng.Below(3)));
    entry.set_changed(static_cast<int64_t>(rng.Below(3)));
  }
  return config;
}

TEST(EnvironmentMerge, TheOrderOfMeetingDoesNotMatter) {
  SeededRng rng(11);
  const absl::Time never = absl::UnixEpoch() - absl::Seconds(1);
  for (int round = 0; round < 500; ++round) {
    const auto a = RandomConfig(rng);
    const auto b = RandomConfig(rng);
    const auto c = RandomConfig(rng);
    const auto merge = [never](const auto& x, const auto& y) { return MergeConfigs(x, y, never); };
    EXPECT_EQ(EncodeConfig(merge(a, b)), EncodeConfig(merge(b, a)));
    EXPECT_EQ(EncodeConfig(merge(merge(a, b), c)), EncodeConfig(merge(a, merge(b, c))));
    const auto ab = merge(a, b);
    EXPECT_EQ(EncodeConfig(merge(ab, a)), EncodeConfig(ab));
  }
}

TEST(EnvironmentMerge, TheLaterChangeWinsAndARemovalWinsATie) {
  wire::v1::UserConfig mine;
  wire::v1::ContactEntry& old = *mine.add_contacts();
  old.set_email("bob@example.org");
  old.set_changed(5);
  wire::v1::UserConfig theirs = mine;
  theirs.mutable_contacts(0)->set_removed(true);
  EXPECT_TRUE(MergeConfigs(mine, theirs, absl::UnixEpoch()).contacts(0).removed());
  EXPECT_TRUE(MergeConfigs(theirs, mine, absl::UnixEpoch()).contacts(0).removed());
  mine.mutable_contacts(0)->set_changed(6);
  EXPECT_FALSE(MergeConfigs(theirs, mine, absl::UnixEpoch()).contacts(0).removed());
}

TEST(EnvironmentMerge, OldRemovalsAreForgotten) {
  wire::v1::UserConfig mine;
  wire::v1::ContactEntry& entry = *mine.add_contacts();
  entry.set_email("bob@example.org");
  entry.set_removed(true);
  entry.set_changed(absl::ToUnixMillis(kNow));
  EXPECT_EQ(MergeConfigs(mine, mine, kNow).contacts_size(), 1);
  EXPECT_EQ(MergeConfigs(mine, mine, kNow + absl::Milliseconds(1)).contacts_size(), 0);
}

TEST(EnvironmentDecode, SenseIsAskedFor) {
  wire::v1::UserConfig config;
  EXPECT_FALSE(DecodeConfig(EncodeConfig(config)));  // no salt
  config.set_salt(std::string(31, 's'));
  EXPECT_FALSE(DecodeConfig(EncodeConfig(config)));
  config.set_salt(std::string(32, 's'));
  EXPECT_TRUE(DecodeConfig(EncodeConfig(config)));
  EXPECT_FALSE(DecodeConfig(AsBytes("\xff\xff")));
  EXPECT_FALSE(DecodeConfig(Bytes(kMaxConfigBytes + 1)));
  // Single entries that make no sense are left out, the rest stays.
  const auto add = [&config](const std::string& email, int64_t changed) -> auto& {
    wire::v1::ContactEntry& entry = *config.add_contacts();
    entry.set_email(email);
    entry.set_changed(changed);
    return entry;
  };
  add("bob@example.org", 1);
  add("Carol@Example.org", 1);                        // not normalised
  add("../../etc/passwd", 1);                         // no address
  add("dan@example.org", -1);                         // before 1970
  add("eve@example.org", INT64_MAX);                  // would win for ever
  add("fay@example.org", 1).set_pinned_key("short");  // no hash
  add("gus@example.org", 1).set_name(std::string(65, 'x'));
  const auto decoded = DecodeConfig(EncodeConfig(config));
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->contacts_size(), 1);
  EXPECT_EQ(decoded->contacts(0).email(), "bob@example.org");
}

TEST(EnvironmentObject, OnlyTheKeyOpensItAndSequencesOfTwoDevicesDiffer) {
  Box box;
  ASSERT_TRUE(box.environment.AddContact(box.storage, kNow, "bob@example.org", "").ok());
  const auto one =
      box.environment.MakeObject(box.storage, kNow, kNow + absl::Hours(24), Device(1), box.rng);
  ASSERT_TRUE(one.ok()) << one.status();
  auto twin = Environment::Load(box.storage, kBlob);
  ASSERT_TRUE(twin.ok());
  const auto two = twin->MakeObject(box.storage, kNow, kNow + absl::Hours(24), Device(2), box.rng);
  ASSERT_TRUE(two.ok());
  EXPECT_GT(two->sequence(), one->sequence());
  EXPECT_NE(two->sequence().value() & 0xffff, one->sequence().value() & 0xffff);
  const auto opened = OpenEnvironment(box.environment.config_key(), *one, box.counters);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->contacts(0).email(), "bob@example.org");
  EXPECT_FALSE(OpenEnvironment(Bytes(32, 9), *one, box.counters));
  EXPECT_EQ(box.counters.Get("presence.environment_unreadable"), 1u);
  EXPECT_EQ(AsText(one->bytes()).find("bob@"), absl::string_view::npos);
}

TEST(EnvironmentObject, ANumberIsReservedBeforeItIsUsed) {
  Box box;
  ASSERT_TRUE(box.environment.Set(box.storage, kNow, "a", "b").ok());
  box.storage.FailWrites(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(
      box.environment.MakeObject(box.storage, kNow, kNow + absl::Hours(1), Device(1), box.rng)
          .ok());
  box.storage.FailWrites(absl::OkStatus());
  const auto made =
      box.environment.MakeObject(box.storage, kNow, kNow + absl::Hours(1), Device(1), box.rng);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(Environment::Load(box.storage, kBlob)->sequence(), made->sequence());
}

TEST(Environment, AdoptingMovesTheContentsToTheOtherKey) {
  Box box;
  ASSERT_TRUE(box.environment.AddContact(box.storage, kNow, "bob@example.org", "").ok());
  auto theirs = FreshConfig(box.rng);
  const SecretBytes key = ConfigKeyOf(theirs.salt());
  wire::v1::ContactEntry& entry = *theirs.add_contacts();
  entry.set_email("carol@example.org");
  entry.set_changed(3);
  ASSERT_TRUE(box.environment.Adopt(box.storage, kNow, key.view(), theirs).ok());
  EXPECT_EQ(box.environment.config_key(), key.view());
  EXPECT_EQ(box.environment.Contacts().size(), 2u);
  const auto again = Environment::Load(box.storage, kBlob);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->published());
  EXPECT_EQ(again->Contacts().size(), 2u);
}

TEST(Environment, ADamagedBlobIsNamed) {
  Box box;
  EXPECT_TRUE(absl::IsNotFound(Environment::Load(box.storage, kBlob).status()));
  ASSERT_TRUE(box.environment.Set(box.storage, kNow, "a", "b").ok());
  Bytes bytes = *box.storage.Read(kBlob);
  bytes[3] ^= 1;  // in the key: no longer that of the salt
  ASSERT_TRUE(box.storage.Write(kBlob, bytes, FileMode::kSecret).ok());
  const absl::Status status = Environment::Load(box.storage, kBlob).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_NE(status.message().find(kBlob), absl::string_view::npos);
}

TEST(Environment, TheSealedKeyIsMadeOncePerCertificateAndOpensWithItsKey) {
  Box box;
  sim::Authority authority(3);
  const sim::Person alice = authority.MakePerson("alice@example.org");
  const auto sealed =
      box.environment.SealedKeyFor(box.storage, authority.crypto(), alice.chain.leaf());
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(*box.environment.SealedKeyFor(box.storage, authority.crypto(), alice.chain.leaf()),
            *sealed);
  EXPECT_LE(sealed->size(), 1024u);  // objects.proto
  const sim::Person other = authority.MakePerson("bob@example.org");
  EXPECT_NE(*box.environment.SealedKeyFor(box.storage, authority.crypto(), other.chain.leaf()),
            *sealed);
}

}  // namespace
}  // namespace p2pd::presence
