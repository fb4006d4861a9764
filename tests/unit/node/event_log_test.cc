#include "libcore/node/event_log.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace p2pd::node {
namespace {

void AddMany(EventLog& log, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    log.Add(Topic::kCall, absl::StrCat(i), "", absl::UnixEpoch());
  }
}

TEST(EventLog, GivesWhatCameAfterARevision) {
  EventLog log(7);
  AddMany(log, 5);

  const auto changes = log.Since(Revision(3));

  ASSERT_TRUE(changes.has_value());
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].name, "3");
  EXPECT_EQ((*changes)[1].revision, log.last());
}

TEST(EventLog, HasNothingNewForWhoSawAll) {
  EventLog log(7);
  AddMany(log, 5);

  const auto changes = log.Since(log.last());

  ASSERT_TRUE(changes.has_value());
  EXPECT_TRUE(changes->empty());
}

TEST(EventLog, SaysWhenARevisionIsGone) {
  EventLog log(7);
  AddMany(log, EventLog::kKept + 10);

  EXPECT_FALSE(log.Since(Revision(9)).has_value());
  ASSERT_TRUE(log.Since(Revision(10)).has_value());
  EXPECT_EQ(log.Since(Revision(10))->size(), EventLog::kKept);
}

TEST(EventLog, RefusesARevisionOfTheFuture) {
  EventLog log(7);
  AddMany(log, 2);

  EXPECT_FALSE(log.Since(Revision(3)).has_value());
}

TEST(EventLog, TokensComeBack) {
  const EventLog log(1234);

  EXPECT_EQ(log.ParseToken(log.TokenFor(Revision(42))), Revision(42));
}

TEST(EventLog, TokensOfAnotherRunOrDamagedOnesAreRefused) {
  const EventLog log(1234);
  const EventLog other(1235);

  EXPECT_FALSE(log.ParseToken(other.TokenFor(Revision(1))).has_value());
  for (const char* token : {"", "-", "1234", "1234-", "1234-x", "1234-1-1", "-1", "1234--1",
                            "99999999999999999999-1"}) {
    EXPECT_FALSE(log.ParseToken(token).has_value()) << token;
  }
}

}  // namespace
}  // namespace p2pd::node
