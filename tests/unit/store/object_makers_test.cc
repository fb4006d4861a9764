#include <gtest/gtest.h>

#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

using absl::StatusCode;

TEST(ObjectMakers, WhatTheyMakeIsValidElsewhere) {
  ObjectFixture f;
  const absl::Time later = f.now + absl::Minutes(1);
  for (const Object& object : {f.Authentication(), f.State(), f.Environment(), f.Raw("x")}) {
    EXPECT_EQ(Validate(object.bytes(), later).fault, ObjectFault::kNone);
  }
}

TEST(ObjectMakers, LimitsAreMetByTheMaker) {
  ObjectFixture f;
  EXPECT_EQ(MakeRaw(Key(), Bytes(kMaxObject, 0), {}, f.now + absl::Hours(1), f.now).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeRaw(Key(), AsBytes("x"), {}, f.now + absl::Hours(24 * 8), f.now).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(
      MakeAuthentication(f.person.key, f.chain, "bob@example.org", f.now + absl::Hours(1), f.now)
          .status()
          .code(),
      StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeRemoval(Key(), {}, {}, f.now + absl::Hours(1), f.now).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(ObjectMakers, OnlineStateLivesThirtySecondsAtLeast) {
  ObjectFixture f;
  auto body = f.StateBody();
  body.set_expires(absl::ToUnixSeconds(f.now + absl::Seconds(20)));
  EXPECT_EQ(MakeUserState(f.device, body, f.now).status().code(), StatusCode::kInvalidArgument);
  body.set_expires(absl::ToUnixSeconds(f.now + absl::Seconds(30)));
  EXPECT_TRUE(MakeUserState(f.device, body, f.now).ok());
  // A holder may put it again in its last seconds.
  EXPECT_EQ(
      Validate(MakeUserState(f.device, body, f.now)->bytes(), f.now + absl::Seconds(25)).fault,
      ObjectFault::kNone);
}

}  // namespace
}  // namespace p2pd::store
