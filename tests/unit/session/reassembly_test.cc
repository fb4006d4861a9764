#include "libcore/session/reassembly.h"

#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

net::Endpoint From(uint32_t n) {
  return {net::IpAddress::V4({10, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8),
                              static_cast<uint8_t>(n)}),
          7464};
}
HelloNonce Nonce(uint32_t n) {
  HelloNonce out;
  for (size_t i = 0; i < 4; ++i) out.mutable_view()[i] = static_cast<uint8_t>(n >> 8 * i);
  return out;
}
HelloFragment Fragment(uint32_t nonce, size_t index, size_t count, absl::string_view part) {
  HelloFragment out;
  out.index = index;
  out.count = count;
  out.nonce = Nonce(nonce);
  out.part = AsBytes(part);
  return out;
}

class ReassemblyTest : public testing::Test {
 protected:
  Instant At(absl::Duration since) { return Instant() + since; }
  std::optional<Reassembly::Whole> Add(uint32_t from, const HelloFragment& fragment,
                                       bool proved = false) {
    return table_.Add(now_, From(from), fragment, proved);
  }
  Instant now_;
  Counters counters_;
  Reassembly table_{counters_};
};

TEST_F(ReassemblyTest, PutsFragmentsTogetherInAnyOrder) {
  EXPECT_FALSE(Add(1, Fragment(1, 2, 3, "c")).has_value());
  EXPECT_FALSE(Add(1, Fragment(1, 0, 3, "a")).has_value());
  EXPECT_FALSE(Add(1, Fragment(1, 0, 3, "a")).has_value());  // doubled
  const auto whole = Add(1, Fragment(1, 1, 3, "b"));
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(AsText(whole->sealed), "abc");
  EXPECT_GT(whole->wire_bytes, 3u);
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(ReassemblyTest, FragmentsOfTwoSendersOrAttemptsDoNotMix) {
  EXPECT_FALSE(Add(1, Fragment(1, 0, 2, "a")).has_value());
  EXPECT_FALSE(Add(2, Fragment(1, 1, 2, "x")).has_value());
  EXPECT_FALSE(Add(1, Fragment(2, 1, 2, "y")).has_value());
  HelloFragment with_cookie = Fragment(1, 1, 2, "z");
  with_cookie.cookie = Cookie();
  EXPECT_FALSE(Add(1, with_cookie).has_value());
  EXPECT_EQ(AsText(Add(1, Fragment(1, 1, 2, "b"))->sealed), "ab");
}

TEST_F(ReassemblyTest, TheFirstCopyOfAFragmentStands) {
  Add(1, Fragment(1, 0, 2, "a"));
  Add(1, Fragment(1, 0, 2, "forged"));
  EXPECT_EQ(AsText(Add(1, Fragment(1, 1, 2, "b"))->sealed), "ab");
}

TEST_F(ReassemblyTest, AnotherCountIsRefused) {
  Add(1, Fragment(1, 0, 2, "a"));
  EXPECT_FALSE(Add(1, Fragment(1, 1, 3, "b")).has_value());
  EXPECT_EQ(counters_.Get("session.dropped_reassembly_mismatch"), 1u);
}

TEST_F(ReassemblyTest, AnAttemptIsForgottenAfterThreeSeconds) {
  Add(1, Fragment(1, 0, 2, "a"));
  EXPECT_EQ(table_.NextExpiry(), At(Reassembly::kLifetime));
  table_.Expire(At(Reassembly::kLifetime - absl::Nanoseconds(1)));
  EXPECT_EQ(table_.size(), 1u);
  table_.Expire(At(Reassembly::kLifetime));
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_FALSE(table_.NextExpiry().has_value());
}

TEST_F(ReassemblyTest, OneSourceHoldsItsShareOnly) {
  for (uint32_t i = 0; i < 1000; ++i) Add(1, Fragment(i, 0, 2, "a"));
  EXPECT_EQ(table_.size(), Reassembly::kPerSource);
  EXPECT_EQ(counters_.Get("session.dropped_reassembly_source_full"), 1000 - Reassembly::kPerSource);
  Add(2, Fragment(1, 0, 2, "a"));
  EXPECT_EQ(table_.size(), Reassembly::kPerSource + 1);
}

TEST_F(ReassemblyTest, AFullTableMakesRoomForProvedAddressesOnly) {
  for (uint32_t i = 0; i < 5000; ++i) Add(i, Fragment(1, 0, 2, "a"));
  EXPECT_EQ(table_.size(), Reassembly::kTotal);
  EXPECT_FALSE(table_.Knows(From(4999), Fragment(1, 0, 2, "a")));
  Add(6000, Fragment(1, 0, 2, "a"), true);
  EXPECT_EQ(table_.size(), Reassembly::kTotal);
  EXPECT_TRUE(table_.Knows(From(6000), Fragment(1, 0, 2, "a")));
  EXPECT_FALSE(table_.Knows(From(0), Fragment(1, 0, 2, "a")));  // the oldest
  for (uint32_t i = 0; i < 5000; ++i) Add(10000 + i, Fragment(1, 0, 2, "a"), true);
  EXPECT_EQ(table_.size(), Reassembly::kTotal);
  EXPECT_TRUE(table_.Knows(From(6000), Fragment(1, 0, 2, "a")));
}

}  // namespace
}  // namespace p2pd::session
