#include "libcore/overlay/link.h"

#include <gtest/gtest.h>

#include <set>

#include "libcore/base/rng.h"

namespace p2pd::overlay {
namespace {

LinkSecrets Secrets(bool initiator) {
  LinkSecrets out;
  out.local_index = initiator ? 1 : 2;
  out.remote_index = initiator ? 2 : 1;
  const Bytes one(16, 1);
  const Bytes two(16, 2);
  out.send_key = SecretBytes(initiator ? one : two);
  out.receive_key = SecretBytes(initiator ? two : one);
  out.send_iv = Bytes(12, initiator ? 3 : 4);
  out.receive_iv = Bytes(12, initiator ? 4 : 3);
  return out;
}

TEST(Link, SealsAndOpensOnce) {
  Link a(Secrets(true));
  Link b(Secrets(false));
  const Bytes datagram = a.Seal(Bytes{1, 2, 3});
  EXPECT_EQ(Link::IndexOf(datagram), 2u);
  const auto opened = b.Open(datagram);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->plaintext, (Bytes{1, 2, 3}));
  EXPECT_TRUE(opened->newest);
  EXPECT_FALSE(b.Open(datagram).has_value()) << "replayed";
  EXPECT_FALSE(a.Open(datagram).has_value()) << "reflected";
}

TEST(Link, EveryByteIsAuthenticated) {
  Link a(Secrets(true));
  Link b(Secrets(false));
  const Bytes good = a.Seal(Bytes{1, 2, 3});
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(b.Open(bad).has_value()) << i;
  }
  EXPECT_FALSE(b.Open(ByteView(good).subspan(0, 20)).has_value());
  EXPECT_TRUE(b.Open(good).has_value());
}

TEST(Link, NumbersAreNeverUsedTwice) {
  Link a(Secrets(true));
  EXPECT_NE(a.Seal(Bytes{1}), a.Seal(Bytes{1}));
  EXPECT_EQ(a.next_number(), 2u);
}

TEST(ReplayWindow, AgreesWithANaiveModel) {
  SeededRng rng(1);
  ReplayWindow window;
  std::set<uint64_t> seen;
  uint64_t base = 0;
  for (int i = 0; i < 20000; ++i) {
    if (rng.Below(10) == 0) base += rng.Below(200);
    const uint64_t number = base + rng.Below(160);
    const uint64_t largest = seen.empty() ? 0 : *seen.rbegin();
    const bool old = !seen.empty() && number + ReplayWindow::kSpan <= largest;
    const bool fresh = !old && seen.count(number) == 0;
    ASSERT_EQ(window.Accept(number), fresh) << number << " after " << largest;
    if (fresh) seen.insert(number);
    const AckFrame ack = window.Ack();
    ASSERT_EQ(ack.largest, *seen.rbegin());
    for (uint64_t bit = 0; bit < 64 && ack.largest > bit; ++bit) {
      ASSERT_EQ((ack.mask >> bit) & 1, seen.count(ack.largest - 1 - bit)) << bit;
    }
  }
}

}  // namespace
}  // namespace p2pd::overlay
