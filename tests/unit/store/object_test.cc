#include "libcore/store/object.h"

#include <gtest/gtest.h>

#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

TEST(Object, EveryKindIsAccepted) {
  ObjectFixture f;
  for (const Bytes& encoded : f.OneOfEach()) {
    const Judgement judgement = Validate(encoded, f.now);
    ASSERT_EQ(judgement.fault, ObjectFault::kNone) << ObjectFaultName(judgement.fault);
    EXPECT_EQ(judgement.object->bytes(), encoded);
    EXPECT_EQ(judgement.object->digest(), pki::Sha256(encoded));
    EXPECT_GT(judgement.object->expires(), f.now);
    EXPECT_NE(ObjectKindName(judgement.object->kind()), "unknown");
  }
}

TEST(Object, StoredRowsAreReadWithoutVerification) {
  ObjectFixture f;
  for (const Bytes& encoded : f.OneOfEach()) {
    const auto stored = ParseStored(encoded);
    ASSERT_TRUE(stored.has_value());
    const Object verified = *Validate(encoded, f.now).object;
    EXPECT_EQ(stored->key(), verified.key());
    EXPECT_EQ(stored->slot(), verified.slot());
    EXPECT_EQ(stored->sequence(), verified.sequence());
    EXPECT_EQ(stored->expires(), verified.expires());
  }
}

TEST(Object, EveryFlippedBitIsRefusedOrAnotherObject) {
  ObjectFixture f;
  for (const Bytes& encoded : f.OneOfEach()) {
    const Object good = *Validate(encoded, f.now).object;
    for (size_t i = 0; i < encoded.size(); i += 5) {
      Bytes bad = encoded;
      bad[i] ^= 0x10;
      const Judgement judgement = Validate(bad, f.now);
      if (judgement.fault != ObjectFault::kNone) continue;
      const Object& changed = *judgement.object;
      if (good.kind() == wire::v1::OBJECT_KIND_REVOCATION) {
        // Another wrapping of the same list (judge_public_test.cc).
        EXPECT_EQ(changed.body_digest(), good.body_digest());
        continue;
      }
      // Only what nobody signed can change and be valid, and it then is another value.
      EXPECT_TRUE(good.kind() == wire::v1::OBJECT_KIND_RAW ||
                  good.kind() == wire::v1::OBJECT_KIND_REMOVAL)
          << ObjectKindName(good.kind()) << " byte " << i;
      EXPECT_NE(changed.body_digest(), good.body_digest());
    }
  }
}

TEST(Object, TooLarge) {
  EXPECT_EQ(Validate(Bytes(kMaxObject + 1, 0), absl::UnixEpoch()).fault, ObjectFault::kTooLarge);
}

TEST(Object, UnknownKind) {
  ObjectFixture f;
  EXPECT_EQ(Validate(EncodeStored(static_cast<ObjectKind>(99), AsBytes("x"), {}), f.now).fault,
            ObjectFault::kUnknownKind);
  EXPECT_EQ(
      Validate(EncodeStored(wire::v1::OBJECT_KIND_UNSPECIFIED, AsBytes("x"), {}), f.now).fault,
      ObjectFault::kUnknownKind);
}

TEST(Object, GarbageIsMalformed) {
  EXPECT_EQ(Validate(Bytes{0xff, 0xff, 0xff}, absl::UnixEpoch()).fault, ObjectFault::kMalformed);
}

TEST(Object, WrapperHasOneEncodingOnly) {
  ObjectFixture f;
  Bytes encoded = f.State().bytes();
  Append(encoded, Bytes{0x7a, 0x01, 'x'});  // an unknown field behind: unsigned luggage
  EXPECT_EQ(Validate(encoded, f.now).fault, ObjectFault::kMalformed);
}

TEST(Object, ExpiredAtItsExpiry) {
  ObjectFixture f;
  const Object state = f.State();
  EXPECT_EQ(Validate(state.bytes(), state.expires() - absl::Seconds(1)).fault, ObjectFault::kNone);
  EXPECT_EQ(Validate(state.bytes(), state.expires()).fault, ObjectFault::kExpired);
}

TEST(Object, SecondPlacesAreForWhatLeadsToPeople) {
  EXPECT_TRUE(HasSecondPlace(wire::v1::OBJECT_KIND_AUTHENTICATION));
  EXPECT_TRUE(HasSecondPlace(wire::v1::OBJECT_KIND_USER_STATE));
  EXPECT_TRUE(HasSecondPlace(wire::v1::OBJECT_KIND_DEVICE_LIST));
  EXPECT_FALSE(HasSecondPlace(wire::v1::OBJECT_KIND_RAW));
  EXPECT_TRUE(IsImmutable(wire::v1::OBJECT_KIND_AUTHENTICATION));
  EXPECT_FALSE(IsImmutable(wire::v1::OBJECT_KIND_USER_STATE));
}

}  // namespace
}  // namespace p2pd::store
