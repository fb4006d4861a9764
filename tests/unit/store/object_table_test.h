// What every ObjectTable must do, as a list of tests to instantiate.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <tuple>

#include "libcore/store/messages.h"
#include "libcore/store/object_table.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {

// `Maker` has a Make() that gives a fresh, empty ObjectTable.
template <class Maker>
class ObjectTableTest : public testing::Test {
 protected:
  static Key At(uint8_t first) {
    Key key;
    key.mutable_view()[0] = first;
    return key;
  }
  StoredRow Row(const Key& key, absl::string_view data, const std::string& account = "a",
                absl::Duration life = absl::Hours(1), absl::Duration age = {}) {
    return StoredRow{f.Raw(data, life, key), account, f.now - age, key};
  }
  ObjectFixture f;
  Maker maker;
  std::unique_ptr<ObjectTable> table = maker.Make();
};
TYPED_TEST_SUITE_P(ObjectTableTest);

TYPED_TEST_P(ObjectTableTest, FindsWhatWasInserted) {
  const StoredRow row = this->Row(this->At(1), "one", "account");
  ASSERT_TRUE(this->table->Insert(row).ok());
  ASSERT_TRUE(this->table->Insert(this->Row(this->At(2), "other")).ok());
  const auto found = this->table->Find(this->At(1), std::nullopt);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].object.bytes(), row.object.bytes());
  EXPECT_EQ(found[0].object.slot(), row.object.slot());
  EXPECT_EQ(found[0].account, "account");
  EXPECT_EQ(found[0].stored_at, row.stored_at);
  EXPECT_EQ(found[0].place, this->At(1));
  EXPECT_TRUE(this->table->Holds(this->At(1), row.object.digest()));
  EXPECT_FALSE(this->table->Holds(this->At(2), row.object.digest()));
  EXPECT_EQ(this->table->Find(this->At(1), wire::v1::OBJECT_KIND_RAW).size(), 1u);
  EXPECT_TRUE(this->table->Find(this->At(1), wire::v1::OBJECT_KIND_USER_STATE).empty());
  EXPECT_TRUE(this->table->Find(this->At(3), std::nullopt).empty());
}

TYPED_TEST_P(ObjectTableTest, SameSlotIsReplacedAndChargedToTheNewAccount) {
  const StoredRow first = this->Row(this->At(1), "one", "a", absl::Hours(1));
  const StoredRow second = this->Row(this->At(1), "one", "b", absl::Hours(2));
  ASSERT_EQ(first.object.slot(), second.object.slot());
  ASSERT_TRUE(this->table->Insert(first).ok());
  const size_t bytes = this->table->total_bytes();
  EXPECT_EQ(this->table->BytesOf("a"), bytes);
  ASSERT_TRUE(this->table->Insert(second).ok());
  EXPECT_EQ(this->table->total_objects(), 1u);
  EXPECT_EQ(this->table->total_bytes(), bytes);
  EXPECT_EQ(this->table->BytesOf("a"), 0u);
  EXPECT_EQ(this->table->BytesOf("b"), bytes);
  EXPECT_EQ(this->table->Find(this->At(1), std::nullopt)[0].object.digest(),
            second.object.digest());
}

TYPED_TEST_P(ObjectTableTest, OneObjectMayStandAtTwoPlaces) {
  StoredRow row = this->Row(this->At(1), "one");
  ASSERT_TRUE(this->table->Insert(row).ok());
  row.place = this->At(9);
  ASSERT_TRUE(this->table->Insert(row).ok());
  EXPECT_EQ(this->table->total_objects(), 2u);
  ASSERT_EQ(this->table->Find(this->At(9), std::nullopt).size(), 1u);
  EXPECT_EQ(this->table->Find(this->At(9), std::nullopt)[0].object.key(), this->At(1));
}

TYPED_TEST_P(ObjectTableTest, EraseTakesOneRow) {
  const StoredRow one = this->Row(this->At(1), "one");
  ASSERT_TRUE(this->table->Insert(one).ok());
  ASSERT_TRUE(this->table->Insert(this->Row(this->At(1), "two")).ok());
  EXPECT_TRUE(this->table->Erase(this->At(1), one.object.kind(), one.object.slot()).ok());
  EXPECT_TRUE(this->table->Erase(this->At(1), one.object.kind(), one.object.slot()).ok());
  EXPECT_EQ(this->table->total_objects(), 1u);
  EXPECT_FALSE(this->table->Holds(this->At(1), one.object.digest()));
}

