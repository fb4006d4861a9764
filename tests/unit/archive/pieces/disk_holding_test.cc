#include "libcore/archive/pieces/disk_holding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "libcore/archive/pieces/disk_piece_store.h"
#include "tests/unit/archive/pieces/fake_disk.h"
#include "tests/unit/archive/pieces/torrent_fixture.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::pieces {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct DiskHoldingTest : ::testing::Test {
  SeededRng rng{7};
  FakeDisk disk{rng};
  TorrentFixture torrent;
  std::unique_ptr<PieceStore> store = *OpenDiskPieceStore({"/files", "/have"}, disk);
  std::unique_ptr<Holding> holding = Open();

  std::unique_ptr<Holding> Open() { return *store->Open(torrent.name, torrent.layout); }
  void Reopen() {
    holding.reset();
    holding = Open();
  }
  std::string PathOf(const std::string& file) const { return "/files/A torrent/" + file; }
};

const Piece kFirst(0);
const Piece kSecond(1);
// Its bytes are in three files.
const Piece kThird(2);

TEST_F(DiskHoldingTest, APieceArrivesAndStays) {
  EXPECT_EQ(holding->StateOf(kThird), PieceState::kAbsent);
  ASSERT_TRUE(torrent.Arrive(*holding, kThird).ok());
  EXPECT_EQ(holding->StateOf(kThird), PieceState::kArriving);
  EXPECT_EQ(holding->have().Count(), 0u);
  EXPECT_TRUE(torrent.IsRight(*holding, kThird));
  ASSERT_TRUE(holding->Keep({&kThird, 1}).ok());
  EXPECT_THAT(holding->have().List(), ElementsAre(kThird));
  Reopen();
  EXPECT_THAT(holding->have().List(), ElementsAre(kThird));
  EXPECT_TRUE(torrent.IsRight(*holding, kThird));
  EXPECT_THAT(holding->Doubtful(), IsEmpty());
}

TEST_F(DiskHoldingTest, AllPiecesMakeTheFilesAsTheyShouldBe) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  EXPECT_TRUE(holding->have().IsFull());
  const auto part = [&](size_t from, size_t size) {
    return ToBytes(ByteView(torrent.whole).subspan(from, size));
  };
  EXPECT_EQ(disk.Content(PathOf("a/x")), part(0, 25'000));
  EXPECT_EQ(disk.Content(PathOf("b")), part(25'000, 17'000));
  EXPECT_EQ(disk.Content(PathOf("a/y/z")), part(45'000, 60'001));
  EXPECT_EQ(disk.Content(PathOf("empty")), Bytes());
  EXPECT_FALSE(disk.Exists(PathOf(".pad/3000")));
}

TEST_F(DiskHoldingTest, WhatIsNotHereIsNotRead) {
  Bytes to(10);
  EXPECT_TRUE(absl::IsNotFound(holding->Read({kFirst, 0, 10}, absl::MakeSpan(to))));
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, {kFirst}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(holding->Read({kFirst, 9'995, 10}, absl::MakeSpan(to))));
  EXPECT_TRUE(absl::IsInvalidArgument(holding->Read({Piece(99), 0, 10}, absl::MakeSpan(to))));
  EXPECT_TRUE(absl::IsInvalidArgument(holding->Read({kFirst, 0, 9}, absl::MakeSpan(to))));
  EXPECT_TRUE(absl::IsFailedPrecondition(torrent.Arrive(*holding, kFirst)));
}

TEST_F(DiskHoldingTest, AHiddenPieceIsStillReadUntilItIsPunched) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  ASSERT_TRUE(holding->Punch({&kSecond, 1}).ok());  // kept: passed by
  EXPECT_TRUE(torrent.IsRight(*holding, kSecond));
  ASSERT_TRUE(holding->Hide({&kSecond, 1}).ok());
  EXPECT_FALSE(holding->have().Has(kSecond));
  EXPECT_FALSE(store->Peek(torrent.name)->Has(kSecond));
  EXPECT_TRUE(torrent.IsRight(*holding, kSecond));
  ASSERT_TRUE(holding->Punch({&kSecond, 1}).ok());
  EXPECT_EQ(holding->StateOf(kSecond), PieceState::kAbsent);
  EXPECT_TRUE(torrent.IsRight(*holding, kFirst));
  EXPECT_TRUE(torrent.IsRight(*holding, kThird));
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, {kSecond}).ok());
  EXPECT_TRUE(torrent.IsRight(*holding, kSecond));
}

TEST_F(DiskHoldingTest, HolesAreWholeBlocksAndTheLastOfTwoPiecesTakesTheirSharedOne) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  const uint64_t full = *holding->BytesOnDisk();
  EXPECT_EQ(full, disk.BytesOnDisk());
  // [0, 10000) of a/x: two whole blocks of 4,096; the third belongs to the second piece as well.
  ASSERT_TRUE(holding->Hide({&kFirst, 1}).ok());
  ASSERT_TRUE(holding->Punch({&kFirst, 1}).ok());
  EXPECT_EQ(full - *holding->BytesOnDisk(), 2 * 4096u);
  // [10000, 20000): now the shared block goes too, and [16384, 20000) waits for the third piece.
  ASSERT_TRUE(holding->Hide({&kSecond, 1}).ok());
  ASSERT_TRUE(holding->Punch({&kSecond, 1}).ok());
  EXPECT_EQ(full - *holding->BytesOnDisk(), 4 * 4096u);
  EXPECT_TRUE(torrent.IsRight(*holding, kThird));
  for (const Piece piece : torrent.All()) {
    ASSERT_TRUE(holding->Hide({&piece, 1}).ok());
    ASSERT_TRUE(holding->Punch({&piece, 1}).ok());
  }
  EXPECT_EQ(*holding->BytesOnDisk(), 0u);
}

