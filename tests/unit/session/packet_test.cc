#include "libcore/session/packet.h"

#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

TrafficKey Key(uint8_t fill) {
  TrafficKey out;
  out.key = SecretBytes(Bytes(32, fill));
  return out;
}

class PacketTest : public testing::Test {
 protected:
  std::optional<PacketOpener::Opened> Open(const Bytes& datagram) {
    const auto envelope = ParseEnvelope(datagram);
    if (!envelope || !std::holds_alternative<PacketFrame>(*envelope)) return std::nullopt;
    return opener_.Open(std::get<PacketFrame>(*envelope), replayed_);
  }
  PacketSealer sealer_{Key(1), 77};
  PacketOpener opener_{Key(1)};
  bool replayed_ = false;
};

TEST_F(PacketTest, OpensWhatWasSealedAndKnowsTheNewest) {
  const Bytes one = sealer_.Seal(AsBytes("one"));
  const Bytes two = sealer_.Seal(AsBytes("two"));
  auto opened = Open(two);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(AsText(opened->plaintext), "two");
  EXPECT_TRUE(opened->newest);
  opened = Open(one);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(AsText(opened->plaintext), "one");
  EXPECT_FALSE(opened->newest);
}

TEST_F(PacketTest, TakesEachNumberOnce) {
  const Bytes one = sealer_.Seal(AsBytes("one"));
  EXPECT_TRUE(Open(one).has_value());
  EXPECT_FALSE(Open(one).has_value());
  EXPECT_TRUE(replayed_);
}

TEST_F(PacketTest, TakesNothingOlderThanTheWindow) {
  std::vector<Bytes> packets;
  for (size_t i = 0; i <= PacketOpener::kWindow; ++i) packets.push_back(sealer_.Seal(AsBytes("x")));
  EXPECT_TRUE(Open(packets.back()).has_value());
  EXPECT_FALSE(Open(packets[0]).has_value());
  EXPECT_TRUE(replayed_);
  EXPECT_TRUE(Open(packets[1]).has_value());
  // A jump far ahead forgets all before.
  for (int i = 0; i < 1000; ++i) packets.push_back(sealer_.Seal(AsBytes("x")));
  EXPECT_TRUE(Open(packets.back()).has_value());
  EXPECT_FALSE(Open(packets[2]).has_value());
  EXPECT_TRUE(Open(packets[packets.size() - 2]).has_value());
}

TEST_F(PacketTest, EveryBitIsAuthenticated) {
  const Bytes good = sealer_.Seal(AsBytes("payload"));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(Open(bad).has_value()) << bit;
  }
  EXPECT_TRUE(Open(good).has_value());
}

TEST_F(PacketTest, AForgedNumberDoesNotMoveTheWindow) {
  Bytes forged = sealer_.Seal(AsBytes("x"));
  forged[12] = 1;  // a number far ahead
  EXPECT_FALSE(Open(forged).has_value());
  EXPECT_TRUE(Open(sealer_.Seal(AsBytes("y"))).has_value());
}

// Reflection: what we sent ourselves does not open as if it came from the other side.
TEST_F(PacketTest, TheOtherDirectionHasAnotherKey) {
  PacketSealer other(Key(2), 77);
  EXPECT_FALSE(Open(other.Seal(AsBytes("x"))).has_value());
}

}  // namespace
}  // namespace p2pd::session
