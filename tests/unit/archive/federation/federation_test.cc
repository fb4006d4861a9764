#include "libcore/archive/federation/federation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::archive::federation {
namespace {

using torrent::InfoHash;

MemberId Id(uint8_t number) {
  MemberId out;
  out.mutable_view()[0] = number;
  return out;
}
InfoHash Hash(uint8_t number) {
  InfoHash out;
  out.mutable_view()[0] = number;
  return out;
}

// One federation, and the others as this test plays them.
class FederationTest : public testing::Test {
 protected:
  FederationTest() : key_(*FederationKey::Make("rack", AsBytes(std::string(32, 's')))), rng_(1) {
    FederationOptions options;
    options.self = Id(1);
    options.grace = absl::Seconds(60);
    options.record.quota = 1 << 30;
    federation_ = std::make_unique<Federation>(options, key_, rng_, counters_, now_, Wall());
  }

  absl::Time Wall() const { return absl::FromUnixSeconds(1'700'000'000) + (now_ - Instant{}); }
  MemberRecord RecordOf(uint8_t number) const {
    MemberRecord out;
    out.quota = uint64_t{number} << 30;
    out.endpoints = {net::Endpoint{net::IpAddress::V4({20, 0, 0, number}), 6881}};
    out.trackers = {absl::StrCat("http://20.0.0.", number, "/announce")};
    return out;
  }
  FoundRecord Found(uint8_t number, uint64_t sequence = 1) {
    const Bytes plain = WriteMemberRecord(RecordOf(number));
    return {Id(number), sequence, Wall() + absl::Minutes(30),
            key_.SealRecord(Id(number), sequence, plain, rng_)};
  }
  void Search(const std::vector<FoundRecord>& records) {
    federation_->OnSearched(now_, Wall(), records);
    federation_->OnTimeout(now_, Wall());
  }
  void Wait(absl::Duration span) {
    now_ = now_ + span;
    federation_->OnTimeout(now_, Wall());
  }
  template <class OrderT>
  std::optional<OrderT> Next() {
    while (const auto order = federation_->PollOrder()) {
      if (const auto* wanted = std::get_if<OrderT>(&*order)) return *wanted;
    }
    return std::nullopt;
  }
  // As the member asked would answer.
  void Answer(const AskMember& ask, const Reply& reply, const FederationKey& key) {
    federation_->OnAnswer(
        now_, ask.id, key.Tagged(ask.to, Id(1), FederationKey::TagOf(ask.payload), Write(reply)));
    federation_->OnTimeout(now_, Wall());
  }
  void Answer(const AskMember& ask, const Reply& reply) { Answer(ask, reply, key_); }
  Question QuestionOf(const AskMember& ask) {
    return *ParseQuestion(*key_.Untagged(Id(1), ask.to, {}, ask.payload));
  }
  // A member that is there and told of what it holds.
  void Meet(uint8_t number, const Inventory& inventory) {
    Search({Found(number)});
    const auto ask = Next<AskMember>();
    ASSERT_TRUE(ask.has_value());
    Answer(*ask, inventory.PageAfter(0, 0));
  }
  // What we say to member 2.
  Bytes AnswerTo(const Bytes& question, Federation::MayPromise promise) {
    federation_->OnQuestion(now_, Id(2), QuestionToken(7), question, promise);
    const auto answer = Next<AnswerMember>();
    EXPECT_TRUE(answer.has_value());
    return answer ? answer->payload : Bytes();
  }
  size_t Present() const { return federation_->Present().size(); }

  const FederationKey key_;
  SeededRng rng_;
  Counters counters_;
  Instant now_;
  std::unique_ptr<Federation> federation_;
};

TEST_F(FederationTest, ItsRecordIsOfferedAndOfferedAgain) {
  Wait(absl::ZeroDuration());
  const auto offer = Next<OfferRecord>();
  ASSERT_TRUE(offer.has_value());
  EXPECT_LE(offer->description.size(), 512u);
  const auto plain = key_.OpenRecord(Id(1), offer->sequence, offer->description);
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(ParseMemberRecord(plain->view())->quota, uint64_t{1} << 30);
  // The overlay lost it.
  Search({});
  Wait(absl::Minutes(1));
  const auto again = Next<OfferRecord>();
  ASSERT_TRUE(again.has_value());
  EXPECT_GT(again->sequence, offer->sequence);
  // One from the future, of before our clock was set back: ours goes beyond it.
  Search({Found(1, again->sequence + 1'000'000'000)});
  Wait(absl::Minutes(11));
  EXPECT_GT(Next<OfferRecord>()->sequence, again->sequence + 1'000'000'000);
}

TEST_F(FederationTest, AMemberIsThereWhenItToldWhatItHolds) {
  Inventory theirs(7);
  theirs.Set(Hash(3), {true, false});
  Search({Found(2)});
  EXPECT_EQ(Present(), 1u);
  EXPECT_EQ(federation_->HeldOf(Hash(3)).size(), 0u);
  const auto ask = Next<AskMember>();
  ASSERT_TRUE(ask.has_value());
  EXPECT_EQ(ask->to, Id(2));
  Answer(*ask, theirs.PageAfter(0, 0));
  EXPECT_EQ(Present(), 2u);
  EXPECT_TRUE(federation_->settled());
  const auto held = federation_->HeldOf(Hash(3));
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(*held[0].groups, (Groups{true, false}));
  EXPECT_EQ(federation_->SourcesOf(Hash(3)), RecordOf(2).endpoints);
  EXPECT_EQ(federation_->Endpoints(), RecordOf(2).endpoints);
  EXPECT_EQ(federation_->Trackers(), RecordOf(2).trackers);
  EXPECT_EQ(federation_->PollHeard(), Hash(3));
  EXPECT_EQ(federation_->PollHeard(), std::nullopt);
  const auto views = federation_->List(now_);
  ASSERT_EQ(views.size(), 2u);
  EXPECT_TRUE(views[0].self);
  EXPECT_EQ(views[1].torrents, 1u);
  // Then only what changed.
  theirs.Set(Hash(4), {true});
  Wait(absl::Seconds(10));
  const auto next = Next<AskMember>();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(std::get<WhatChanged>(QuestionOf(*next)).epoch, 7u);
  EXPECT_EQ(std::get<WhatChanged>(QuestionOf(*next)).revision, 1u);
}

TEST_F(FederationTest, ForgedReplayedAndExpiredRecordsAreNotTaken) {
  FoundRecord forged = Found(2);
  forged.description.back() ^= 1;
  FoundRecord stolen = Found(2);
  stolen.of = Id(3);  // a stranger copied a member's seal
  FoundRecord rewound = Found(4);
  rewound.sequence = 9;
  FoundRecord oversized = Found(5);
  oversized.description.resize(4096);
  FoundRecord expired = Found(6);
  expired.expires = Wall() - Federation::kClockSlack - absl::Seconds(1);
  const FederationKey other = *FederationKey::Make("other", AsBytes(std::string(32, 's')));
  FoundRecord foreign = Found(7);
  foreign.description = other.SealRecord(Id(7), 1, WriteMemberRecord(RecordOf(7)), rng_);
  FoundRecord empty = Found(8);
  empty.description.clear();
  Search({forged, stolen, rewound, oversized, expired, foreign, empty});
  EXPECT_EQ(federation_->List(now_).size(), 1u);
  EXPECT_EQ(counters_.Get("federation.records_not_of_members"), 6u);
  EXPECT_EQ(counters_.Get("federation.records_expired"), 1u);
  // A little late is a clock that differs.
  FoundRecord late = Found(6);
  late.expires = Wall() - absl::Minutes(1);
  Search({late});
  EXPECT_EQ(federation_->List(now_).size(), 2u);
}

TEST_F(FederationTest, AnOlderRecordDoesNotComeBack) {
  Search({Found(2, 5)});
  FoundRecord old = Found(2, 4);
  MemberRecord record = RecordOf(2);
  record.quota = 0;
  old.description = key_.SealRecord(Id(2), 4, WriteMemberRecord(record), rng_);
  Search({old});
  EXPECT_EQ(counters_.Get("federation.records_older"), 1u);
  EXPECT_EQ(federation_->List(now_)[1].record, RecordOf(2));
}

TEST_F(FederationTest, ThereAreNoMoreMembersThanARecordsPlaceHolds) {
  std::vector<FoundRecord> many;
  for (int i = 2; i < 100; ++i) many.push_back(Found(static_cast<uint8_t>(i)));
  Search(many);
  EXPECT_EQ(federation_->List(now_).size(), Federation::kMaxMembers);
}

TEST_F(FederationTest, WhoIsSilentForTheGraceTimeIsLostAndWhoAnswersIsBack) {
  Inventory theirs(7);
  theirs.Set(Hash(3), {true});
  Meet(2, theirs);
  EXPECT_EQ(Present(), 2u);
  while (federation_->PollHeard()) {
  }
  const uint64_t generation = federation_->generation();
  for (int i = 0; i < 12; ++i) {
    Wait(absl::Seconds(5));
    while (const auto ask = Next<AskMember>()) {
      federation_->OnAnswer(now_, ask->id, absl::DeadlineExceededError("silent"));
    }
  }
  EXPECT_EQ(Present(), 2u);
  Wait(absl::Seconds(1));
  EXPECT_EQ(Present(), 1u);
  EXPECT_NE(federation_->generation(), generation);
  EXPECT_TRUE(federation_->HeldOf(Hash(3)).empty());
  EXPECT_EQ(federation_->PollHeard(), Hash(3));
  EXPECT_EQ(counters_.Get("federation.members_lost"), 1u);
  EXPECT_TRUE(federation_->List(now_)[1].lost);
  Wait(absl::Minutes(1));
  const auto ask = Next<AskMember>();
  ASSERT_TRUE(ask.has_value());
  const WhatChanged what = std::get<WhatChanged>(QuestionOf(*ask));
  Answer(*ask, theirs.PageAfter(what.epoch, what.revision));
  EXPECT_EQ(Present(), 2u);
  EXPECT_EQ(federation_->HeldOf(Hash(3)).size(), 1u);
}

TEST_F(FederationTest, AnAnswerOfAnotherOrToAnotherQuestionIsNone) {
  Inventory theirs(7);
  Search({Found(2)});
  const auto ask = Next<AskMember>();
  ASSERT_TRUE(ask.has_value());
  const Bytes reply = Write(Reply(theirs.PageAfter(0, 0)));
  const ByteView about = FederationKey::TagOf(ask->payload);
  // Of a member, about nothing; about the question, of another member; without a tag.
  for (const Bytes& bad : {key_.Tagged(Id(2), Id(1), {}, reply),
                           key_.Tagged(Id(3), Id(1), about, reply), reply, Bytes()}) {
    federation_->OnAnswer(now_, ask->id, bad);
    federation_->OnTimeout(now_, Wall());
    EXPECT_EQ(Present(), 1u);
    // Each ask has one answer.
    EXPECT_EQ(counters_.Get("federation.answers_bad"), 1u);
  }
}

TEST_F(FederationTest, ALyingInventoryIsNotHeard) {
  Inventory theirs(7);
  theirs.Set(Hash(3), {true});
  Search({Found(2)});
  const auto ask = Next<AskMember>();
  ASSERT_TRUE(ask.has_value());
  InventoryPage lie = theirs.PageAfter(0, 0);
  lie.entries[0].groups = {true, true, true};
  Answer(*ask, lie);
  EXPECT_EQ(Present(), 1u);
  EXPECT_EQ(counters_.Get("federation.inventories_refused"), 1u);
}

TEST_F(FederationTest, AStrangersQuestionGetsNoAnswer) {
  const auto never = [](const GroupId&) { return true; };
  const Bytes plain = Write(Question(WhatChanged{}));
  const FederationKey other = *FederationKey::Make("rack", AsBytes(std::string(32, 't')));
  for (const Bytes& bad : {plain, Bytes(), other.Tagged(Id(2), Id(1), {}, plain),
                           key_.Tagged(Id(3), Id(1), {}, plain)}) {
    EXPECT_TRUE(AnswerTo(bad, never).empty());
  }
  EXPECT_EQ(counters_.Get("federation.questions_of_strangers"), 4u);
  EXPECT_TRUE(AnswerTo(key_.Tagged(Id(2), Id(1), {}, Bytes{99}), never).empty());
  EXPECT_EQ(counters_.Get("federation.questions_bad"), 1u);
}

TEST_F(FederationTest, AMemberIsToldWhatWeHold) {
  federation_->SetHeld(Hash(3), {true, false});
  federation_->SetHeld(Hash(4), Groups(kMaxGroups + 1));
  federation_->SetRoom(true, 5);
  const Bytes question = key_.Tagged(Id(2), Id(1), {}, Write(Question(WhatChanged{})));
  const Bytes answer = AnswerTo(question, [](const GroupId&) { return true; });
  const auto reply =
      ParseReply(*key_.Untagged(Id(1), Id(2), FederationKey::TagOf(question), answer));
  const auto& page = std::get<InventoryPage>(*reply);
  EXPECT_EQ(page.entries.size(), 1u);
  EXPECT_TRUE(page.full);
  EXPECT_EQ(page.used, 5u);
  EXPECT_EQ(counters_.Get("federation.torrents_too_large"), 1u);
}

TEST_F(FederationTest, APromiseCountsWithItsProof) {
  const GroupId group{Hash(3), 1};
  federation_->AskToKeep(now_, group, {Id(2), Id(3), Id(4), Id(5)});
  const auto read = Next<ReadSamples>();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->group, group);
  const Bytes ours{1, 2, 3};
  federation_->OnRead(now_, read->id, ours);
  std::vector<AskMember> asks;
  while (const auto ask = Next<AskMember>()) asks.push_back(*ask);
  ASSERT_EQ(asks.size(), 4u);
  const auto will = std::get<WillYouKeep>(QuestionOf(asks[0]));
  EXPECT_EQ(will.group, group);
  EXPECT_EQ(will.nonce, read->nonce);
  const auto proof = HolderProof(group, read->nonce, Id(2), Id(1), ours);
  Answer(asks[0], Promise{proof});
  // Another's, and one who says no.
  Answer(asks[1], Promise{proof});
  Answer(asks[2], Promise{});
  EXPECT_EQ(federation_->PollEvent(), std::nullopt);
  federation_->OnAnswer(now_, asks[3].id, absl::DeadlineExceededError("silent"));
  const auto event = federation_->PollEvent();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<Promised>(*event).group, group);
  EXPECT_EQ(std::get<Promised>(*event).promises, 1);
  EXPECT_EQ(counters_.Get("federation.challenges_right"), 1u);
  EXPECT_EQ(counters_.Get("federation.challenges_failed"), 1u);
  // Nobody to ask.
  federation_->AskToKeep(now_, group, {});
  EXPECT_EQ(std::get<Promised>(*federation_->PollEvent()).promises, 0);
}

TEST_F(FederationTest, WhatWeCannotReadOurselvesWeDoNotAskFor) {
  const GroupId group{Hash(3), 1};
  federation_->AskToKeep(now_, group, {Id(2)});
  federation_->OnRead(now_, Next<ReadSamples>()->id, absl::DataLossError("the disk"));
  EXPECT_EQ(std::get<Promised>(*federation_->PollEvent()).promises, 0);
  EXPECT_FALSE(Next<AskMember>());
  // It may be asked again, with another nonce each time.
  federation_->AskToKeep(now_, group, {Id(2)});
  const auto nonce = Next<ReadSamples>()->nonce;
  federation_->AskToKeep(now_, {Hash(4), 1}, {Id(2)});
  EXPECT_NE(Next<ReadSamples>()->nonce, nonce);
}

TEST_F(FederationTest, APromiseIsTheArchivesToGiveAndTheDisksToProve) {
  const WillYouKeep will{{Hash(3), 1}, {}};
  const Bytes question = key_.Tagged(Id(2), Id(1), {}, Write(Question(will)));
  const auto promised = [&](const Bytes& answer) {
    const auto reply =
        ParseReply(*key_.Untagged(Id(1), Id(2), FederationKey::TagOf(question), answer));
    return std::get<Promise>(*reply).proof;
  };
  const auto no = [](const GroupId&) { return false; };
  EXPECT_FALSE(promised(AnswerTo(question, no)));
  const auto yes = [&](const GroupId& asked) { return asked == will.group; };
  const Bytes ours{1, 2, 3};
  for (const absl::StatusOr<Bytes>& bytes :
       {absl::StatusOr<Bytes>(ours), absl::StatusOr<Bytes>(absl::DataLossError("the disk"))}) {
    federation_->OnQuestion(now_, Id(2), QuestionToken(8), question, yes);
    const auto read = Next<ReadSamples>();
    ASSERT_TRUE(read.has_value());
    federation_->OnRead(now_, read->id, bytes);
    const auto answer = Next<AnswerMember>();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->token, QuestionToken(8));
    const auto proof = promised(answer->payload);
    EXPECT_EQ(proof.has_value(), bytes.ok());
    if (proof) {
      EXPECT_EQ(*proof, HolderProof(will.group, will.nonce, Id(1), Id(2), ours));
    }
  }
  EXPECT_EQ(counters_.Get("federation.samples_unreadable"), 1u);
}

TEST_F(FederationTest, WhoIsAloneSettlesAfterAWhile) {
  Search({});
  EXPECT_FALSE(federation_->settled());
  Wait(Federation::kSettling);
  EXPECT_TRUE(federation_->settled());
  EXPECT_EQ(Present(), 1u);
}

}  // namespace
}  // namespace p2pd::archive::federation