TEST_F(DiskHoldingTest, ABlockSharedWithAnArrivingPieceStays) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, {kFirst}).ok());
  ASSERT_TRUE(torrent.Arrive(*holding, kSecond).ok());
  ASSERT_TRUE(holding->Hide({&kFirst, 1}).ok());
  ASSERT_TRUE(holding->Punch({&kFirst, 1}).ok());
  ASSERT_TRUE(holding->Keep({&kSecond, 1}).ok());
  EXPECT_TRUE(torrent.IsRight(*holding, kSecond));
}

TEST_F(DiskHoldingTest, AForgottenPieceIsAbsent) {
  ASSERT_TRUE(torrent.Arrive(*holding, kFirst).ok());
  ASSERT_TRUE(holding->Forget(kFirst).ok());
  ASSERT_TRUE(holding->Keep({&kFirst, 1}).ok());
  EXPECT_EQ(holding->have().Count(), 0u);
}

TEST_F(DiskHoldingTest, AFullDiskIsSaidAndNothingIsKept) {
  disk.SetQuota(2 * 4096);
  EXPECT_TRUE(absl::IsResourceExhausted(torrent.Arrive(*holding, kFirst)));
  EXPECT_EQ(holding->StateOf(kFirst), PieceState::kArriving);
  disk.SetQuota(1 << 20);
  EXPECT_TRUE(torrent.ArriveAndKeep(*holding, {kFirst}).ok());
}

TEST_F(DiskHoldingTest, AFailedSyncKeepsNothing) {
  ASSERT_TRUE(torrent.Arrive(*holding, kFirst).ok());
  disk.FailSyncs(absl::InternalError("EIO"));
  EXPECT_FALSE(holding->Keep({&kFirst, 1}).ok());
  EXPECT_EQ(holding->have().Count(), 0u);
  Reopen();
  EXPECT_EQ(holding->have().Count(), 0u);
}

TEST_F(DiskHoldingTest, AReadThatFailsClearsTheBit) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  disk.FailReads(absl::InternalError("EIO"));
  Bytes to(100);
  EXPECT_TRUE(absl::IsDataLoss(holding->Read({kSecond, 0, 100}, absl::MakeSpan(to))));
  disk.FailReads(absl::OkStatus());
  EXPECT_EQ(holding->StateOf(kSecond), PieceState::kAbsent);
  Reopen();
  EXPECT_FALSE(holding->have().Has(kSecond));
  EXPECT_TRUE(holding->have().Has(kFirst));
}

