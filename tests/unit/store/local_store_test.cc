#include "libcore/store/local_store.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libcore/store/memory_table.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class LocalStoreTest : public testing::Test {
 protected:
  KeepResult Keep(const Object& object, const std::string& account = "N1", absl::Duration at = {}) {
    return store->Keep(object, {object.key(), account, false}, f.now + at);
  }
  std::vector<StoredRow> Read(const Key& key, const ReadOptions& options = {}) {
    return store->Read(key, options, f.now);
  }
  void Make(const LocalStoreOptions& options) {
    store = std::make_unique<LocalStore>(options, table, counters);
  }
  Object List(uint64_t number, std::vector<pki::DeviceId> revoked) {
    return *MakeDeviceList(f.person.key, f.ListBody(number, std::move(revoked)), f.now);
  }
  ObjectFixture f;
  MemoryTable table;
  Counters counters;
  std::unique_ptr<LocalStore> store =
      std::make_unique<LocalStore>(LocalStoreOptions(), table, counters);
};

TEST_F(LocalStoreTest, NeverRollsBack) {
  EXPECT_EQ(Keep(f.State(5)), KeepResult::kKept);
  EXPECT_EQ(Keep(f.State(4)), KeepResult::kStale);
  EXPECT_EQ(Keep(f.State(6)), KeepResult::kKept);
  const auto rows = Read(UserKeyPlace(f.spki()));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].object.sequence(), Sequence(6));
  EXPECT_EQ(counters.Get("store.refused_stale"), 1u);
}

TEST_F(LocalStoreTest, EqualSequenceOnlyWithEqualBody) {
  const Object first = f.State(5);
  auto body = f.StateBody(f.device, 5);
  body.set_flag(wire::v1::UserStateBody::FLAG_BUSY);
  EXPECT_EQ(Keep(first), KeepResult::kKept);
  EXPECT_EQ(Keep(first), KeepResult::kAlreadyHere);
  EXPECT_EQ(Keep(*MakeUserState(f.device, body, f.now)), KeepResult::kConflict);
}

TEST_F(LocalStoreTest, AnotherSignatureOverTheSameIsTheSame) {
  EXPECT_EQ(Keep(f.Authentication()), KeepResult::kKept);
  EXPECT_EQ(Keep(f.Authentication()), KeepResult::kAlreadyHere);
  EXPECT_EQ(table.total_objects(), 1u);
}

TEST_F(LocalStoreTest, TwoDevicesDoNotOverwriteEachOther) {
  const pki::DeviceKeys second = pki::DeviceKeys::Generate(f.ca.rng);
  EXPECT_EQ(Keep(f.State(5)), KeepResult::kKept);
  EXPECT_EQ(Keep(f.State(second, 1)), KeepResult::kKept);
  EXPECT_EQ(Read(UserKeyPlace(f.spki())).size(), 2u);
}

TEST_F(LocalStoreTest, NinthDeviceIsRefusedUntilOneIsRevoked) {
  std::vector<pki::DeviceKeys> devices;
  for (size_t i = 0; i < kMaxDevicesPerUser; ++i) {
    devices.push_back(pki::DeviceKeys::Generate(f.ca.rng));
    EXPECT_EQ(Keep(f.State(devices.back(), 1)), KeepResult::kKept);
  }
  const pki::DeviceKeys ninth = pki::DeviceKeys::Generate(f.ca.rng);
  EXPECT_EQ(Keep(f.State(ninth, 1)), KeepResult::kPlaceFull);
  EXPECT_EQ(Keep(f.State(devices[0], 2)), KeepResult::kKept);
  EXPECT_EQ(Keep(List(1, {devices[3].id})), KeepResult::kKept);
  EXPECT_EQ(Keep(f.State(ninth, 1)), KeepResult::kKept);
}

TEST_F(LocalStoreTest, RevokedDeviceIsNeitherKeptNorGivenOut) {
  EXPECT_EQ(Keep(f.State(1)), KeepResult::kKept);
  EXPECT_EQ(Keep(List(1, {f.device.id})), KeepResult::kKept);
  ReadOptions states;
  states.kinds = {wire::v1::OBJECT_KIND_USER_STATE};
  EXPECT_TRUE(Read(UserKeyPlace(f.spki()), states).empty());
  EXPECT_EQ(Keep(f.State(2)), KeepResult::kRevoked);
  // An older list does not bring it back.
  EXPECT_EQ(Keep(List(2, {f.device.id})), KeepResult::kKept);
  EXPECT_EQ(Keep(List(1, {})), KeepResult::kStale);
  // A row that slipped in beside the rules is hidden all the same.
  const Object state = f.State(3);
  ASSERT_TRUE(table.Insert({state, "N1", f.now, state.key()}).ok());
  EXPECT_TRUE(Read(UserKeyPlace(f.spki()), states).empty());
}

