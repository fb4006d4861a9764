#include "libcore/overlay/record_cache.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

TEST(RecordCache, KeepsTheNewest) {
  Counters counters;
  RecordCache cache(counters);
  const NodeRecord old = RecordAt(1, EndpointAt(1), 1);
  const NodeRecord fresh = RecordAt(1, EndpointAt(2), 2);
  EXPECT_EQ(cache.Find(old.id()), nullptr);
  EXPECT_TRUE(cache.Parse(fresh.bytes()).has_value());
  EXPECT_TRUE(cache.Parse(old.bytes()).has_value());
  ASSERT_NE(cache.Find(old.id()), nullptr);
  EXPECT_EQ(*cache.Find(old.id()), fresh);
}

TEST(RecordCache, AForgedCopyOfAKnownRecordIsRefused) {
  Counters counters;
  RecordCache cache(counters);
  const NodeRecord record = RecordAt(1, EndpointAt(1));
  ASSERT_TRUE(cache.Parse(record.bytes()).has_value());
  Bytes forged = record.bytes();
  forged.back() ^= 1;
  EXPECT_FALSE(cache.Parse(forged).has_value());
  EXPECT_FALSE(cache.Parse({1, 2, 3}).has_value());
  EXPECT_EQ(counters.Get("overlay.dropped_bad_record"), 2u);
}

TEST(RecordCache, FindsTheNextOneRoundTheRing) {
  Counters counters;
  RecordCache cache(counters);
  EXPECT_EQ(cache.FindFrom(NodeId{}), nullptr);
  NodeRecord low = RecordAt(1, EndpointAt(1));
  NodeRecord high = RecordAt(2, EndpointAt(2));
  if (high.id() < low.id()) std::swap(low, high);
  ASSERT_TRUE(cache.Parse(low.bytes()) && cache.Parse(high.bytes()));
  EXPECT_EQ(cache.FindFrom(low.id())->id(), low.id());
  NodeId above = low.id();
  ++above.mutable_view().back();
  EXPECT_EQ(cache.FindFrom(above)->id(), high.id());
  above = high.id();
  ++above.mutable_view().back();
  EXPECT_EQ(cache.FindFrom(above)->id(), low.id());
}

}  // namespace
}  // namespace p2pd::overlay
