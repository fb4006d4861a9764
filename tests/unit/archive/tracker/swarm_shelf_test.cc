#include "libcore/archive/tracker/swarm_shelf.h"

#include <gtest/gtest.h>

#include <list>
#include <map>

#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

constexpr SipHashKey kKey{1, 2, 3};

uint64_t Hashed(const InfoHash& hash) { return SwarmShelf::HashOf(kKey, hash); }

// A list in the order of touches beside the shelf.
TEST(SwarmShelf, BehavesAsAMapWithAnOrder) {
  SwarmShelf shelf(kKey);
  std::list<InfoHash> order;  // oldest first
  std::map<InfoHash, uint32_t> downloaded;
  SeededRng rng(3);
  for (const uint32_t range : {600u, 100u, 2u}) {
    for (uint32_t step = 0; step < 5000; ++step) {
      const InfoHash hash = HashNumber(rng.Below(range));
      const uint32_t at = shelf.Find(hash, Hashed(hash));
      ASSERT_EQ(at != SwarmShelf::kNone, downloaded.contains(hash));
      if (at == SwarmShelf::kNone) {
        shelf[shelf.Insert(hash, Hashed(hash))].downloaded = step;
        downloaded[hash] = step;
        order.push_back(hash);
      } else if (rng.Below(2) == 0) {
        EXPECT_EQ(shelf[at].downloaded, downloaded[hash]);
        shelf.Touch(at);
        order.remove(hash);
        order.push_back(hash);
      } else {
        shelf.Remove(at);
        downloaded.erase(hash);
        order.remove(hash);
      }
      ASSERT_EQ(shelf.size(), order.size());
      EXPECT_TRUE(order.empty() || shelf[shelf.oldest()].hash == order.front());
    }
    while (shelf.size() > 0) {
      ASSERT_EQ(shelf[shelf.oldest()].hash, order.front());
      shelf.Remove(shelf.oldest());
      order.pop_front();
    }
    downloaded.clear();
    EXPECT_EQ(shelf.oldest(), SwarmShelf::kNone);
  }
}

TEST(SwarmShelf, GivesMemoryBack) {
  SwarmShelf shelf(kKey);
  for (uint32_t i = 0; i < 10'000; ++i) shelf.Insert(HashNumber(i), Hashed(HashNumber(i)));
  const size_t full = shelf.bytes();
  while (shelf.size() > 10) shelf.Remove(0);
  EXPECT_LT(shelf.bytes(), full / 50);
}

}  // namespace
}  // namespace p2pd::archive::tracker
