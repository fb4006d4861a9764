// What sleeps, what does not, and what wakes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "libcore/archive/archive.h"
#include "libcore/archive/torrent/bencode.h"
#include "tests/unit/archive/fake_fellows.h"

namespace p2pd::archive {
namespace {

using torrent::InfoHash;

constexpr uint32_t kPiece = 16 << 10;
constexpr uint32_t kPieces = 3;
const absl::Duration kIdle = ArchiveOptions().idle;
constexpr uint64_t kSize = uint64_t{kPieces} * kPiece - 100;

Bytes MakeMetainfo(const std::string& name, const std::string& announce = "") {
  torrent::BencodeWriter out;
  out.OpenDictionary();
  if (!announce.empty()) out.String("announce").String(announce);
  out.String("info").OpenDictionary();
  out.String("length").Integer(kSize).String("name").String(name);
  out.String("piece length").Integer(kPiece).String("pieces");
  out.String(std::string(size_t{kPieces} * 20, 'h')).Close().Close();
  return out.Take();
}

class ArchiveSleepTest : public testing::Test {
 protected:
  ArchiveSleepTest() {
    std::string name = testing::TempDir() + "/p2pd_sleep_XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.keeper.quota = uint64_t{1} << 40;
    Restart();
  }
  ~ArchiveSleepTest() override {
    archive_.reset();
    library_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Restart() {
    archive_.reset();
    library_.reset();
    library_ = *Library::Open(folder_ + "/library.db");
    archive_ = std::make_unique<Archive>(options_, *library_, counters_, now_);
    reads_ = 0;
    archive_->Load(now_, [this](const std::string& file) -> absl::StatusOr<Bytes> {
      ++reads_;
      const auto found = files_.find(file);
      if (found == files_.end()) return absl::NotFoundError("its file is gone");
      return found->second;
    });
  }
  // Handed over, and whole by its first look.
  InfoHash Archived(const std::string& name, int leechers = 0, const std::string& announce = "") {
    const Bytes metainfo = MakeMetainfo(name, announce);
    const auto hash = archive_->Submit(now_, Wall(), metainfo, Source::kSubmitted);
    EXPECT_TRUE(hash.ok()) << hash.status();
    files_[archive_->Find(*hash)->row.file] = metainfo;
    Show(*hash, kPieces, leechers);
    return *hash;
  }
  void Show(const InfoHash& hash, uint32_t held, int leechers) {
    Look look;
    look.hash = hash;
    look.have.assign(kPieces, false);
    std::fill_n(look.have.begin(), held, true);
    look.organic.assign(kPieces, 0);
    look.members.assign(kPieces, 0);
    for (int i = 0; i < leechers; ++i) look.holders.push_back({Leecher(i), false, 0, 0});
    archive_->OnLook(now_, Wall(), look);
  }
  void Wait(absl::Duration span) {
    now_ = now_ + span;
    archive_->OnTimeout(now_);
  }
  InfoHash Asleep(const std::string& name) {
    const InfoHash hash = Archived(name);
    Wait(kIdle);
    EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
    Forget();
    return hash;
  }
  void Forget() {
    while (archive_->PollOrder()) {
    }
  }
  template <class OrderT>
  std::optional<OrderT> Next() {
    while (const auto order = archive_->PollOrder()) {
      if (const auto* wanted = std::get_if<OrderT>(&*order)) return *wanted;
    }
    return std::nullopt;
  }
  absl::Time Wall() const { return absl::FromUnixSeconds(1'700'000'000) + (now_ - Instant{}); }
  static net::Endpoint Leecher(int number) {
    return *net::Endpoint::Parse(absl::StrCat("20.0.", number, ".1:6881"));
  }
  TorrentState StateOf(const InfoHash& hash) { return archive_->Find(hash)->row.state; }

  std::string folder_;
  ArchiveOptions options_;
  Counters counters_;
  Instant now_;
  int reads_ = 0;
  std::map<std::string, Bytes> files_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<Archive> archive_;
};

TEST_F(ArchiveSleepTest, WhatNobodyWantsSleepsAndIsStillThere) {
  const InfoHash hash = Archived("speech");
  Wait(kIdle - absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  Forget();
  Wait(absl::Seconds(1));
  const auto sleep = Next<SleepTorrent>();
  ASSERT_TRUE(sleep.has_value());
  EXPECT_EQ(sleep->hashes.Best(), hash);
  EXPECT_EQ(sleep->folder, "speech");
  EXPECT_EQ(files_.count(sleep->file), 1u);
  const TorrentView view = *archive_->Find(hash);
  EXPECT_EQ(view.row.state, TorrentState::kDormant);
  EXPECT_EQ(view.total, (Availability{1, 0}));
  EXPECT_EQ(view.archived, 1);
  EXPECT_EQ(view.have, Pieces(kPieces, true));
  EXPECT_EQ(archive_->Summary(hash).held, kPieces);
  const ArchiveCounts counts = archive_->Counts(now_);
  EXPECT_EQ(counts.received, 1u);
  EXPECT_EQ(counts.seeding, 1u);
  EXPECT_EQ(counts.bytes, kSize);
  EXPECT_EQ(archive_->MetainfoOf(hash)->pieces, kPieces);
  EXPECT_TRUE(archive_->DryRun(now_).verdicts.empty());
  // Handed over again, it is here already.
  ASSERT_TRUE(archive_->Submit(now_, Wall(), MakeMetainfo("speech"), Source::kSubmitted).ok());
  EXPECT_FALSE(Next<StartTorrent>().has_value());
}

TEST_F(ArchiveSleepTest, WhatIsWantedOrLacksPiecesOrMayGoStaysAwake) {
  const InfoHash leeched = Archived("leeched");
  const InfoHash part = Archived("part");
  const InfoHash may_go = Archived("may go");
  ASSERT_TRUE(archive_->SetPolicy(now_, may_go, false, true).ok());
  Show(part, 1, 0);
  for (int i = 0; i < 3; ++i) {
    Wait(kIdle / 2);
    Show(leeched, kPieces, 1);
  }
  EXPECT_EQ(StateOf(leeched), TorrentState::kArchived);
  EXPECT_NE(StateOf(part), TorrentState::kDormant);
  EXPECT_EQ(StateOf(may_go), TorrentState::kArchived);
}

TEST_F(ArchiveSleepTest, ALeecherThatAnnouncesWakesIt) {
  const InfoHash hash = Asleep("speech");
  archive_->OnLeecherAnnounced(now_, hash, Leecher(1));
  const auto start = Next<StartTorrent>();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->hash, hash);
  EXPECT_EQ(start->folder, "speech");
  EXPECT_EQ(start->metainfo, MakeMetainfo("speech"));
  EXPECT_THAT(start->peers, testing::ElementsAre(Leecher(1)));
  // Never less than it was, between the wake and the first look.
  EXPECT_EQ(archive_->Find(hash)->total, (Availability{1, 0}));
  EXPECT_EQ(archive_->Counts(now_).bytes, kSize);
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  Show(hash, kPieces, 1);
  Wait(kIdle - absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  Show(hash, kPieces, 0);
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
}

TEST_F(ArchiveSleepTest, APeerThatConnectsWakesItOnce) {
  const InfoHash hash = Asleep("speech");
  archive_->OnWoken(now_, hash);
  EXPECT_TRUE(Next<StartTorrent>().has_value());
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  archive_->OnWoken(now_, hash);
  EXPECT_FALSE(Next<StartTorrent>().has_value());
}

TEST_F(ArchiveSleepTest, ARestartReadsNothingOfWhatSleeps) {
  const InfoHash asleep = Asleep("speech");
  const InfoHash awake = Archived("talk");
  Restart();
  EXPECT_EQ(reads_, 1);
  EXPECT_EQ(StateOf(asleep), TorrentState::kDormant);
  EXPECT_EQ(archive_->Find(asleep)->total, (Availability{1, 0}));
  const auto sleep = Next<SleepTorrent>();
  ASSERT_TRUE(sleep.has_value());
  EXPECT_EQ(sleep->hashes.Best(), asleep);
  const auto list = Next<ListUs>();
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->hash, asleep);
  EXPECT_TRUE(list->holds && list->always);
  const auto start = Next<StartTorrent>();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->hash, awake);
  archive_->OnLeecherAnnounced(now_, asleep, Leecher(1));
  EXPECT_EQ(reads_, 2);
  EXPECT_EQ(Next<StartTorrent>()->hash, asleep);
}

TEST_F(ArchiveSleepTest, BeyondTheLimitTheLongestIdleGoFirst) {
  std::vector<InfoHash> hashes;
  for (size_t i = 0; i < Archive::kManyAwake + 2; ++i) {
    hashes.push_back(Archived(absl::StrCat("torrent ", i), i == 0 ? 1 : 0));
    now_ = now_ + absl::Milliseconds(1);
  }
  archive_->OnTimeout(now_);
  EXPECT_EQ(StateOf(hashes[1]), TorrentState::kArchived);
  Wait(Archive::kAwakeAtLeast);
  EXPECT_EQ(StateOf(hashes[0]), TorrentState::kArchived);  // it has a leecher
  EXPECT_EQ(StateOf(hashes[1]), TorrentState::kDormant);
  EXPECT_EQ(StateOf(hashes[2]), TorrentState::kDormant);
  EXPECT_EQ(StateOf(hashes[3]), TorrentState::kArchived);
}

TEST_F(ArchiveSleepTest, StrangersWakeOnlySoManyASecond) {
  std::vector<InfoHash> hashes;
  for (size_t i = 0; i < Archive::kWakesASecond + 1; ++i) {
    hashes.push_back(Archived(absl::StrCat("torrent ", i)));
  }
  Wait(kIdle);
  for (const InfoHash& hash : hashes) archive_->OnLeecherAnnounced(now_, hash, Leecher(1));
  EXPECT_EQ(StateOf(hashes.back()), TorrentState::kDormant);
  EXPECT_EQ(archive_->WakesLeft(), 0u);
  EXPECT_EQ(counters_.Get("archive.wakes_refused"), 1u);
  Wait(absl::Seconds(1));
  archive_->OnLeecherAnnounced(now_, hashes.back(), Leecher(1));
  EXPECT_EQ(StateOf(hashes.back()), TorrentState::kArchived);
}

TEST_F(ArchiveSleepTest, WhatIsRemovedWakesSoThatItsFilesAreKnown) {
  const InfoHash hash = Asleep("speech");
  ASSERT_TRUE(archive_->Remove(now_, hash).ok());
  EXPECT_TRUE(Next<StartTorrent>().has_value());
  const auto stop = Next<StopTorrent>();
  ASSERT_TRUE(stop.has_value());
  EXPECT_TRUE(stop->erase);
  EXPECT_EQ(archive_->Counts(now_).bytes, 0u);
}

TEST_F(ArchiveSleepTest, WhatMayBeLostWakesForTheKeeper) {
  const InfoHash hash = Asleep("speech");
  ASSERT_TRUE(archive_->SetPolicy(now_, hash, true, false).ok());
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
  ASSERT_TRUE(archive_->SetPolicy(now_, hash, false, true).ok());
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
}

TEST_F(ArchiveSleepTest, AFileThatIsGoneLeavesItAsleepWithItsTrouble) {
  const InfoHash hash = Asleep("speech");
  files_.clear();
  archive_->OnLeecherAnnounced(now_, hash, Leecher(1));
  EXPECT_FALSE(Next<StartTorrent>().has_value());
  EXPECT_EQ(archive_->Find(hash)->trouble, "its file is gone");
  EXPECT_FALSE(archive_->MetainfoOf(hash).has_value());
  EXPECT_EQ(counters_.Get("archive.wakes_failed"), 1u);
  ASSERT_TRUE(archive_->Remove(now_, hash).ok());
  EXPECT_EQ(archive_->Counts(now_).bytes, 0u);
}

TEST_F(ArchiveSleepTest, WhoLooksForItAtAnotherTrackerFindsItAwake) {
  options_.trackers = {"http://20.1.1.1:6969/announce"};
  Restart();
  const InfoHash ours = Archived("ours", 0, "udp://20.1.1.1:6969");
  const InfoHash theirs = Archived("theirs", 0, "http://20.2.2.2:6969/announce");
  Wait(2 * kIdle);
  EXPECT_EQ(StateOf(ours), TorrentState::kDormant);
  EXPECT_EQ(StateOf(theirs), TorrentState::kArchived);
}

TEST_F(ArchiveSleepTest, LyingDownAndWakingAreToldToWatchers) {
  const InfoHash hash = Archived("speech");
  Revision seen = archive_->changes().last();
  Wait(kIdle);
  archive_->OnLeecherAnnounced(now_, hash, Leecher(1));
  std::vector<TorrentState> states;
  const auto changes = archive_->changes().Since(seen, 10);
  for (const TorrentChange& change : *changes) {
    if (change.state) states.push_back(*change.state);
  }
  EXPECT_THAT(states, testing::ElementsAre(TorrentState::kDormant, TorrentState::kArchived));
}

// With three others, of whom two keep each torrent.
class SleepAmongFellowsTest : public ArchiveSleepTest {
 protected:
  SleepAmongFellowsTest() {
    options_.shared = true;
    options_.keeper.copies = 2;
    Begin();
  }
  ~SleepAmongFellowsTest() override { archive_.reset(); }
  void Begin() {
    Restart();
    archive_->SetFellows(now_, &fellows_);
  }
  // The name of a torrent that is ours to keep, or not; each has one group.
  std::string NameThatIs(bool ours) {
    for (int i = 0;; ++i) {
      const std::string name = absl::StrCat("torrent ", i);
      const InfoHash hash = torrent::ParseMetainfo(MakeMetainfo(name))->hashes.Best();
      const auto placed = Place(GroupId{hash, 0}, fellows_.Present(), 2);
      if ((std::count(placed.begin(), placed.end(), fellows_.self()) != 0) == ours) return name;
    }
  }
  // Of which we have so many pieces, and these others everything.
  InfoHash Shared(const std::string& name, uint32_t held, const std::vector<int>& others) {
    const InfoHash hash = Archived(name);
    for (const int other : others) fellows_.SetHeld(other, hash, {true});
    Show(hash, held, 0);
    archive_->OnHeard(now_, Wall(), hash);
    // The keeper sees that nothing is left to do.
    Wait(Keeper::kPeriod);
    Show(hash, held, 0);
    return hash;
  }
  InfoHash SharedAsleep(bool ours, uint32_t held, const std::vector<int>& others) {
    const InfoHash hash = Shared(NameThatIs(ours), held, others);
    Wait(kIdle);
    EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
    return hash;
  }
  FakeFellows fellows_{4};
};

TEST_F(SleepAmongFellowsTest, WhatOthersKeepSleepsAndIsSaidToBeWithThem) {
  const InfoHash hash = Shared(NameThatIs(false), 0, {1, 2});
  EXPECT_EQ(StateOf(hash), TorrentState::kThinned);
  Forget();
  Wait(kIdle);
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
  EXPECT_FALSE(Next<TellHeld>().has_value());
  const TorrentView view = *archive_->Find(hash);
  EXPECT_EQ(view.total, (Availability{2, 0}));
  EXPECT_EQ(view.have, Pieces(kPieces, false));
  EXPECT_EQ(view.copies, std::vector<uint32_t>(kPieces, 2));
  EXPECT_EQ(view.archived, 0);
  EXPECT_EQ(archive_->Counts(now_).bytes, 0u);
}

TEST_F(SleepAmongFellowsTest, TheTrackerNamesThoseWhoHaveWhatWeLack) {
  const InfoHash hash = Archived("speech");
  fellows_.SetHeld(2, hash, {true});
  Forget();
  Show(hash, 1, 0);
  const auto list = Next<ListUs>();
  ASSERT_TRUE(list.has_value());
  EXPECT_TRUE(list->holds && list->always);
  EXPECT_THAT(list->others, testing::ElementsAre(FakeFellows::EndpointOf(2)));
  Show(hash, kPieces, 0);
  EXPECT_THAT(Next<ListUs>()->others, testing::IsEmpty());
}

TEST_F(SleepAmongFellowsTest, ARestartKnowsWhatASleeperHasAndTellsIt) {
  const InfoHash part = SharedAsleep(false, 1, {1, 2});
  const InfoHash whole = SharedAsleep(true, kPieces, {1});
  Begin();
  EXPECT_EQ(reads_, 0);
  std::map<InfoHash, std::vector<bool>> told;
  while (const auto tell = Next<TellHeld>()) told[tell->hash] = tell->groups;
  EXPECT_EQ(told[part], std::vector<bool>{false});
  EXPECT_EQ(told[whole], std::vector<bool>{true});
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(part), TorrentState::kDormant);
  EXPECT_EQ(archive_->Find(part)->have, (Pieces{true, false, false}));
  EXPECT_EQ(archive_->Find(part)->total.whole, 2u);
  EXPECT_EQ(archive_->Counts(now_).bytes, uint64_t{kPiece} + kSize);
}

TEST_F(SleepAmongFellowsTest, NothingWakesBeforeItIsKnownWhoIsThere) {
  const InfoHash hash = SharedAsleep(false, 0, {1, 2});
  fellows_.Clear();
  fellows_.SetSettled(false);
  Begin();
  Wait(absl::Minutes(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
  // Now it is known that nobody has it.
  fellows_.SetSettled(true);
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kThinned);
}

TEST_F(SleepAmongFellowsTest, WhatBecomesOursWakesAndIsFetched) {
  const InfoHash hash = SharedAsleep(false, 0, {1, 2});
  Forget();
  fellows_.Resize(1);
  archive_->OnFellowsChanged(now_);
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kThinned);
  EXPECT_TRUE(Next<StartTorrent>().has_value());
  Show(hash, 0, 0);
  Wait(absl::Seconds(1));
  EXPECT_EQ(Next<WantPieces>()->pieces.size(), kPieces);
  // While it is fetched, it is awake.
  Wait(2 * kIdle);
  EXPECT_NE(StateOf(hash), TorrentState::kDormant);
}

TEST_F(SleepAmongFellowsTest, WhatAnotherLostIsSeenInItsFigures) {
  const InfoHash hash = SharedAsleep(true, kPieces, {1, 2});
  EXPECT_EQ(archive_->Find(hash)->total.whole, 3u);
  fellows_.SetHeld(2, hash, {false});
  archive_->OnHeard(now_, Wall(), hash);
  const Revision seen = archive_->changes().last();
  Wait(absl::Seconds(1));
  EXPECT_EQ(archive_->Summary(hash).total.whole, 2u);
  EXPECT_EQ(archive_->changes().Since(seen, 10)->size(), 1u);
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
}

TEST_F(SleepAmongFellowsTest, ASleeperPromisesWhatThisRunHasSeen) {
  const InfoHash hash = SharedAsleep(true, kPieces, {1});
  EXPECT_TRUE(archive_->MayPromise(now_, {hash, 0}));
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
  Begin();
  EXPECT_FALSE(archive_->MayPromise(now_, {hash, 0}));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  Show(hash, kPieces, 0);
  EXPECT_TRUE(archive_->MayPromise(now_, {hash, 0}));
}

TEST_F(SleepAmongFellowsTest, WhatOthersKeepTooWakesWhenRoomIsNeeded) {
  options_.keeper.quota = 2 * kSize;
  Begin();
  const InfoHash spare = SharedAsleep(false, kPieces, {1, 2});
  // Full, by another one.
  Archived("speech");
  Wait(Keeper::kPeriod);
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(spare), TorrentState::kArchived);
  Show(spare, kPieces, 0);
  Wait(2 * kIdle);
  EXPECT_EQ(StateOf(spare), TorrentState::kArchived);
}

TEST_F(SleepAmongFellowsTest, MembersThatAreConnectedLieDownTogether) {
  const InfoHash hash = Shared(NameThatIs(true), kPieces, {1});
  Look look;
  look.hash = hash;
  look.have.assign(kPieces, true);
  look.organic.assign(kPieces, 0);
  look.members.assign(kPieces, 0);
  const Look alone = look;
  look.holders.push_back({FakeFellows::EndpointOf(1), true, 0, 1});
  archive_->OnLook(now_, Wall(), look);
  Wait(kIdle / 2);
  archive_->OnLook(now_, Wall(), look);
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  archive_->OnLook(now_, Wall(), alone);
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kDormant);
  // It keeps nobody awake whom we serve.
  archive_->OnWoken(now_, hash);
  look.holders.push_back({Leecher(1), false, 0, 0});
  archive_->OnLook(now_, Wall(), look);
  look.holders.erase(look.holders.begin());
  archive_->OnLook(now_, Wall(), look);
  Wait(kIdle - absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
}

TEST_F(SleepAmongFellowsTest, APinnedOneWakesToBecomeWhole) {
  const InfoHash hash = SharedAsleep(false, 1, {1, 2});
  ASSERT_TRUE(archive_->SetPolicy(now_, hash, true, false).ok());
  Wait(absl::Seconds(1));
  EXPECT_EQ(StateOf(hash), TorrentState::kThinned);
}

}  // namespace
}  // namespace p2pd::archive
