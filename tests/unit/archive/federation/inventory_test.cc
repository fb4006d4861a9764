#include "libcore/archive/federation/inventory.h"

#include <gtest/gtest.h>

#include "libcore/base/rng.h"

namespace p2pd::archive::federation {
namespace {

using torrent::InfoHash;
using Taken = HeardInventory::Taken;

InfoHash Hash(uint32_t number) {
  InfoHash out;
  for (int i = 0; i < 4; ++i) out.mutable_view()[i] = static_cast<uint8_t>(number >> (8 * i));
  return out;
}

// Asks until all was heard; by the wire.
Taken Hear(const Inventory& from, HeardInventory& to, std::vector<InfoHash>& changed,
           size_t page_bytes = kMaxPage) {
  for (int pages = 0; pages < 10'000; ++pages) {
    Bytes bytes;
    WriteInventoryPage(from.PageAfter(to.epoch(), to.revision(), page_bytes), bytes);
    const auto page = ParseInventoryPage(bytes);
    EXPECT_TRUE(page.has_value());
    if (!page) return Taken::kRefused;
    const Taken taken = to.Take(*page, changed);
    if (taken != Taken::kMore) return taken;
  }
  return Taken::kMore;
}

TEST(Inventory, TellsEverythingAndThenWhatChanged) {
  Inventory ours(5);
  ours.Set(Hash(1), {true, false, true});
  ours.Set(Hash(2), {true, true});
  ours.Set(Hash(3), {false});
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  EXPECT_FALSE(theirs.complete());
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_TRUE(theirs.complete());
  EXPECT_EQ(changed.size(), 3u);
  EXPECT_EQ(*theirs.Find(Hash(1)), (Groups{true, false, true}));
  EXPECT_EQ(theirs.groups(), 4u);
  EXPECT_EQ(ours.held(), 4u);

  changed.clear();
  EXPECT_TRUE(ours.Set(Hash(1), {true, true, true}));
  EXPECT_FALSE(ours.Set(Hash(1), {true, true, true}));
  ours.Set(Hash(2), {});
  EXPECT_EQ(ours.PageAfter(theirs.epoch(), theirs.revision()).entries.size(), 2u);
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_EQ(changed, (std::vector<InfoHash>{Hash(1), Hash(2)}));
  EXPECT_EQ(theirs.Find(Hash(2)), nullptr);
  EXPECT_EQ(theirs.torrents(), 2u);
  changed.clear();
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_TRUE(changed.empty());
}

TEST(Inventory, ARestartIsToldAnewAndTheOldCountsUntilThen) {
  Inventory before(5);
  before.Set(Hash(1), {true});
  before.Set(Hash(2), {true});
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  Hear(before, theirs, changed);
  Inventory after(6);
  for (uint32_t i = 2; i < 100; ++i) after.Set(Hash(i), {true});
  changed.clear();
  EXPECT_EQ(theirs.Take(after.PageAfter(theirs.epoch(), theirs.revision(), 100), changed),
            Taken::kMore);
  EXPECT_NE(theirs.Find(Hash(1)), nullptr);
  EXPECT_EQ(Hear(after, theirs, changed, 100), Taken::kComplete);
  EXPECT_EQ(theirs.Find(Hash(1)), nullptr);
  EXPECT_EQ(theirs.torrents(), 98u);
  // One went, 97 came.
  EXPECT_EQ(changed.size(), 98u);
}

TEST(Inventory, AHundredThousandTorrentsAreToldInPages) {
  SeededRng rng(1);
  Inventory ours(1);
  for (uint32_t i = 0; i < HeardInventory::kMaxTorrents; ++i) {
    Groups groups(1 + rng.Below(8));
    for (size_t k = 0; k < groups.size(); ++k) groups[k] = rng.Below(2) == 0;
    ours.Set(Hash(i), std::move(groups));
  }
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_EQ(theirs.torrents(), HeardInventory::kMaxTorrents);
  EXPECT_EQ(theirs.groups(), ours.held());
  // One more than that is too many.
  ours.Set(Hash(HeardInventory::kMaxTorrents), {true});
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kRefused);
}

TEST(Inventory, TheLargestTorrentFitsAMessage) {
  Inventory ours(1);
  Groups groups(kMaxGroups);
  groups[7] = true;
  EXPECT_TRUE(ours.Set(Hash(1), groups));
  EXPECT_TRUE(ours.Set(Hash(2), groups));
  EXPECT_FALSE(ours.Set(Hash(3), Groups(kMaxGroups + 1)));
  Bytes bytes;
  WriteInventoryPage(ours.PageAfter(0, 0), bytes);
  EXPECT_LT(bytes.size(), 72u * 1024 - 64);
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_EQ(theirs.groups(), 2u);
}

TEST(Inventory, ALieIsAskedAboutAgainAndThenNotBelieved) {
  Inventory ours(1);
  ours.Set(Hash(1), {true, false});
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  Hear(ours, theirs, changed);
  // The entry says more than the digest.
  ours.Set(Hash(2), {false, true});
  InventoryPage lie = ours.PageAfter(theirs.epoch(), theirs.revision());
  lie.entries[0].groups = {true, true};
  EXPECT_EQ(theirs.Take(lie, changed), Taken::kRefused);
  EXPECT_EQ(theirs.epoch(), 0u);
  EXPECT_TRUE(theirs.complete());
  InventoryPage again = ours.PageAfter(0, 0);
  again.torrents = 7;
  EXPECT_EQ(theirs.Take(again, changed), Taken::kRefused);
  EXPECT_FALSE(theirs.complete());
  EXPECT_EQ(theirs.Find(Hash(1)), nullptr);
  // The truth is heard again.
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_EQ(theirs.torrents(), 2u);
}

TEST(Inventory, NobodyMakesUsAskForEver) {
  Inventory ours(1);
  for (uint32_t i = 0; i < 9; ++i) ours.Set(Hash(i), {true});
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  InventoryPage page = ours.PageAfter(0, 0, 50);
  EXPECT_EQ(theirs.Take(page, changed), Taken::kMore);
  EXPECT_EQ(theirs.Take(page, changed), Taken::kRefused);
  page.entries.clear();
  page.reaches = 0;
  EXPECT_EQ(theirs.Take(page, changed), Taken::kRefused);
}

TEST(Inventory, ManyThatWentBeginAnEpoch) {
  Inventory ours(1);
  ours.Set(Hash(1), {true});
  for (uint32_t i = 2; i < Inventory::kMaxGone + 4; ++i) {
    ours.Set(Hash(i), {true});
    ours.Set(Hash(i), {});
  }
  EXPECT_EQ(ours.torrents(), 1u);
  const InventoryPage page = ours.PageAfter(0, 0);
  EXPECT_EQ(page.epoch, 2u);
  HeardInventory theirs;
  std::vector<InfoHash> changed;
  EXPECT_EQ(Hear(ours, theirs, changed), Taken::kComplete);
  EXPECT_EQ(theirs.torrents(), 1u);
}

TEST(Inventory, WhatIsCutOrInAnotherFormIsNone) {
  Inventory ours(1);
  ours.Set(Hash(1), {true, false, true});
  Bytes whole;
  WriteInventoryPage(ours.PageAfter(0, 0), whole);
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto page = ParseInventoryPage(ByteView(whole).subspan(0, size));
    // A page without its entry is one, and its digest tells.
    EXPECT_EQ(page.has_value(), size == whole.size() - 26) << size;
  }
  Bytes other = whole;
  other.back() |= 1;  // a bit behind the last group
  EXPECT_FALSE(ParseInventoryPage(other));
  other = whole;
  other.back() = 0xe0;  // all, which has a form of its own
  EXPECT_FALSE(ParseInventoryPage(other));
  other = whole;
  std::fill_n(other.begin(), 8, uint8_t{0});  // no epoch
  EXPECT_FALSE(ParseInventoryPage(other));
}

}  // namespace
}  // namespace p2pd::archive::federation
