#include "libcore/base/bytes.h"

#include <gtest/gtest.h>

#include <set>
#include <type_traits>

namespace p2pd {
namespace {

using Id = FixedBytes<struct IdTag, 4>;
using Nonce = FixedBytes<struct NonceTag, 4>;

TEST(Bytes, TextAndBytesConvertBothWays) {
  const Bytes bytes = ToBytes("a\xff");

  EXPECT_EQ(bytes, (Bytes{'a', 0xff}));
  EXPECT_EQ(ToText(bytes), "a\xff");
  EXPECT_EQ(AsText(AsBytes("voice")), "voice");
}

TEST(Bytes, AppendKeepsWhatWasThere) {
  Bytes bytes = {1};

  Append(bytes, Bytes{2, 3});
  Append(bytes, ByteView());

  EXPECT_EQ(bytes, (Bytes{1, 2, 3}));
}

TEST(Wipe, OverwritesEveryByte) {
  Bytes bytes = {1, 2, 3};
  std::string text = "passphrase";

  Wipe(MutableByteView(bytes.data(), bytes.size()));
  Wipe(text);
  Wipe(MutableByteView());

  EXPECT_EQ(bytes, (Bytes{0, 0, 0}));
  EXPECT_EQ(text, "");
}

TEST(ConstantTimeEqual, ComparesLengthAndEveryByte) {
  const Bytes a = {1, 2, 3};

  EXPECT_TRUE(ConstantTimeEqual(a, Bytes{1, 2, 3}));
  EXPECT_TRUE(ConstantTimeEqual(ByteView(), ByteView()));
  EXPECT_FALSE(ConstantTimeEqual(a, Bytes{1, 2}));
  for (size_t i = 0; i < a.size(); ++i) {
    Bytes other = a;
    other[i] = static_cast<uint8_t>(other[i] ^ 0x80);
    EXPECT_FALSE(ConstantTimeEqual(a, other)) << "byte " << i;
  }
}

TEST(FixedBytes, TakesExactlyItsLength) {
  EXPECT_FALSE(Id::FromView(Bytes{1, 2, 3}).has_value());
  EXPECT_FALSE(Id::FromView(Bytes{1, 2, 3, 4, 5}).has_value());
  const auto id = Id::FromView(Bytes{1, 2, 3, 4});
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ((*id)[3], 4);
  EXPECT_EQ(id->ToString(), std::string("\x01\x02\x03\x04"));
  EXPECT_EQ(Id::FromView(absl::string_view("\x01\x02\x03\x04", 4)), id);
}

TEST(FixedBytes, StartsAsZeros) { EXPECT_EQ(Id(), Id::FromView(Bytes{0, 0, 0, 0})); }

TEST(FixedBytes, IsOrderedAsUnsignedBigEndian) {
  const Id low = *Id::FromView(Bytes{0x7f, 0xff, 0xff, 0xff});
  const Id high = *Id::FromView(Bytes{0x80, 0, 0, 0});

  EXPECT_LT(low, high);
  EXPECT_EQ(*std::set<Id>({high, low}).begin(), low);
}

TEST(FixedBytes, TwoKindsDoNotMix) {
  EXPECT_FALSE((std::is_convertible_v<Id, Nonce>));
  EXPECT_FALSE((std::is_constructible_v<Nonce, Id>));
}

TEST(SecretBytes, MovesAndClonesButDoesNotCopy) {
  EXPECT_FALSE(std::is_copy_constructible_v<SecretBytes>);
  EXPECT_FALSE(std::is_copy_assignable_v<SecretBytes>);
  SecretBytes a(Bytes{1, 2, 3});

  const SecretBytes clone = a.Clone();
  SecretBytes b(std::move(a));
  SecretBytes c;
  c = std::move(b);

  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): a moved secret is empty, by contract
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(ToBytes(c.view()), (Bytes{1, 2, 3}));
  EXPECT_EQ(ToBytes(clone.view()), (Bytes{1, 2, 3}));
}

TEST(SecretBytes, AssignmentToItselfKeepsTheSecret) {
  SecretBytes a(Bytes{1, 2, 3});
  SecretBytes& same = a;

  a = std::move(same);

  EXPECT_EQ(ToBytes(a.view()), (Bytes{1, 2, 3}));
}

}  // namespace
}  // namespace p2pd
