#include "libcore/session/referral.h"

#include "gtest/gtest.h"
#include "p2pd/wire/v1/session.pb.h"
#include "tests/unit/session/hello_bench.h"

namespace p2pd::session {
namespace {

class ReferralTest : public HelloBench {
 protected:
  // Alice sends Bob to Mallory's address.
  Bytes Made(std::optional<CallId> replaces = std::nullopt) {
    return MakeReferral(alice_.Identity(),
                        {.referee = bob_.user(), .target = mallory_.email, .replaces = replaces},
                        ca_.now(), rng_);
  }
  // With another body than the one that was signed.
  Bytes Changed(const std::function<void(wire::v1::Referral::Body&)>& change) {
    wire::v1::Referral referral;
    wire::v1::Referral::Body body;
    EXPECT_TRUE(referral.ParseFromString(std::string(AsText(Made()))));
    EXPECT_TRUE(body.ParseFromString(referral.body()));
    change(body);
    referral.set_body(body.SerializeAsString());
    return ToBytes(absl::string_view(referral.SerializeAsString()));
  }
};

TEST_F(ReferralTest, SaysWhoSendsWhomToWhom) {
  const auto call = rng_.Make<CallId>();
  const auto read = VerifyReferral(Made(call), ca_.now());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->by, alice_.email);
  EXPECT_EQ(read->by_user, alice_.user());
  EXPECT_EQ(read->device, alice_.device.id);
  EXPECT_EQ(read->referee, bob_.user());
  EXPECT_EQ(read->target, mallory_.email);
  EXPECT_EQ(read->replaces, call);
  EXPECT_FALSE(VerifyReferral(Made(), ca_.now())->replaces.has_value());
  EXPECT_NE(VerifyReferral(Made(), ca_.now())->nonce, VerifyReferral(Made(), ca_.now())->nonce);
  EXPECT_LE(Made(call).size(), kMaxReferral);
}

TEST_F(ReferralTest, CountsForTwoMinutes) {
  const Bytes made = Made();
  EXPECT_TRUE(VerifyReferral(made, ca_.now() + kReferralLife - absl::Milliseconds(1)).has_value());
  EXPECT_FALSE(VerifyReferral(made, ca_.now() + kReferralLife).has_value());
  // A clock that is far off would make it one that lives for long.
  EXPECT_FALSE(VerifyReferral(made, ca_.now() - 2 * kReferralLife).has_value());
}

TEST_F(ReferralTest, NothingInItCanBeChanged) {
  using Body = wire::v1::Referral::Body;
  EXPECT_TRUE(VerifyReferral(Changed([](Body&) {}), ca_.now()).has_value());
  const std::function<void(Body&)> changes[] = {
      [&](Body& body) { body.set_by(bob_.email); },
      [&](Body& body) { body.set_referee(mallory_.user().ToString()); },
      [&](Body& body) { body.set_target(bob_.email); },
      [&](Body& body) { body.set_expires_ms(body.expires_ms() + 1); },
      [&](Body& body) { body.set_nonce(std::string(16, 'x')); },
      [&](Body& body) { body.set_replaces(std::string(16, 'x')); },
  };
  for (const auto& change : changes) {
    EXPECT_FALSE(VerifyReferral(Changed(change), ca_.now()).has_value());
  }
}

TEST_F(ReferralTest, IsSignedByADeviceOfTheKeyThatItShows) {
  wire::v1::Referral referral;
  ASSERT_TRUE(referral.ParseFromString(std::string(AsText(Made()))));
  *referral.mutable_device() = mallory_.device_certificate;
  EXPECT_FALSE(VerifyReferral(AsBytes(referral.SerializeAsString()), ca_.now()).has_value());
  ASSERT_TRUE(referral.ParseFromString(std::string(AsText(Made()))));
  referral.set_user_key(ToText(mallory_.key.public_key().spki()));
  EXPECT_FALSE(VerifyReferral(AsBytes(referral.SerializeAsString()), ca_.now()).has_value());
}

TEST_F(ReferralTest, WhatIsMalformedIsNone) {
  const Bytes made = Made();
  for (size_t size = 0; size < made.size(); size += 7) {
    EXPECT_FALSE(VerifyReferral(ByteView(made).first(size), ca_.now()).has_value()) << size;
  }
  EXPECT_FALSE(VerifyReferral(Bytes(kMaxReferral + 1, 0), ca_.now()).has_value());
}

}  // namespace
}  // namespace p2pd::session
