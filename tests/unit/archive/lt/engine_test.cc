#include "libcore/archive/lt/engine.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>

#include "libcore/archive/torrent/metainfo.h"
#include "tests/unit/archive/lt/swarm_fixture.h"

namespace p2pd::archive::lt {
namespace {

using pieces::Piece;

TEST(Engine, ASeedLeavesAndTheArchiveServes) {
  const TestTorrent torrent(40, 65'536, TorrentFormat::kV1, 1234);
  Archive archive;
  {
    Archive seeder;
    seeder.AddSeed(torrent);
    AddRequest request = torrent.Request();
    request.peers = {seeder.endpoint()};
    ASSERT_TRUE(archive.engine->Add(request).ok());
    ASSERT_TRUE(archive.WaitFor<WantedFinished>());
    EXPECT_EQ(archive.Count<PieceFinished>(), 40u);
    EXPECT_EQ(archive.Count<HashFailed>(), 0u);
    EXPECT_TRUE(torrent.IsWholeAt(archive.files()));
  }
  ASSERT_TRUE(archive.WaitFor<PeerDisconnected>());
  const TorrentSnapshot alone = archive.Look(torrent.hash());
  EXPECT_TRUE(alone.have.IsFull());
  EXPECT_FALSE(alone.downloading);
  EXPECT_EQ(Organic(alone), 0);
  EXPECT_EQ(Total(alone), 1);

  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  ASSERT_TRUE(leecher.bell.Until([&] { return leecher.IsSeeding(); }));
  EXPECT_EQ(leecher.HashFailures(), 0);
  EXPECT_TRUE(torrent.IsWholeAt(leecher.folder.path()));
  ASSERT_TRUE(archive.bell.Until([&] { return archive.Look(torrent.hash()).organic[0] == 1; }));
  EXPECT_EQ(archive.Look(torrent.hash()).demand[3], 4u);
  EXPECT_GE(archive.engine->Counters().uploaded, torrent.created.bytes);
}

TEST(Engine, AHybridTorrentComesAndGoesTheSameWay) {
  const TestTorrent torrent(20, 32'768, TorrentFormat::kHybrid, 99);
  EXPECT_TRUE(torrent.created.hashes.v1 && torrent.created.hashes.v2);
  Archive seeder;
  seeder.AddSeed(torrent);
  Archive archive;
  AddRequest request = torrent.Request();
  request.peers = {seeder.endpoint()};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  ASSERT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_TRUE(torrent.IsWholeAt(archive.files()));
  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  ASSERT_TRUE(leecher.bell.Until([&] { return leecher.IsSeeding(); }));
  EXPECT_EQ(leecher.HashFailures(), 0);
}

TEST(Engine, WhatWasKeptIsThereAfterAStart) {
  const TestTorrent torrent(10);
  Archive archive;
  archive.AddSeed(torrent);
  ASSERT_TRUE(archive.engine->Remove(torrent.hash()).ok());
  EXPECT_TRUE(absl::IsNotFound(archive.engine->Snapshot(torrent.hash()).status()));
  ASSERT_TRUE(archive.WaitFor<TorrentGone>());
  archive.events.clear();
  ASSERT_TRUE(archive.engine->Add(torrent.Request()).ok());
  ASSERT_TRUE(archive.WaitFor<TorrentReady>([](const TorrentReady& e) { return e.kept == 10; }));
  EXPECT_TRUE(absl::IsAlreadyExists(archive.engine->Add(torrent.Request())));
}

TEST(Engine, BadRequestsAreRefused) {
  const TestTorrent torrent(2);
  const TestTorrent other(3);
  Archive archive;
  AddRequest request = torrent.Request();
  request.metainfo = ToBytes("d4:infod6:lengthi5eee");
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Add(request)));
  request.metainfo = other.created.metainfo;
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Add(request)));
  request = torrent.Request();
  request.folder = "../out";
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Add(request)));
  request = torrent.Request();
  request.paths = {"../one", "two"};
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Add(request)));
  request.paths = {"one"};
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Add(request)));
  request.hashes = {};
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Add(request)));
  EXPECT_TRUE(absl::IsNotFound(archive.engine->Remove(torrent.hash())));
  EXPECT_TRUE(absl::IsNotFound(archive.engine->Drop(torrent.hash(), {})));
}