TEST_F(DiskHoldingTest, WhatIsNotInMemoryIsSaidWhereNobodyMayWait) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, {kFirst}).ok());
  Bytes to(100);
  EXPECT_TRUE(holding->Read({kFirst, 0, 100}, absl::MakeSpan(to), Wait::kMustNot).ok());
  disk.SetCold(true);
  EXPECT_TRUE(
      absl::IsUnavailable(holding->Read({kFirst, 0, 100}, absl::MakeSpan(to), Wait::kMustNot)));
  EXPECT_TRUE(holding->have().Has(kFirst));
}

TEST_F(DiskHoldingTest, AVanishedFileTakesItsPiecesWithIt) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  holding.reset();
  disk.Delete(PathOf("a/x"));
  holding = Open();
  EXPECT_FALSE(holding->have().Has(kFirst));
  EXPECT_FALSE(holding->have().Has(kThird));
  EXPECT_EQ(holding->have().Count(), torrent.layout.pieces() - 3);
  EXPECT_THAT(holding->Doubtful(), IsEmpty());
}

TEST_F(DiskHoldingTest, AShortenedFileKeepsWhatIsLeftOfItInDoubt) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  holding.reset();
  disk.Content(PathOf("a/x")).resize(15'000);
  disk.Touch(PathOf("a/x"));
  holding = Open();
  EXPECT_THAT(holding->Doubtful(), ElementsAre(kFirst));
  EXPECT_EQ(holding->StateOf(kSecond), PieceState::kAbsent);
  EXPECT_TRUE(*holding->Scrub(kFirst, torrent.ProofOf(kFirst)));
  EXPECT_TRUE(holding->have().Has(kFirst));
}

TEST_F(DiskHoldingTest, AnEditedFileIsScrubbedBeforeItIsOffered) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  holding.reset();
  disk.Content(PathOf("a/x"))[10'001] ^= 1;
  disk.Touch(PathOf("a/x"));
  holding = Open();
  EXPECT_THAT(holding->Doubtful(), ElementsAre(kFirst, kSecond, kThird));
  EXPECT_FALSE(holding->have().Has(kFirst));
  // Doubt outlives another start, whatever was written meanwhile.
  EXPECT_TRUE(*holding->Scrub(kFirst, torrent.ProofOf(kFirst)));
  Reopen();
  EXPECT_THAT(holding->Doubtful(), ElementsAre(kFirst, kSecond, kThird));
  for (const Piece piece : {kFirst, kSecond, kThird}) {
    EXPECT_EQ(*holding->Scrub(piece, torrent.ProofOf(piece)), piece != kSecond);
  }
  EXPECT_EQ(holding->StateOf(kSecond), PieceState::kAbsent);
  Reopen();
  EXPECT_THAT(holding->Doubtful(), IsEmpty());
  EXPECT_EQ(holding->have().Count(), torrent.layout.pieces() - 1);
}

TEST_F(DiskHoldingTest, WhatSomebodyElseDidToAFileShows) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  EXPECT_FALSE(holding->Touched());
  // While it is written, its time moves on by our own hand.
  disk.Touch(PathOf("a/x"));
  EXPECT_FALSE(holding->Touched());
  ASSERT_TRUE(holding->Close().ok());
  EXPECT_TRUE(holding->Touched());
  Reopen();
  EXPECT_FALSE(holding->Touched()) << "it is doubted already";
  for (const Piece piece : {kFirst, kSecond, kThird}) {
    EXPECT_TRUE(*holding->Scrub(piece, torrent.ProofOf(piece)));
  }
  ASSERT_TRUE(holding->Close().ok());
  EXPECT_FALSE(holding->Touched());
  disk.Delete(PathOf("a/x"));
  EXPECT_TRUE(holding->Touched());
  Reopen();
  EXPECT_FALSE(holding->Touched()) << "its pieces are not kept any more";
}

TEST_F(DiskHoldingTest, AScrubFindsWhatRotted) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  EXPECT_TRUE(*holding->Scrub(kFirst, torrent.ProofOf(kFirst)));
  disk.Content(PathOf("a/x"))[9'999] ^= 0x80;
  EXPECT_FALSE(*holding->Scrub(kFirst, torrent.ProofOf(kFirst)));
  EXPECT_EQ(holding->StateOf(kFirst), PieceState::kAbsent);
  EXPECT_TRUE(absl::IsNotFound(holding->Scrub(kFirst, torrent.ProofOf(kFirst)).status()));
  Reopen();
  EXPECT_FALSE(holding->have().Has(kFirst));
}

