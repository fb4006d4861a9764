// The archive among others.
#include <gtest/gtest.h>

#include <algorithm>

#include "libcore/archive/archive.h"
#include "libcore/archive/torrent/bencode.h"
#include "tests/unit/archive/fake_fellows.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive {
namespace {

using torrent::InfoHash;

constexpr uint32_t kPiece = 16 << 10;
constexpr uint32_t kGroups = 20;
constexpr uint32_t kEach = 64;
constexpr uint32_t kPieces = kGroups * kEach;

Bytes MakeMetainfo(bool is_private = false) {
  torrent::BencodeWriter out;
  out.OpenDictionary().String("announce").String("http://20.9.9.9/announce");
  out.String("info").OpenDictionary();
  out.String("length").Integer(int64_t{kPieces} * kPiece).String("name").String("speech");
  out.String("piece length").Integer(kPiece).String("pieces");
  out.String(std::string(size_t{kPieces} * 20, 'h'));
  if (is_private) out.String("private").Integer(1);
  out.Close().Close();
  return out.Take();
}

class ArchiveFellowsTest : public ::testing::Test {
 protected:
  ArchiveFellowsTest() : library_(*Library::Open(folder_ / "library.db")) {
    options_.keeper.quota = uint64_t{2} * kPieces * kPiece;
    options_.keeper.copies = 2;
    options_.keeper.holding_time = absl::Seconds(10);
    Make();
  }
  void Make() {
    archive_ = std::make_unique<Archive>(options_, *library_, counters_, now_);
    archive_->SetFellows(now_, &fellows_);
  }
  static absl::Time Wall() { return absl::FromUnixSeconds(1'700'000'000); }
  void Submit(const Bytes& metainfo) {
    hash_ = *archive_->Submit(now_, Wall(), metainfo, Source::kSubmitted);
  }
  // We hold these groups, and so many others that are no members everything.
  void Show(const std::vector<bool>& groups, uint32_t organic = 0) {
    Look look;
    look.hash = hash_;
    for (uint32_t i = 0; i < kPieces; ++i) look.have.push_back(groups[i / kEach]);
    look.organic.assign(kPieces, organic);
    look.members.assign(kPieces, 0);
    archive_->OnLook(now_, Wall(), look);
    archive_->OnTimeout(now_);
  }
  void Wait(absl::Duration span) {
    now_ = now_ + span;
    archive_->OnTimeout(now_);
  }
  template <class OrderT>
  std::optional<OrderT> Next() {
    while (const auto order = archive_->PollOrder()) {
      if (const auto* wanted = std::get_if<OrderT>(&*order)) return *wanted;
    }
    return std::nullopt;
  }
  template <class OrderT>
  size_t CountAll() {
    size_t count = 0;
    while (Next<OrderT>()) ++count;
    return count;
  }

  const testing::TempFolder folder_;
  ArchiveOptions options_;
  Counters counters_;
  Instant now_;
  std::unique_ptr<Library> library_;
  FakeFellows fellows_{4};
  std::unique_ptr<Archive> archive_;
  InfoHash hash_;
  const std::vector<bool> all_ = std::vector<bool>(kGroups, true);
  const std::vector<bool> none_ = std::vector<bool>(kGroups, false);
};

TEST_F(ArchiveFellowsTest, OnlyOurShareIsFetched) {
  Submit(MakeMetainfo());
  Show(none_, 1);
  const auto want = Next<WantPieces>();
  ASSERT_TRUE(want.has_value());
  EXPECT_GT(want->pieces.size(), 3u * kEach);
  EXPECT_LT(want->pieces.size(), 17u * kEach);
  EXPECT_EQ(want->pieces.size() % kEach, 0u);
}

TEST_F(ArchiveFellowsTest, NothingIsDecidedBeforeItIsKnownWhoIsThere) {
  fellows_.SetSettled(false);
  Submit(MakeMetainfo());
  Show(none_, 1);
  Wait(absl::Minutes(5));
  EXPECT_FALSE(Next<WantPieces>().has_value());
  fellows_.SetSettled(true);
  Wait(absl::Seconds(1));
  EXPECT_TRUE(Next<WantPieces>().has_value());
}

TEST_F(ArchiveFellowsTest, OurShareIsHereAndTheRestIsTheOthers) {
  Submit(MakeMetainfo());
  Show(none_, 1);
  std::vector<bool> ours = none_;
  const auto want = Next<WantPieces>();
  ASSERT_TRUE(want.has_value());
  for (const uint32_t piece : want->pieces) ours[piece / kEach] = true;
  Show(ours, 1);
  Show(ours, 1);
  EXPECT_EQ(archive_->Find(hash_)->row.state, TorrentState::kThinned);
  EXPECT_EQ(archive_->Counts(now_).downloading, 0u);
  // Others hold all of it: two copies of what we have, and one of the rest, without any peer.
  fellows_.SetHeld(1, hash_, all_);
  Show(ours);
  const TorrentView view = *archive_->Find(hash_);
  EXPECT_EQ(view.total.whole, 1u);
  EXPECT_GT(view.total.value(), 1.1);
  Wait(Archive::kLostAfter);
  Show(ours);
  Wait(Archive::kLostAfter);
  Show(ours);
  EXPECT_EQ(archive_->Find(hash_)->row.state, TorrentState::kThinned);
}

TEST_F(ArchiveFellowsTest, TheOthersAreToldWhatIsHere) {
  Submit(MakeMetainfo());
  auto told = Next<TellHeld>();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->groups, none_);
  std::vector<bool> some = none_;
  some[3] = true;
  Show(some, 1);
  told = Next<TellHeld>();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->groups, some);
  Show(some, 1);
  EXPECT_FALSE(Next<TellHeld>().has_value());
  // To a federation that begins, everything.
  archive_->SetFellows(now_, &fellows_);
  EXPECT_EQ(Next<TellHeld>()->groups, some);
  ASSERT_TRUE(archive_->Remove(now_, hash_).ok());
  EXPECT_TRUE(Next<TellHeld>()->groups.empty());
}

TEST_F(ArchiveFellowsTest, WhatOthersHoldIsFetchedFromThem) {
  Submit(MakeMetainfo());
  fellows_.SetHeld(2, hash_, all_);
  Show(none_);
  EXPECT_TRUE(Next<WantPieces>().has_value());
  Wait(absl::Seconds(1));
  auto dial = Next<DialPeer>();
  ASSERT_TRUE(dial.has_value());
  EXPECT_EQ(dial->peer, FakeFellows::EndpointOf(2));
  Wait(absl::Seconds(1));
  EXPECT_FALSE(Next<DialPeer>().has_value());
  Wait(Archive::kRedial);
  EXPECT_TRUE(Next<DialPeer>().has_value());
}

TEST_F(ArchiveFellowsTest, ATorrentOfTheirsIsTakenIn) {
  const Bytes metainfo = MakeMetainfo();
  hash_ = torrent::ParseMetainfo(metainfo)->hashes.Best();
  archive_->OnHeard(now_, Wall(), hash_);
  EXPECT_TRUE(archive_->List().empty());
  fellows_.SetHeld(2, hash_, all_);
  archive_->OnHeard(now_, Wall(), hash_);
  const auto fetch = Next<FetchMetainfo>();
  ASSERT_TRUE(fetch.has_value());
  EXPECT_EQ(fetch->peers, std::vector<net::Endpoint>{FakeFellows::EndpointOf(2)});
  archive_->OnHeard(now_, Wall(), hash_);
  EXPECT_FALSE(Next<FetchMetainfo>().has_value());
  archive_->OnMetainfo(now_, Wall(), hash_, metainfo);
  const auto start = Next<StartTorrent>();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->peers, fetch->peers);
  EXPECT_EQ(archive_->Find(hash_)->row.source, Source::kFederation);
}