// The paper's tables: A has 1 2 3, B has 2 3 4, C has 3 4 5, D has 1 4 5.
TEST(Engine, AvailabilityIsThePapers) {
  const TestTorrent torrent(5);
  Archive empty;
  AddRequest request = torrent.Request();
  request.wanted.emplace();
  ASSERT_TRUE(empty.engine->Add(request).ok());
  Archive full;
  full.AddSeed(torrent);
  std::vector<std::unique_ptr<PlainClient>> peers;
  for (const auto& pieces :
       std::vector<std::vector<int>>{{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {0, 3, 4}}) {
    peers.push_back(std::make_unique<PlainClient>());
    peers.back()->Add(torrent, pieces);
    peers.back()->Connect(empty.endpoint());
    peers.back()->Connect(full.endpoint());
  }
  const auto sees = [&](const Archive& archive, double total, double organic) {
    return [&, total, organic] {
      const TorrentSnapshot now = archive.Look(torrent.hash());
      return Total(now) == total && Organic(now) == organic;
    };
  };
  EXPECT_TRUE(empty.bell.Until(sees(empty, 2.4, 2.4))) << Total(empty.Look(torrent.hash()));
  EXPECT_TRUE(full.bell.Until(sees(full, 3.4, 2.4))) << Total(full.Look(torrent.hash()));
  EXPECT_EQ(full.Look(torrent.hash()).peers.size(), 4u);
  peers[0].reset();
  peers[1].reset();
  EXPECT_TRUE(empty.bell.Until(sees(empty, 0.8, 0.8)));
  EXPECT_TRUE(full.bell.Until(sees(full, 1.8, 0.8)));
  // A member of the federation is no organic copy.
  full.engine->SetMembers({peers[2]->endpoint()});
  EXPECT_TRUE(full.bell.Until(sees(full, 1.8, 0.6)));
}

TEST(Engine, DroppedPiecesLeaveThePeersSightBeforeTheyGo) {
  const TestTorrent torrent(32);
  Archive archive;
  archive.AddSeed(torrent);
  PlainClient watcher;  // connected all the time, and wants nothing
  watcher.Add(torrent, std::vector<int>{});
  watcher.Connect(archive.endpoint());
  ASSERT_TRUE(watcher.bell.Until([&] { return watcher.PiecesOfPeers() == 32; }));
  std::vector<Piece> upper;
  for (uint32_t i = 16; i < 32; ++i) upper.push_back(Piece(i));
  ASSERT_TRUE(archive.engine->Drop(torrent.hash(), upper).ok());
  EXPECT_TRUE(watcher.bell.Until([&] { return watcher.PiecesOfPeers() == 16; }));
  ASSERT_TRUE(archive.WaitFor<PiecesDropped>([&](const PiecesDropped& e) {
    EXPECT_EQ(e.pieces, upper);
    return e.status.ok();
  }));
  EXPECT_EQ(archive.Look(torrent.hash()).have.List().size(), 16u);
  EXPECT_EQ(archive.engine->Counters().reads_refused, 0u);
  // It is seen again as it is now, by who comes back and by who is new.
  EXPECT_TRUE(watcher.bell.Until([&] { return watcher.PiecesOfPeers() == 16; }));
  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  EXPECT_TRUE(leecher.bell.Until([&] { return leecher.handle.status().num_pieces == 16; }));
  EXPECT_EQ(leecher.PiecesOfPeers(), 16);
  EXPECT_EQ(leecher.HashFailures(), 0);
  // And fetched again when that is wanted.
  Archive seeder;
  seeder.AddSeed(torrent);
  ASSERT_TRUE(archive.engine->ConnectPeer(torrent.hash(), seeder.endpoint()).ok());
  ASSERT_TRUE(archive.engine->SetWanted(torrent.hash(), {{Piece(16), 7}, {Piece(17), 1}}).ok());
  ASSERT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_EQ(archive.Look(torrent.hash()).have.Count(), 18u);
  EXPECT_EQ(archive.Count<PieceFinished>(), 2u);
  EXPECT_TRUE(leecher.bell.Until([&] { return leecher.handle.status().num_pieces == 18; }));
}

TEST(Engine, MetainfoIsFetchedFromThePeerWhoHasIt) {
  const TestTorrent torrent(8);
  Archive seeder;
  seeder.AddSeed(torrent);
  Archive archive;
  AddRequest request;
  request.hashes = torrent.created.hashes;
  request.peers = {seeder.endpoint()};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  Bytes metainfo;
  ASSERT_TRUE(archive.WaitFor<MetadataReceived>([&](const MetadataReceived& e) {
    metainfo = e.metainfo;
    return true;
  }));
  EXPECT_EQ(ReadTorrent(metainfo)->hashes, torrent.created.hashes);
  EXPECT_TRUE(absl::IsNotFound(archive.engine->Snapshot(torrent.hash()).status()));
  request.metainfo = metainfo;
  request.folder = "film";
  ASSERT_TRUE(archive.engine->Add(request).ok());
  ASSERT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_TRUE(torrent.IsWholeAt(archive.files()));
}

// As a tracker hears of it that two clients announce to, each by another name.
TEST(Engine, AHybridThatIsSoughtByBothItsNamesIsFoundOnce) {
  const TestTorrent torrent(8, 65'536, TorrentFormat::kHybrid);
  const torrent::InfoHashes hashes = torrent.created.hashes;
  const std::vector<torrent::InfoHash> names = hashes.Names();
  ASSERT_EQ(names.size(), 2u);
  Archive seeder;
  seeder.AddSeed(torrent);
  Archive archive;
  for (const torrent::InfoHash& name : names) {
    AddRequest request;
    request.hashes.v1 = name;
    request.peers = {seeder.endpoint()};
    ASSERT_TRUE(archive.engine->Add(request).ok());
  }
  ASSERT_TRUE(archive.WaitFor<MetadataReceived>([&](const MetadataReceived& e) {
    return std::find(names.begin(), names.end(), e.hash) != names.end() &&
           archive::torrent::ParseMetainfo(e.metainfo)->hashes == hashes;
  }));
  // Neither of the two stands in its way any more.
  for (const torrent::InfoHash& name : names) archive.engine->Remove(name).IgnoreError();
  ASSERT_TRUE(archive.bell.Until([&] { return archive.engine->Add(torrent.Request()).ok(); }));
  ASSERT_TRUE(archive.WaitFor<TorrentReady>());
  ASSERT_TRUE(archive.engine->ConnectPeer(torrent.hash(), seeder.endpoint()).ok());
  EXPECT_TRUE(archive.WaitFor<WantedFinished>());
}

TEST(Engine, WhatSomebodyElseDoesToItsFilesIsNoticed) {
  const TestTorrent torrent(8);
  Archive archive;
  archive.AddSeed(torrent);
  const auto touched = [&] {
    EXPECT_TRUE(archive.engine->CheckFiles(torrent.hash()).ok());
    // The answer to a later question comes behind it.
    const size_t before = archive.Count<Scrubbed>();
    EXPECT_TRUE(archive.engine->Scrub(torrent.hash(), pieces::Piece(0)).ok());
    EXPECT_TRUE(archive.bell.Until([&] { return archive.Count<Scrubbed>() > before; }));
    return archive.Count<FilesTouched>();
  };
  EXPECT_EQ(touched(), 0u);
  std::filesystem::remove(archive.files() + "/film/two.bin");
  EXPECT_EQ(touched(), 1u);
  EXPECT_TRUE(absl::IsNotFound(archive.engine->CheckFiles(torrent::InfoHash())));
}

TEST(Engine, ASleepingTorrentWakesWhenAPeerAsksForIt) {
  const TestTorrent torrent(8);
  Archive archive([&](EngineOptions& options) {
    options.loader = [&](const torrent::InfoHash& hash) -> absl::StatusOr<AddRequest> {
      EXPECT_EQ(hash, torrent.hash());
      return torrent.Request();
    };
  });
  archive.AddSeed(torrent);
  ASSERT_TRUE(archive.engine->Sleep(torrent.hash()).ok());
  ASSERT_TRUE(archive.WaitFor<TorrentGone>());
  EXPECT_EQ(archive.engine->Counters().sleeping, 1u);
  EXPECT_EQ(archive.engine->Counters().torrents, 0u);
  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  ASSERT_TRUE(leecher.bell.Until([&] { return leecher.IsSeeding(); }));
  EXPECT_TRUE(archive.WaitFor<TorrentReady>([](const TorrentReady& e) { return e.woken; }));
  EXPECT_EQ(archive.engine->Counters().woken, 1u);
}

// As every client of libtorrent's does by default: a seed hangs up on who says that it only
// uploads.
TEST(Engine, ASeedStaysConnectedToWhoWantsNothingYet) {
  const TestTorrent torrent(10);
  PlainClient seed;
  libtorrent::settings_pack usual;
  usual.set_bool(libtorrent::settings_pack::close_redundant_connections, true);
  seed.session->apply_settings(usual);
  seed.Add(torrent, {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}});
  ASSERT_TRUE(seed.bell.Until([&] { return seed.IsSeeding(); }));
  Archive archive;
  AddRequest request = torrent.Request();
  request.wanted.emplace();
  request.peers = {seed.endpoint()};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  ASSERT_TRUE(archive.bell.Until([&] { return Organic(archive.Look(torrent.hash())) == 1; }));
  std::vector<WantedPiece> all;
  for (uint32_t i = 0; i < 10; ++i) all.push_back({pieces::Piece(i)});
  ASSERT_TRUE(archive.engine->SetWanted(torrent.hash(), all).ok());
  ASSERT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_EQ(archive.Count<PeerConnected>(), 1u) << "it never left";
}

TEST(Engine, AScrubFindsWhatRottedAndNobodyIsOfferedIt) {
  const TestTorrent torrent(8);
  Archive archive;
  archive.AddSeed(torrent);
  {
    std::fstream file(archive.files() + "/film/one.bin",
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(70'000);
    file.put('!');
  }
  ASSERT_TRUE(archive.engine->Scrub(torrent.hash(), Piece(0)).ok());
  ASSERT_TRUE(archive.WaitFor<Scrubbed>([](const Scrubbed& e) { return e.status.ok(); }));
  ASSERT_TRUE(archive.engine->Scrub(torrent.hash(), Piece(1)).ok());
  ASSERT_TRUE(
      archive.WaitFor<Scrubbed>([](const Scrubbed& e) { return absl::IsDataLoss(e.status); }));
  EXPECT_FALSE(archive.Look(torrent.hash()).have.Has(Piece(1)));
  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  EXPECT_TRUE(leecher.bell.Until([&] { return leecher.handle.status().num_pieces == 7; }));
  EXPECT_EQ(leecher.HashFailures(), 0);
}

TEST(Engine, AVanishedFileIsNoticedWhenItIsRead) {
  const TestTorrent torrent(8);
  Archive archive;
  archive.AddSeed(torrent);
  // Emptied under our feet: the descriptor is open, and the bytes are gone.
  std::filesystem::resize_file(archive.files() + "/film/two.bin", 0);
  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  EXPECT_TRUE(archive.WaitFor<TorrentError>(
      [](const TorrentError& e) { return absl::IsDataLoss(e.status); }));
  EXPECT_TRUE(leecher.bell.Until([&] { return leecher.handle.status().num_pieces == 2; }));
  EXPECT_EQ(leecher.HashFailures(), 0);
}

TEST(Engine, PoisonIsNoticedAndNotKept) {
  const TestTorrent torrent(6);
  // Seeds everything, and has other bytes.
  const TestTorrent poisoned(6);
  poisoned.Write("film/one.bin", Bytes(ReadAll(torrent.folder / "film/one.bin").size(), 7));
  PlainClient liar;
  liar.Add(poisoned, std::vector<int>{0, 1, 2, 3, 4, 5});
  Archive archive;
  AddRequest request = torrent.Request();
  request.peers = {liar.endpoint()};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  ASSERT_TRUE(archive.WaitFor<HashFailed>());
  Archive seeder;
  seeder.AddSeed(torrent);
  ASSERT_TRUE(archive.engine->ConnectPeer(torrent.hash(), seeder.endpoint()).ok());
  ASSERT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_TRUE(torrent.IsWholeAt(archive.files()));
  EXPECT_GT(archive.engine->Counters().hash_failures, 0u);
}

// The system's files on a disk that can be full.
class FullLayer final : public pieces::FileLayer {
 public:
  std::atomic<bool> full = false;
  std::atomic<bool> fills_books = false;  // the first block leaves no room for what is noted
  std::atomic<bool> books_full = false;

  absl::StatusOr<std::unique_ptr<pieces::File>> Open(const pieces::FilePlace& place,
                                                     bool create) override {
    auto opened = system_.Open(place, create);
    if (!opened.ok()) return opened;
    return std::make_unique<FullFile>(*this, *std::move(opened));
  }
  absl::Status Remove(const pieces::FilePlace& place) override { return system_.Remove(place); }
  absl::StatusOr<Bytes> ReadWhole(const std::string& path, size_t max) override {
    return system_.ReadWhole(path, max);
  }
  absl::Status Replace(const std::string& path, ByteView content) override {
    return books_full ? absl::ResourceExhaustedError("full") : system_.Replace(path, content);
  }
  absl::Status RemoveWhole(const std::string& path) override { return system_.RemoveWhole(path); }
  absl::Status MakeRoot(const std::string& path) override { return system_.MakeRoot(path); }

 private:
  class FullFile final : public pieces::File {
   public:
    FullFile(FullLayer& layer, std::unique_ptr<pieces::File> file)
        : layer_(layer), file_(std::move(file)) {}
    absl::Status ReadAt(uint64_t offset, MutableByteView to, bool now) override {
      return file_->ReadAt(offset, to, now);
    }
    absl::Status WriteAt(uint64_t offset, ByteView bytes) override {
      if (layer_.fills_books.exchange(false)) layer_.books_full = true;
      return layer_.full ? absl::ResourceExhaustedError("full") : file_->WriteAt(offset, bytes);
    }
    absl::Status Sync() override { return file_->Sync(); }
    absl::Status Resize(uint64_t size) override { return file_->Resize(size); }
    absl::Status Punch(uint64_t offset, uint64_t length) override {
      return file_->Punch(offset, length);
    }
    absl::StatusOr<pieces::FileFacts> Facts() const override { return file_->Facts(); }

   private:
    FullLayer& layer_;
    std::unique_ptr<pieces::File> file_;
  };
  pieces::FileLayer& system_ = pieces::SystemFileLayer();
};

TEST(Engine, AFullDiskStopsFetchingUntilItIsToldToGoOn) {
  const TestTorrent torrent(8);
  FullLayer layer;
  const testing::TempFolder folder;
  const auto store = *pieces::OpenDiskPieceStore({folder / "Files", folder / "have"}, layer);
  Archive seeder;
  seeder.AddSeed(torrent);
  Archive archive([&](EngineOptions& options) { options.store = store.get(); });
  layer.full = true;
  AddRequest request = torrent.Request();
  request.peers = {seeder.endpoint()};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  ASSERT_TRUE(archive.WaitFor<TorrentError>(
      [](const TorrentError& e) { return absl::IsResourceExhausted(e.status); }));
  layer.full = false;
  ASSERT_TRUE(archive.bell.Until([&] { return archive.engine->Counters().bytes_waiting == 0; }));
  std::vector<WantedPiece> all;
  for (uint32_t i = 0; i < 8; ++i) all.push_back({Piece(i), 4});
  ASSERT_TRUE(archive.engine->SetWanted(torrent.hash(), all).ok());
  EXPECT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_TRUE(torrent.IsWholeAt(folder / "Files"));
  archive.engine.reset();  // before its store
}

TEST(Engine, WhatADiskHadNoRoomToNoteIsNotedWhenItHas) {
  const TestTorrent torrent(8);
  FullLayer layer;
  const testing::TempFolder folder;
  const auto store = *pieces::OpenDiskPieceStore({folder / "Files", folder / "have"}, layer);
  Archive seeder;
  seeder.AddSeed(torrent);
  Archive archive([&](EngineOptions& options) {
    options.store = store.get();
    options.keep_again = absl::Milliseconds(50);
  });
  AddRequest request = torrent.Request();
  request.peers = {seeder.endpoint()};
  layer.fills_books = true;
  ASSERT_TRUE(archive.engine->Add(request).ok());
  // Everything came, and no other piece will.
  ASSERT_TRUE(archive.bell.Until([&] { return archive.Count<TorrentError>() > 2; }));
  EXPECT_EQ(archive.Count<PieceFinished>(), 0u);
  layer.books_full = false;
  ASSERT_TRUE(archive.WaitFor<WantedFinished>());
  EXPECT_EQ(archive.Count<PieceFinished>(), 8u);
  archive.engine.reset();  // before its store
}

TEST(Engine, WhatIsNotServedIsRefusedUntilItIs) {
  const TestTorrent torrent(10);
  Archive archive;
  archive.AddSeed(torrent);
  EXPECT_TRUE(absl::IsNotFound(archive.engine->SetServed(TestTorrent(3).hash(), false)));
  ASSERT_TRUE(archive.engine->SetServed(torrent.hash(), false).ok());
  PlainClient leecher;
  leecher.Add(torrent, std::nullopt);
  leecher.Connect(archive.endpoint());
  ASSERT_TRUE(
      archive.bell.Until([&] { return archive.engine->Counters().requests_held_back > 0; }));
  EXPECT_EQ(archive.engine->Counters().uploaded, 0u);
  // It is in the swarm as before.
  EXPECT_EQ(archive.Look(torrent.hash()).peers.size(), 1u);
  ASSERT_TRUE(archive.engine->SetServed(torrent.hash(), true).ok());
  ASSERT_TRUE(leecher.bell.Until([&] { return leecher.IsSeeding(); }));
  EXPECT_EQ(leecher.HashFailures(), 0);
}

TEST(Engine, PrivateTrackersOfStrangersAreRefused) {
  const TestTorrent torrent(2);
  Archive archive;
  AddRequest request = torrent.Request();
  request.private_addresses = false;
  request.trackers = {{"http://127.0.0.1:1/announce", "file:///etc/passwd"}};
  request.web_seeds = {"http://10.0.0.1/film/"};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  EXPECT_EQ(archive.engine->Counters().private_address_refused, 2u);
  ASSERT_TRUE(archive.engine->SetTrackers(torrent.hash(), request.trackers).ok());
  EXPECT_EQ(archive.engine->Counters().private_address_refused, 3u);
  ASSERT_TRUE(archive.engine->Remove(torrent.hash()).ok());
  ASSERT_TRUE(archive.WaitFor<TorrentGone>());
  request.private_addresses = true;
  ASSERT_TRUE(archive.engine->Add(request).ok());
  EXPECT_TRUE(
      archive.WaitFor<TrackerAnswered>([](const TrackerAnswered& e) { return !e.status.ok(); }));
}

TEST(Engine, OurOwnTrackerMayStandInOurNetwork) {
  const TestTorrent torrent(2);
  Archive archive;
  archive.engine->SetTrusted({"http://127.0.0.1:1/announce"});
  AddRequest request = torrent.Request();
  request.private_addresses = false;
  request.trackers = {{"http://127.0.0.1:1/another"}, {"http://127.0.0.1:2/announce"}};
  ASSERT_TRUE(archive.engine->Add(request).ok());
  EXPECT_EQ(archive.engine->Counters().private_address_refused, 1u);
  EXPECT_TRUE(
      archive.WaitFor<TrackerAnswered>([](const TrackerAnswered& e) { return !e.status.ok(); }));
}

}  // namespace
}  // namespace p2pd::archive::lt