TYPED_TEST_P(ObjectTableTest, RangesGoRoundTheRing) {
  for (const int at : {10, 20, 30, 250}) {
    ASSERT_TRUE(this->table->Insert(this->Row(this->At(static_cast<uint8_t>(at)), "x")).ok());
  }
  using testing::ElementsAre;
  EXPECT_THAT(this->table->KeysBetween(this->At(10), this->At(30), 10),
              ElementsAre(this->At(10), this->At(20), this->At(30)));
  EXPECT_THAT(this->table->KeysBetween(this->At(11), this->At(29), 10), ElementsAre(this->At(20)));
  EXPECT_THAT(this->table->KeysBetween(this->At(200), this->At(20), 10),
              ElementsAre(this->At(250), this->At(10), this->At(20)));
  EXPECT_THAT(this->table->KeysBetween(this->At(200), this->At(20), 2),
              ElementsAre(this->At(250), this->At(10)));
  EXPECT_THAT(this->table->KeysBetween(this->At(20), this->At(20), 2), ElementsAre(this->At(20)));
  EXPECT_EQ(this->table->SummariesBetween(this->At(200), this->At(20), 10).size(), 3u);
  EXPECT_EQ(this->table->SummariesBetween(this->At(200), this->At(20), 1).size(), 1u);
}

TYPED_TEST_P(ObjectTableTest, SummariesSayWhatTheRowsSay) {
  const StoredRow row = this->Row(this->At(1), "one");
  ASSERT_TRUE(this->table->Insert(row).ok());
  const auto summaries = this->table->SummariesBetween(this->At(1), this->At(1), 10);
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_EQ(summaries[0].sequence, row.object.sequence());
  EXPECT_EQ(summaries[0].slot, row.object.slot());
  EXPECT_EQ(summaries[0].expires, row.object.expires());
  EXPECT_EQ(summaries[0].size, row.object.bytes().size());
  EXPECT_EQ(TagOf(summaries[0]), TagOf(SummaryOf(row)));
}

TYPED_TEST_P(ObjectTableTest, ExpiredRowsGo) {
  ASSERT_TRUE(this->table->Insert(this->Row(this->At(1), "s", "a", absl::Minutes(1))).ok());
  ASSERT_TRUE(this->table->Insert(this->Row(this->At(2), "l", "b", absl::Hours(1))).ok());
  EXPECT_EQ(this->table->EraseExpired(this->f.now + absl::Seconds(59)), 0u);
  EXPECT_EQ(this->table->EraseExpired(this->f.now + absl::Minutes(1)), 1u);
  EXPECT_EQ(this->table->total_objects(), 1u);
  EXPECT_EQ(this->table->BytesOf("a"), 0u);
}

TYPED_TEST_P(ObjectTableTest, NewestOfTheLargestAccountIsNamed) {
  EXPECT_FALSE(this->table->NewestOfLargestAccount().has_value());
  ASSERT_TRUE(
      this->table
          ->Insert(this->Row(this->At(1), "big one", "big", absl::Hours(1), absl::Minutes(1)))
          .ok());
  ASSERT_TRUE(
      this->table
          ->Insert(this->Row(this->At(2), "big two", "big", absl::Hours(1), absl::Minutes(9)))
          .ok());
  ASSERT_TRUE(this->table->Insert(this->Row(this->At(3), "small", "small")).ok());
  const auto row = this->table->NewestOfLargestAccount();
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->place, this->At(1));
  EXPECT_EQ(row->account, "big");
}

// A naive model beside the table: a map.
TYPED_TEST_P(ObjectTableTest, BehavesLikeAMap) {
  SeededRng rng(4);
  std::map<std::tuple<Key, ObjectKind, Bytes>, StoredRow> model;
  for (int step = 0; step < 300; ++step) {
    const Key key = this->At(static_cast<uint8_t>(rng.Below(5)));
    const std::string data(1, static_cast<char>('a' + rng.Below(4)));
    const StoredRow row = this->Row(key, data, std::string(1, static_cast<char>(rng.Below(3))),
                                    absl::Minutes(1 + static_cast<int64_t>(rng.Below(20))));
    const std::tuple name(key, row.object.kind(), row.object.slot());
    if (rng.Below(3) == 0) {
      ASSERT_TRUE(this->table->Erase(key, row.object.kind(), row.object.slot()).ok());
      model.erase(name);
    } else {
      ASSERT_TRUE(this->table->Insert(row).ok());
      model.insert_or_assign(name, row);
    }
    ASSERT_EQ(this->table->total_objects(), model.size());
    size_t there = 0;
    for (const auto& [index, expected] : model) {
      if (std::get<0>(index) != key) continue;
      ++there;
      ASSERT_TRUE(this->table->Holds(key, expected.object.digest()));
    }
    ASSERT_EQ(this->table->Find(key, std::nullopt).size(), there);
  }
}

REGISTER_TYPED_TEST_SUITE_P(ObjectTableTest, FindsWhatWasInserted,
                            SameSlotIsReplacedAndChargedToTheNewAccount,
                            OneObjectMayStandAtTwoPlaces, EraseTakesOneRow, RangesGoRoundTheRing,
                            SummariesSayWhatTheRowsSay, ExpiredRowsGo,
                            NewestOfTheLargestAccountIsNamed, BehavesLikeAMap);

}  // namespace p2pd::store
