#include "libcore/archive/tracker/peer_set.h"

#include <gtest/gtest.h>

#include <map>

#include "libcore/base/rng.h"

namespace p2pd::archive::tracker {
namespace {

constexpr uint64_t kSeed = 99;

template <class Record>
Record Numbered(uint32_t number, ShortTime seen = 0) {
  Record record{};
  record.wire[0] = static_cast<uint8_t>(number);
  record.wire[1] = static_cast<uint8_t>(number >> 8);
  record.wire[Record::kWireBytes - 1] = static_cast<uint8_t>(number >> 16);
  record.seen = seen;
  return record;
}

template <class Record>
class PeerSetTest : public ::testing::Test {};
using Records = ::testing::Types<PeerV4, PeerV6>;
TYPED_TEST_SUITE(PeerSetTest, Records);

// A map beside the set: after each of many random changes both hold the same.
TYPED_TEST(PeerSetTest, BehavesAsAMap) {
  using Record = TypeParam;
  PeerSet<Record> set;
  std::map<typename Record::Wire, std::pair<PeerClass, ShortTime>> model;
  SeededRng rng(5);
  const auto check = [&] {
    ASSERT_EQ(set.size(), model.size());
    for (const auto& [wire, what] : model) {
      const auto at = set.Find(wire, kSeed);
      ASSERT_TRUE(at.has_value());
      EXPECT_EQ(set.ClassAt(*at), what.first);
      EXPECT_EQ(set[*at].seen, what.second);
    }
  };
  // Growing over the border of the index, around it, and shrinking to nothing.
  for (const uint32_t range : {1500u, 400u, 3000u, 40u, 1u}) {
    for (int step = 0; step < 6000; ++step) {
      const auto record = Numbered<Record>(static_cast<uint32_t>(rng.Below(range)),
                                           static_cast<ShortTime>(rng.Next()));
      const auto c = static_cast<PeerClass>(rng.Below(kPeerClasses));
      const auto at = set.Find(record.wire, kSeed);
      ASSERT_EQ(at.has_value(), model.contains(record.wire));
      if (!at) {
        const uint32_t place = set.Insert(record, c, kSeed);
        EXPECT_TRUE(set[place].Is(record.wire));
        model[record.wire] = {c, record.seen};
      } else if (rng.Below(2) == 0) {
        const uint32_t place = set.Reclass(*at, c, kSeed);
        EXPECT_TRUE(set[place].Is(record.wire));
        set.Touch(place, record.seen);
        model[record.wire] = {c, record.seen};
      } else {
        set.Erase(*at, kSeed);
        model.erase(record.wire);
      }
    }
    check();
    set.EraseIf([](const Record& record) { return record.seen % 2 == 0; }, kSeed);
    std::erase_if(model, [](const auto& entry) { return entry.second.second % 2 == 0; });
    check();
    set.EraseIf([&](const Record&) { return true; }, kSeed);
    model.clear();
    EXPECT_TRUE(set.empty());
    EXPECT_EQ(set.bytes(), 0u);
  }
}

TYPED_TEST(PeerSetTest, ClassesAreRanges) {
  using Record = TypeParam;
  PeerSet<Record> set;
  for (uint32_t i = 0; i < 1000; ++i) {
    set.Insert(Numbered<Record>(i), static_cast<PeerClass>(i % kPeerClasses), kSeed);
  }
  uint32_t at = 0;
  for (size_t c = 0; c < kPeerClasses; ++c) {
    EXPECT_EQ(set.Begin(static_cast<PeerClass>(c)), at);
    EXPECT_EQ(set.Count(static_cast<PeerClass>(c)), 250u);
    at += 250;
    EXPECT_EQ(set.End(static_cast<PeerClass>(c)), at);
  }
  EXPECT_EQ(set.size(), 1000u);
}

// 16 and 28 bytes are what the figures allow, at any size from a handful on.
TYPED_TEST(PeerSetTest, TakesFewBytesAPeer) {
  using Record = TypeParam;
  const double limit = sizeof(Record) == 8 ? 16 : 28;
  PeerSet<Record> set;
  for (uint32_t i = 0; i < 20'000; ++i) {
    set.Insert(Numbered<Record>(i), PeerClass::kLeecher, kSeed);
    if (set.size() >= 30) {
      EXPECT_LE(static_cast<double>(set.bytes()) / set.size(), limit) << set.size();
    }
  }
}

}  // namespace
}  // namespace p2pd::archive::tracker