TEST_F(ArchiveFellowsTest, WhatWasDeniedDoesNotComeFromThem) {
  hash_.mutable_view()[0] = 1;
  ASSERT_TRUE(archive_->Deny(now_, Wall(), hash_, "no").ok());
  fellows_.SetHeld(2, hash_, all_);
  archive_->OnHeard(now_, Wall(), hash_);
  EXPECT_TRUE(archive_->List().empty());
}

TEST_F(ArchiveFellowsTest, SoManyAreAskedForAtATime) {
  for (uint8_t i = 0; i < 100; ++i) {
    InfoHash hash;
    hash.mutable_view()[0] = i;
    fellows_.SetHeld(2, hash, all_);
    if (archive_->TakesHeard()) archive_->OnHeard(now_, Wall(), hash);
  }
  EXPECT_EQ(CountAll<FetchMetainfo>(), Archive::kMaxHeard);
  Wait(Archive::kMetainfoPatience);
  EXPECT_TRUE(archive_->TakesHeard());
}

TEST_F(ArchiveFellowsTest, AnnounceListsAreMergedIntoTiers) {
  fellows_.SetTrackers({"http://20.0.0.1/announce", "http://20.9.9.9/announce"});
  archive_->OnFellowsChanged(now_);
  Submit(MakeMetainfo());
  const std::vector<std::vector<std::string>> both = {{"http://20.9.9.9/announce"},
                                                      {"http://20.0.0.1/announce"}};
  EXPECT_EQ(Next<StartTorrent>()->trackers, both);
  fellows_.SetTrackers({});
  archive_->OnFellowsChanged(now_);
  EXPECT_EQ(Next<SetTrackers>()->trackers.size(), 1u);
  archive_->OnFellowsChanged(now_);
  EXPECT_FALSE(Next<SetTrackers>().has_value());
}

