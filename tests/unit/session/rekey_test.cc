#include "libcore/session/rekey.h"

#include <gtest/gtest.h>

#include <utility>

namespace p2pd::session {
namespace {

constexpr absl::Duration kEvery = absl::Hours(1);

class RekeyTest : public testing::Test {
 protected:
  Rekey Make(bool caller, absl::Duration every = kEvery) {
    Rekey::Options options;
    options.caller = caller;
    options.every = every;
    options.peer = (caller ? callee_key_ : caller_key_).public_key();
    options.binding = SecretBytes(Bytes(32, 5));
    options.secret = SecretBytes(Bytes(32, 6));
    return Rekey(now_, std::move(options));
  }
  std::optional<Rekey::Half> Caller() { return caller_.OnTimeout(now_, caller_key_, rng_); }
  std::optional<Rekey::Half> Callee() { return callee_.OnTimeout(now_, callee_key_, rng_); }
  Rekey::Begun AtCallee(const Rekey::Half& half) {
    return callee_.OnHalf(now_, half, callee_key_, rng_);
  }
  Rekey::Begun AtCaller(const Rekey::Half& half) {
    return caller_.OnHalf(now_, half, caller_key_, rng_);
  }
  void Pass(absl::Duration span) { now_ = now_ + span; }
  void ExpectEqual(uint32_t epoch) const {
    EXPECT_EQ(caller_.epoch(), epoch);
    EXPECT_EQ(callee_.epoch(), epoch);
    EXPECT_EQ(caller_.secret().view(), callee_.secret().view());
  }

  SeededRng rng_{1};
  pki::Ed25519Key caller_key_ = pki::Ed25519Key::Generate(rng_);
  pki::Ed25519Key callee_key_ = pki::Ed25519Key::Generate(rng_);
  Instant now_ = Instant::FromNanos(1'000'000'000);
  Rekey caller_ = Make(true);
  Rekey callee_ = Make(false);
};

TEST_F(RekeyTest, EachHourHasASecretOfItsOwn) {
  Bytes before = ToBytes(caller_.secret().view());
  for (uint32_t epoch = 1; epoch <= 3; ++epoch) {
    EXPECT_FALSE(Caller().has_value());
    Pass(kEvery);
    EXPECT_FALSE(Callee().has_value()) << "the caller begins";
    const auto half = Caller();
    ASSERT_TRUE(half.has_value());
    const Rekey::Begun begun = AtCallee(*half);
    ASSERT_TRUE(begun.answer.has_value());
    EXPECT_TRUE(begun.fresh);
    EXPECT_TRUE(caller_.OnAnswer(now_, *begun.answer));
    ExpectEqual(epoch);
    EXPECT_NE(caller_.secret().view(), ByteView(before));
    before = ToBytes(caller_.secret().view());
  }
}

TEST_F(RekeyTest, WhenBothBeginTheCallersHalfCounts) {
  Pass(2 * kEvery);
  const auto theirs = Callee();
  const auto ours = Caller();
  ASSERT_TRUE(theirs && ours);
  EXPECT_FALSE(AtCaller(*theirs).answer.has_value());
  const Rekey::Begun begun = AtCallee(*ours);
  ASSERT_TRUE(begun.answer.has_value());
  EXPECT_TRUE(caller_.OnAnswer(now_, *begun.answer));
  ExpectEqual(1);
  // The callee's own half is gone with its epoch.
  EXPECT_FALSE(Callee().has_value());
}

TEST_F(RekeyTest, ASilentCallerIsNotWaitedForLong) {
  Pass(1.25 * kEvery);
  const auto half = Callee();
  ASSERT_TRUE(half.has_value());
  const Rekey::Begun begun = AtCaller(*half);
  ASSERT_TRUE(begun.answer.has_value());
  EXPECT_TRUE(callee_.OnAnswer(now_, *begun.answer));
  ExpectEqual(1);
}

TEST_F(RekeyTest, ALostHalfIsRepeatedAndALostAnswerGivenAgain) {
  Pass(kEvery);
  const auto lost = Caller();
  EXPECT_FALSE(Caller().has_value());
  EXPECT_EQ(caller_.Timeout(), now_ + Rekey::kRepeat);
  Pass(Rekey::kRepeat);
  const auto half = Caller();
  ASSERT_TRUE(lost && half);
  EXPECT_EQ(lost->ephemeral(), half->ephemeral());
  const Rekey::Begun unheard = AtCallee(*half);
  ASSERT_TRUE(unheard.fresh);
  Pass(Rekey::kRepeat);
  const Rekey::Begun again = AtCallee(*Caller());
  ASSERT_TRUE(again.answer.has_value());
  EXPECT_FALSE(again.fresh);
  EXPECT_TRUE(caller_.OnAnswer(now_, *again.answer));
  EXPECT_FALSE(caller_.OnAnswer(now_, *unheard.answer)) << "it came late";
  ExpectEqual(1);
}

TEST_F(RekeyTest, WhatThePeerDidNotSignChangesNothing) {
  Pass(kEvery);
  const Rekey::Half half = *Caller();
  const auto refused = [&](Rekey::Half changed) { return !AtCallee(changed).answer.has_value(); };
  Rekey::Half changed = half;
  changed.set_epoch(2);
  EXPECT_TRUE(refused(changed));
  changed = half;
  changed.mutable_ephemeral()->at(3) ^= 1;
  EXPECT_TRUE(refused(changed));
  changed.set_ephemeral("short");
  EXPECT_TRUE(refused(changed));
  changed = half;
  changed.clear_signature();
  EXPECT_TRUE(refused(changed));
  EXPECT_TRUE(refused(Rekey::Half()));
  // Our own half comes back, and a half serves as no answer.
  EXPECT_FALSE(AtCaller(half).answer.has_value());
  EXPECT_FALSE(caller_.OnAnswer(now_, half));
  EXPECT_EQ(callee_.epoch(), 0u);
  const Rekey::Begun begun = AtCallee(half);
  ASSERT_TRUE(begun.answer.has_value());
  changed = *begun.answer;
  changed.mutable_signature()->at(9) ^= 1;
  EXPECT_FALSE(caller_.OnAnswer(now_, changed));
  EXPECT_TRUE(caller_.OnAnswer(now_, *begun.answer));
  ExpectEqual(1);
}

TEST_F(RekeyTest, APointOfSmallOrderIsRefusedThoughSigned) {
  Pass(kEvery);
  // The peer signs whatever its own half is; here one that makes the secret zero.
  Bytes said = ToBytes(absl::string_view("p2pd rekey 1\0", 13));
  Append(said, Bytes(32, 5));
  Append(said, Bytes{1, 0, 0, 0, 1});
  Append(said, Bytes(32, 0));
  Rekey::Half half;
  half.set_epoch(1);
  half.set_ephemeral(std::string(32, '\0'));
  half.set_signature(caller_key_.Sign(said).ToString());
  EXPECT_FALSE(AtCallee(half).answer.has_value());
  EXPECT_EQ(callee_.epoch(), 0u);
}

TEST_F(RekeyTest, AHastyPeerIsMadeToWait) {
  Rekey hasty = Make(true, absl::Milliseconds(1));
  Pass(absl::Milliseconds(1));
  const auto half = hasty.OnTimeout(now_, caller_key_, rng_);
  ASSERT_TRUE(half.has_value());
  EXPECT_FALSE(AtCallee(*half).answer.has_value());
  Pass(Rekey::kLeastInterval);
  EXPECT_TRUE(AtCallee(*half).fresh);
}

}  // namespace
}  // namespace p2pd::session