// A torrent of version 2 that came without its piece layers.
TEST_F(DiskHoldingTest, WhatNothingProvesIsNotCalledRotten) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  EXPECT_TRUE(*holding->Scrub(kFirst, PieceProof()));
  EXPECT_EQ(holding->StateOf(kFirst), PieceState::kKept);
  holding.reset();
  disk.Touch(PathOf("a/x"));
  holding = Open();
  EXPECT_FALSE(*holding->Scrub(kFirst, PieceProof()));
  EXPECT_EQ(holding->StateOf(kFirst), PieceState::kDoubtful) << "it is not offered, and stays";
}

TEST_F(DiskHoldingTest, AScrubFindsThatAFileIsGoneThoughItIsOpen) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  ASSERT_TRUE(*holding->Scrub(kFirst, torrent.ProofOf(kFirst)));
  disk.Delete(PathOf("a/x"));
  EXPECT_FALSE(*holding->Scrub(kFirst, torrent.ProofOf(kFirst)));
  EXPECT_FALSE(*holding->Scrub(kSecond, torrent.ProofOf(kSecond)));
  EXPECT_FALSE(holding->have().Has(kFirst));
}

TEST_F(DiskHoldingTest, AFileRemovedWhileItIsWrittenIsNotKept) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, {kFirst}).ok());
  ASSERT_TRUE(torrent.Arrive(*holding, kSecond).ok());
  disk.Delete(PathOf("a/x"));
  EXPECT_TRUE(absl::IsDataLoss(holding->Keep({&kSecond, 1})));
  EXPECT_EQ(holding->have().Count(), 0u);
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, {kFirst}).ok());
  Reopen();
  EXPECT_THAT(holding->have().List(), ElementsAre(kFirst));
}

TEST_F(DiskHoldingTest, FilesThatAreThereAlreadyAreHashedAndKept) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  holding.reset();
  ASSERT_TRUE(disk.RemoveWhole("/have/aabbcc.have").ok());
  holding = Open();
  EXPECT_EQ(holding->have().Count(), 0u);
  EXPECT_EQ(holding->Doubtful(), torrent.All());
  for (const Piece piece : torrent.All()) {
    EXPECT_TRUE(*holding->Scrub(piece, torrent.ProofOf(piece)));
  }
  Reopen();
  EXPECT_TRUE(holding->have().IsFull());
}

TEST_F(DiskHoldingTest, SpaceWithoutABitIsGivenBackAfterAKill) {
  ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
  ASSERT_TRUE(holding->Hide(torrent.All()).ok());
  disk.DieAfter(1);
  holding.reset();
  disk.Restart();
  EXPECT_GT(disk.BytesOnDisk(), 0u);
  holding = Open();
  EXPECT_EQ(disk.BytesOnDisk(), 0u);
  EXPECT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
}

// Readers, a writer and a dropper at once: what is read is always right.
TEST(DiskHoldingThreads, ReadersNeverSeeAHole) {
  const testing::TempFolder temp;
  const TorrentFixture torrent(5, 20'000);
  const auto store = *OpenDiskPieceStore({temp / "files", temp / "have"}, SystemFileLayer());
  const auto holding = *store->Open(torrent.name, torrent.layout);
  std::atomic<bool> over = false;
  std::atomic<int> right = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!over) {
        for (const Piece piece : torrent.All()) {
          const PieceState before = holding->StateOf(piece);
          Bytes got(torrent.layout.SizeOf(piece));
          if (!holding->Read(torrent.RangeOf(piece), absl::MakeSpan(got)).ok()) continue;
          // An arriving piece may be read half; what was kept may have become one meanwhile.
          if (before != PieceState::kKept || holding->StateOf(piece) != PieceState::kKept) continue;
          ++right;
        }
      }
    });
  }
  for (int round = 0; round < 40; ++round) {
    ASSERT_TRUE(torrent.ArriveAndKeep(*holding, torrent.All()).ok());
    for (const Piece piece : torrent.All()) EXPECT_TRUE(torrent.IsRight(*holding, piece));
    ASSERT_TRUE(holding->Hide(torrent.All()).ok());
    for (const Piece piece : torrent.All()) EXPECT_TRUE(torrent.IsRight(*holding, piece));
    ASSERT_TRUE(holding->Punch(torrent.All()).ok());
  }
  over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(right, 0);
}

