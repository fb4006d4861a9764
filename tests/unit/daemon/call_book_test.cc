#include "daemon/call_book.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using v1::Call;

class CallBookTest : public ::testing::Test {
 protected:
  CallBookTest() { Open(); }
  void Open() {
    book_.reset();
    auto book = CallBook::Open(path_);
    ASSERT_TRUE(book.ok()) << book.status();
    book_ = *std::move(book);
  }
  static Call Incoming(int number) {
    Call call;
    call.set_name(absl::StrCat("calls/", number));
    call.set_identity("identities/bob@example.org");
    call.set_peer_email("alice@example.org");
    call.set_direction(Call::INCOMING);
    call.set_state(Call::RINGING);
    call.mutable_create_time()->set_seconds(1000 + number);
    return call;
  }
  static Call Ended(Call call, Call::EndReason reason) {
    call.set_state(Call::ENDED);
    call.set_end_reason(reason);
    call.mutable_end_time()->set_seconds(call.create_time().seconds() + 10);
    return call;
  }
  static Call Answered(Call call) {
    call.mutable_answer_time()->set_seconds(call.create_time().seconds() + 5);
    return call;
  }
  static Call Message(int number) {
    Call call = Ended(Answered(Incoming(number)), Call::HANGUP_REMOTE);
    call.set_voicemail(true);
    call.set_recording("/r/message.opus");
    return call;
  }
  void Put(const Call& call) { ASSERT_TRUE(book_->Put(call).ok()); }
  std::vector<std::string> Names(const CallBook::Filter& filter = {},
                                 int64_t before = CallBook::kNewest, size_t limit = 100) {
    const auto records = book_->List(filter, before, limit);
    EXPECT_TRUE(records.ok()) << records.status();
    std::vector<std::string> out;
    for (const v1::CallRecord& record : records.value_or(std::vector<v1::CallRecord>())) {
      out.push_back(record.call().name());
    }
    return out;
  }

  TempDir folder_;
  std::string path_ = folder_.path() + "/calls.db";
  std::unique_ptr<CallBook> book_;
};

TEST_F(CallBookTest, ACallIsListedWhenItHasEndedAsItWasThen) {
  Call call = Incoming(1);
  Put(call);
  EXPECT_THAT(Names(), IsEmpty());
  call = Ended(Answered(call), Call::HANGUP_LOCAL);
  call.mutable_media_stats()->set_mos(4.2);
  call.add_steps()->set_detail("long");
  call.mutable_peer_certificate()->add_emails("alice@example.org");
  Put(call);
  Open();
  const auto record = book_->Find(1);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->name(), "callRecords/1");
  EXPECT_FALSE(record->missed());
  EXPECT_EQ(record->call().end_reason(), Call::HANGUP_LOCAL);
  EXPECT_EQ(record->call().media_stats().mos(), 4.2);
  EXPECT_EQ(record->call().steps_size(), 0);
  EXPECT_FALSE(record->call().has_peer_certificate());
  EXPECT_TRUE(absl::IsNotFound(book_->Find(2).status()));
}

TEST_F(CallBookTest, WhatWasUnderWayEndedWithTheDaemon) {
  Call call = Answered(Incoming(1));
  call.set_state(Call::ACTIVE);
  call.set_recording("/r/1.wav");
  Put(call);
  Open();
  const auto record = book_->Find(1);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->call().state(), Call::ENDED);
  EXPECT_EQ(record->call().end_detail(), "the daemon ended during the call");
  EXPECT_EQ(record->call().recording(), "/r/1.wav");
}

TEST_F(CallBookTest, MissedIsWhomNobodyAnsweredButNotWhoWasRefused) {
  Put(Ended(Incoming(1), Call::CANCELLED));
  Put(Ended(Incoming(2), Call::REJECTED));
  Put(Ended(Incoming(3), Call::ANSWERED_ELSEWHERE));
  Put(Ended(Incoming(4), Call::BUSY));
  Put(Ended(Answered(Incoming(5)), Call::HANGUP_REMOTE));
  Put(Message(6));
  Call outgoing = Ended(Incoming(7), Call::NO_ANSWER);
  outgoing.set_direction(Call::OUTGOING);
  Put(outgoing);
  EXPECT_THAT(Names({.missed = true}), ElementsAre("calls/6", "calls/4", "calls/1"));
  EXPECT_THAT(Names({.voicemail = true}), ElementsAre("calls/6"));
  EXPECT_EQ(book_->messages(), 1);
}

TEST_F(CallBookTest, FiltersAndPages) {
  for (int i = 1; i <= 5; ++i) Put(Ended(Incoming(i), Call::CANCELLED));
  Call other = Ended(Incoming(6), Call::CANCELLED);
  other.set_peer_email("carol@example.org");
  other.set_identity("identities/work@example.org");
  Put(other);
  EXPECT_THAT(Names({.identity = "identities/work@example.org"}), ElementsAre("calls/6"));
  EXPECT_THAT(Names({.peer = "carol@example.org"}), ElementsAre("calls/6"));
  EXPECT_THAT(Names({.peer = "alice@example.org"}, CallBook::kNewest, 2),
              ElementsAre("calls/5", "calls/4"));
  EXPECT_THAT(Names({.peer = "alice@example.org"}, 4, 2), ElementsAre("calls/3", "calls/2"));
}

TEST_F(CallBookTest, OldCallsGoAndMessagesStay) {
  Put(Ended(Incoming(1), Call::CANCELLED));
  Put(Message(2));
  Put(Ended(Incoming(500), Call::CANCELLED));
  Put(Incoming(3));
  ASSERT_TRUE(book_->EraseBefore(absl::FromUnixSeconds(1200)).ok());
  EXPECT_THAT(Names(), ElementsAre("calls/500", "calls/2"));
  Put(Ended(Incoming(3), Call::CANCELLED));
  EXPECT_THAT(Names(), ElementsAre("calls/3", "calls/500", "calls/2"));
  ASSERT_TRUE(book_->Erase(2).ok());
  EXPECT_THAT(Names(), ElementsAre("calls/3", "calls/500"));
  EXPECT_EQ(book_->messages(), 0);
}

TEST_F(CallBookTest, OnlySoManyAreKept) {
  Put(Message(1));
  for (int i = 2; i <= CallBook::kMaxRecords + 3; ++i) {
    Put(Ended(Incoming(i), Call::CANCELLED));
  }
  const auto all = Names({}, CallBook::kNewest, 2 * CallBook::kMaxRecords);
  EXPECT_EQ(all.size(), CallBook::kMaxRecords + 1);
  EXPECT_EQ(all.back(), "calls/1") << "a message";
}

TEST_F(CallBookTest, NamesOfRecords) {
  EXPECT_EQ(CallBook::ParseName("callRecords/17"), 17);
  EXPECT_EQ(CallBook::ParseName("17"), 17);
  for (const char* bad :
       {"", "callRecords/", "callRecords/-", "-3", "0", "x", "99999999999999999999"}) {
    EXPECT_EQ(CallBook::ParseName(bad), std::nullopt) << bad;
  }
}

TEST_F(CallBookTest, ItIsForOneReaderAlone) {
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions() & (perms::group_all | perms::others_all),
            perms::none);
}

}  // namespace
}  // namespace p2pd::daemon