TEST_F(ArchiveFellowsTest, APrivateTorrentIsAnnouncedWhereItsMakerSaid) {
  fellows_.SetTrackers({"http://20.0.0.1/announce"});
  archive_->OnFellowsChanged(now_);
  Submit(MakeMetainfo(true));
  EXPECT_EQ(Next<StartTorrent>()->trackers.size(), 1u);
}

TEST_F(ArchiveFellowsTest, APrivateTorrentIsNotSharedPastItsTracker) {
  Submit(MakeMetainfo(true));
  // Members that were handed it, too, say so; that is no way to them.
  for (int other : {1, 2}) fellows_.SetHeld(other, hash_, all_);
  Show(none_, 1);
  bool wanted = false;
  while (const auto order = archive_->PollOrder()) {
    EXPECT_FALSE(std::holds_alternative<TellHeld>(*order));
    EXPECT_FALSE(std::holds_alternative<DialPeer>(*order));
    const auto* const want = std::get_if<WantPieces>(&*order);
    // Nobody shares the work: all of it is ours.
    if (want == nullptr) continue;
    EXPECT_EQ(want->pieces.size(), kPieces);
    wanted = true;
  }
  EXPECT_TRUE(wanted);
  Show(all_);
  archive_->SetFellows(now_, &fellows_);
  EXPECT_EQ(CountAll<TellHeld>(), 0u);
  EXPECT_EQ(archive_->Find(hash_)->total.value(), 1);
  EXPECT_FALSE(archive_->MayPromise(now_, {hash_, 0}));
}

// Everything is here, nobody but members has it, and the disk is full.
class ArchiveDropTest : public ArchiveFellowsTest {
 protected:
  ArchiveDropTest() {
    options_.keeper.quota = uint64_t{kPieces} * kPiece;
    Make();
    Submit(MakeMetainfo());
    for (int other : {1, 2}) fellows_.SetHeld(other, hash_, all_);
    Show(all_);
    Wait(absl::Seconds(11));
    while (archive_->PollOrder()) {
    }
    Wait(Keeper::kPeriod);
    while (const auto order = archive_->PollOrder()) {
      if (const auto* ask = std::get_if<AskToKeep>(&*order)) asked_.push_back(*ask);
      EXPECT_FALSE(std::holds_alternative<DropPieces>(*order));
    }
  }
  std::vector<AskToKeep> asked_;
};

TEST_F(ArchiveDropTest, NothingGoesBeforeEnoughPromised) {
  ASSERT_FALSE(asked_.empty());
  EXPECT_EQ(asked_[0].holders, (std::vector<MemberId>{FakeFellows::Id(1), FakeFellows::Id(2)}));
  for (const AskToKeep& ask : asked_) archive_->OnPromised(now_, ask.group, 1);
  Wait(absl::Seconds(1));
  EXPECT_FALSE(Next<DropPieces>().has_value());
  for (const AskToKeep& ask : asked_) archive_->OnPromised(now_, ask.group, 2);
  Wait(absl::Seconds(1));
  EXPECT_EQ(CountAll<DropPieces>(), asked_.size());
}

TEST_F(ArchiveDropTest, WhoAsksPromisesNothing) {
  EXPECT_FALSE(archive_->MayPromise(now_, asked_[0].group));
  GroupId other{hash_, 0};
  while (std::any_of(asked_.begin(), asked_.end(),
                     [&](const AskToKeep& ask) { return ask.group == other; })) {
    ++other.index;
  }
  EXPECT_TRUE(archive_->MayPromise(now_, other));
  EXPECT_FALSE(archive_->MayPromise(now_, {hash_, kGroups}));
  EXPECT_FALSE(archive_->MayPromise(now_, {InfoHash(), 0}));
}

TEST_F(ArchiveDropTest, WhatWasPromisedStays) {
  // Nobody has it any more, and the asking is over.
  fellows_.Clear();
  Wait(Shares::kLeaving);
  for (uint32_t i = 0; i < kGroups; ++i) EXPECT_TRUE(archive_->MayPromise(now_, {hash_, i}));
  for (int other : {1, 2}) fellows_.SetHeld(other, hash_, all_);
  Wait(Keeper::kPeriod);
  Wait(Keeper::kPeriod);
  EXPECT_GT(archive_->DryRun(now_).drop_bytes, 0u);
  while (const auto order = archive_->PollOrder()) {
    EXPECT_FALSE(std::holds_alternative<DropPieces>(*order));
    EXPECT_FALSE(std::holds_alternative<AskToKeep>(*order));
  }
}

}  // namespace
}  // namespace p2pd::archive