// ---- kills ----

// A life of writing, keeping, hiding and punching, with what must hold whenever it ends.
class Life {
 public:
  Life(SeededRng& rng, FakeDisk& disk, const TorrentFixture& torrent)
      : rng_(rng), disk_(disk), torrent_(torrent) {}

  // Steps until the disk is dead, or so many.
  void Run(int steps) {
    const auto store = *OpenDiskPieceStore({"/files", "/have"}, disk_);
    absl::StatusOr<std::unique_ptr<Holding>> opened = store->Open(torrent_.name, torrent_.layout);
    if (!opened.ok()) return;
    Holding& holding = **opened;
    for (int i = 0; i < steps && !disk_.dead(); ++i) {
      Step(holding);
      Look(holding);
    }
  }

  // What a new process finds.
  void Check() {
    const auto store = *OpenDiskPieceStore({"/files", "/have"}, disk_);
    const auto holding = *store->Open(torrent_.name, torrent_.layout);
    for (const Piece piece : holding->have().List()) {
      EXPECT_TRUE(torrent_.IsRight(*holding, piece)) << piece.value() << " has a bit and no data";
    }
    for (const Piece piece : safe_) {
      const bool doubtful = holding->StateOf(piece) == PieceState::kDoubtful;
      EXPECT_TRUE(doubtful ? *holding->Scrub(piece, torrent_.ProofOf(piece))
                           : holding->have().Has(piece))
          << piece.value() << " was lost";
    }
    safe_.clear();
    for (const Piece piece : holding->have().List()) safe_.insert(piece);
  }

 private:
  void Step(Holding& holding) {
    std::vector<Piece> some;
    for (const Piece piece : torrent_.All()) {
      if (rng_.Below(3) == 0) some.push_back(piece);
    }
    switch (rng_.Below(4)) {
      case 0:
        for (const Piece piece : some) torrent_.Arrive(holding, piece).IgnoreError();
        break;
      case 1: {
        const PieceSet before = holding.have();
        if (!holding.Keep(some).ok()) break;
        const PieceSet after = holding.have();
        for (const Piece piece : some) {
          if (!before.Has(piece) && after.Has(piece)) safe_.insert(piece);
        }
        break;
      }
      case 2:
        for (const Piece piece : some) safe_.erase(piece);
        holding.Hide(some).IgnoreError();
        break;
      case 3:
        holding.Punch(some).IgnoreError();
        break;
    }
  }

  // What peers were told of is there.
  void Look(Holding& holding) {
    if (disk_.dead()) return;
    for (const Piece piece : torrent_.All()) {
      const PieceState state = holding.StateOf(piece);
      if (state != PieceState::kKept && state != PieceState::kHidden) continue;
      EXPECT_TRUE(torrent_.IsRight(holding, piece)) << piece.value();
    }
  }

  SeededRng& rng_;
  FakeDisk& disk_;
  const TorrentFixture& torrent_;
  std::set<Piece> safe_;  // kept for sure, and not meant to go
};

TEST(DiskHoldingKills, EveryStepOfOneLife) {
  const TorrentFixture torrent;
  for (uint64_t step = 1;; ++step) {
    SeededRng rng(42);
    SeededRng chance(step);
    FakeDisk disk(chance);
    Life life(rng, disk, torrent);
    disk.DieAfter(step);
    life.Run(300);
    const bool over = !disk.dead();
    disk.Restart();
    life.Check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "killed at step " << step;
    if (over) {
      EXPECT_GT(step, 200u);
      break;
    }
  }
}

TEST(DiskHoldingKills, TwoHundredKillsOfOneStore) {
  const TorrentFixture torrent;
  SeededRng rng(2017);
  FakeDisk disk(rng);
  Life life(rng, disk, torrent);
  for (int kill = 0; kill < 200; ++kill) {
    disk.DieAfter(1 + rng.Below(60));
    life.Run(1'000);
    disk.Restart();
    life.Check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "kill " << kill;
  }
}

}  // namespace
}  // namespace p2pd::archive::pieces