TEST_F(LocalStoreTest, RemovalTakesTheValueAndKeepsItAway) {
  const Object raw =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_RAW, f.RawBody()), f.now).object;
  const Object removal =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_REMOVAL, f.RemovalBody()), f.now)
           .object;
  const LocalStore::KeepOptions owner{raw.key(), "N1", true};
  EXPECT_EQ(store->Keep(removal, owner, f.now), KeepResult::kNothingToRemove);
  EXPECT_EQ(Keep(raw), KeepResult::kKept);
  EXPECT_EQ(store->Keep(removal, owner, f.now), KeepResult::kKept);
  EXPECT_TRUE(Read(raw.key()).empty());
  EXPECT_EQ(Keep(raw), KeepResult::kRemoved);
  // Replicas pass it on also to who never saw the value.
  EXPECT_EQ(store->ReadAll(raw.key(), f.now).size(), 1u);
  EXPECT_EQ(Keep(removal), KeepResult::kAlreadyHere);
}

TEST_F(LocalStoreTest, WrongSecretRemovesNothing) {
  const Object raw =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_RAW, f.RawBody()), f.now).object;
  EXPECT_EQ(Keep(raw), KeepResult::kKept);
  auto body = f.RemovalBody();
  body.set_secret("guessed");
  const Object guess =
      *Validate(ObjectFixture::Unsigned(wire::v1::OBJECT_KIND_REMOVAL, body), f.now).object;
  EXPECT_EQ(store->Keep(guess, {raw.key(), "N1", true}, f.now), KeepResult::kNothingToRemove);
  EXPECT_EQ(Read(raw.key()).size(), 1u);
}

TEST_F(LocalStoreTest, PlaceMustBeTheKeyOrItsSecond) {
  const Object state = f.State();
  EXPECT_EQ(store->Keep(state, {SecondPlace(state.key()), "N1", false}, f.now), KeepResult::kKept);
  EXPECT_EQ(store->Keep(state, {Key(), "N1", false}, f.now), KeepResult::kWrongPlace);
  const Object environment = f.Environment();
  EXPECT_EQ(store->Keep(environment, {SecondPlace(environment.key()), "N1", false}, f.now),
            KeepResult::kWrongPlace);
}

TEST_F(LocalStoreTest, ReaderNamesTheRootsItTrusts) {
  pki::TestCa other(pki::KeyKind::kP256, 33);
  const pki::Person twin = other.MakePerson(f.kEmail);
  const auto chain = *pki::CertificateChain::Make({twin.certificate, other.root});
  const Object theirs =
      *MakeAuthentication(twin.key, chain, f.kEmail, f.now + absl::Hours(24), f.now);
  const Object ours = f.Authentication();
  ASSERT_EQ(theirs.key(), ours.key());
  EXPECT_EQ(Keep(ours), KeepResult::kKept);
  EXPECT_EQ(Keep(theirs), KeepResult::kKept);
  ReadOptions options;
  EXPECT_EQ(Read(ours.key(), options).size(), 2u);
  options.roots = {f.ca.root.fingerprint()};
  const auto rows = Read(ours.key(), options);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].object.digest(), ours.digest());
}

TEST_F(LocalStoreTest, ExpiredRowsAreHiddenBeforeTheyAreSwept) {
  const Object raw = f.Raw("x", absl::Minutes(1));
  EXPECT_EQ(Keep(raw), KeepResult::kKept);
  EXPECT_TRUE(store->Read(raw.key(), {}, f.now + absl::Minutes(1)).empty());
  EXPECT_EQ(store->EraseExpired(f.now + absl::Minutes(1)), 1u);
  EXPECT_EQ(counters.Get("store.expired"), 1u);
}

TEST_F(LocalStoreTest, FullPlaceLosesTheNewestOfItsLargestAccount) {
  for (size_t i = 0; i < kMaxObjectsPerPlace; ++i) {
    const auto age = absl::Seconds(static_cast<int64_t>(i));
    EXPECT_EQ(Keep(f.Raw(absl::StrCat("greedy ", i)), "Ngreedy", age), KeepResult::kKept);
  }
  EXPECT_EQ(Keep(f.Raw("one more"), "Ngreedy"), KeepResult::kPlaceFull);
  EXPECT_EQ(Keep(f.Raw("modest"), "Nmodest"), KeepResult::kKept);
  EXPECT_EQ(Read(Key()).size(), kMaxObjectsPerPlace);
  const Object last = f.Raw(absl::StrCat("greedy ", kMaxObjectsPerPlace - 1));
  EXPECT_FALSE(store->Holds(Key(), last.digest()));
  EXPECT_EQ(counters.Get("store.evicted_place_full"), 1u);
}

TEST_F(LocalStoreTest, AFewBytesLessAreNoClaimToSomebodysRoom) {
  for (size_t i = 0; i < kMaxObjectsPerPlace; ++i) {
    const Object longer = f.Raw(absl::StrCat("longer ", i));
    EXPECT_EQ(Keep(longer, absl::StrCat("N", i)), KeepResult::kKept);
  }
  EXPECT_EQ(Keep(f.Raw("y"), "Nnew"), KeepResult::kPlaceFull);
}

TEST_F(LocalStoreTest, WhatOnlyTheOwnerCanWriteHasARoomOfItsOwn) {
  const Object state = f.State(5);
  for (size_t i = 0; i < kMaxObjectsPerPlace; ++i) {
    const Object raw = f.Raw(absl::StrCat("x", i), absl::Hours(1), state.key());
    EXPECT_EQ(Keep(raw, absl::StrCat("N", i)), KeepResult::kKept);
  }
  EXPECT_EQ(Keep(state, "Nowner"), KeepResult::kKept);
  EXPECT_EQ(counters.Get("store.evicted_place_full"), 0u);
}

TEST_F(LocalStoreTest, PlaceHasABoundInBytesToo) {
  const std::string large(60000, 'x');
  int kept = 0;
  for (int i = 0; i < 6; ++i) {
    kept += Keep(f.Raw(absl::StrCat(i, large))) == KeepResult::kKept ? 1 : 0;
  }
  EXPECT_EQ(kept, 4);
}

TEST_F(LocalStoreTest, NetworkHasItsShare) {
  Make({1 << 20, 10000});
  const std::string data(3000, 'x');
  EXPECT_EQ(Keep(f.Raw(data + "1")), KeepResult::kKept);
  EXPECT_EQ(Keep(f.Raw(data + "2")), KeepResult::kKept);
  EXPECT_EQ(Keep(f.Raw(data + "3")), KeepResult::kKept);
  EXPECT_EQ(Keep(f.Raw(data + "4")), KeepResult::kOverQuota);
  EXPECT_EQ(Keep(f.Raw(data + "4"), "N2"), KeepResult::kKept);
  // A trusted root and a private network have no share to keep to.
  EXPECT_EQ(Keep(f.Raw(data + "5"), "P1"), KeepResult::kKept);
  // The same again costs nothing.
  EXPECT_EQ(Keep(f.Raw(data + "1", absl::Hours(25))), KeepResult::kKept);
}

TEST_F(LocalStoreTest, FullTableLosesTheNewestOfItsLargestAccount) {
  Make({20000, 1 << 20});
  const std::string data(3000, 'x');
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Keep(f.Raw(absl::StrCat(data, i), absl::Hours(1), HashKey("t", Bytes(1, 1))),
                   "Ngreedy", absl::Seconds(i)),
              KeepResult::kKept);
  }
  EXPECT_EQ(Keep(f.Raw(data + "7"), "Ngreedy"), KeepResult::kTableFull);
  EXPECT_EQ(Keep(f.Raw(data + "8"), "Nmodest"), KeepResult::kKept);
  EXPECT_LE(table.total_bytes(), 20000u);
  EXPECT_EQ(counters.Get("store.evicted_table_full"), 1u);
  EXPECT_EQ(counters.Get("store.refused_table_full"), 1u);
}

TEST_F(LocalStoreTest, AFullDiskKeepsNothingAndSaysSo) {
  table.FailInserts(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(Keep(f.Raw("x")), KeepResult::kFailed);
  EXPECT_EQ(counters.Get("store.refused_disk_failed"), 1u);
}

}  // namespace
}  // namespace p2pd::store
