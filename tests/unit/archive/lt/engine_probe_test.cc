#include <gtest/gtest.h>

#include "libcore/archive/lt/engine.h"
#include "tests/unit/archive/lt/swarm_fixture.h"

namespace p2pd::archive::lt {
namespace {

using pieces::Piece;

// Asks a client, who says that it has everything, for a block of a torrent that is here.
struct ProbeCase {
  explicit ProbeCase(const TestTorrent& torrent, const net::Endpoint& peer)
      : archive([](EngineOptions& options) { options.probe_patience = absl::Seconds(2); }) {
    archive.AddSeed(torrent);
    EXPECT_TRUE(archive.engine->ConnectPeer(torrent.hash(), peer).ok());
    EXPECT_TRUE(archive.bell.Until([&] {
      const TorrentSnapshot look = archive.Look(torrent.hash());
      return !look.peers.empty() && look.peers[0].seed;
    }));
    disconnected = archive.Count<PeerDisconnected>();
    EXPECT_TRUE(
        archive.engine->Probe(torrent.hash(), peer, {Piece(1), pieces::kBlock, kSize}).ok());
    EXPECT_TRUE(archive.WaitFor<PeerProbed>([this](const PeerProbed& e) {
      result = e.result;
      return true;
    }));
  }
  static constexpr uint32_t kSize = pieces::kBlock;
  Archive archive;
  size_t disconnected = 0;  // before it was asked
  ProbeResult result = ProbeResult::kUnknown;
};

TEST(EngineProbe, ASeedShowsThatItHasWhatItSays) {
  const TestTorrent torrent(6);
  PlainClient seed;
  seed.Add(torrent, std::vector<int>{0, 1, 2, 3, 4, 5});
  ProbeCase probe(torrent, seed.endpoint());
  EXPECT_EQ(probe.result, ProbeResult::kRight);
  // It is still there, and may be asked again.
  EXPECT_EQ(probe.archive.Look(torrent.hash()).peers.size(), 1u);
  EXPECT_TRUE(
      probe.archive.engine->Probe(torrent.hash(), seed.endpoint(), {Piece(5), 0, pieces::kBlock})
          .ok());
  EXPECT_TRUE(probe.archive.WaitFor<PeerProbed>(
      [](const PeerProbed& e) { return e.result == ProbeResult::kRight; }));
  EXPECT_EQ(probe.archive.Count<PeerDisconnected>(), probe.disconnected);
}

TEST(EngineProbe, OneThatGivesRubbishIsFound) {
  const TestTorrent torrent(6);
  const TestTorrent poisoned(6);
  poisoned.Write("film/one.bin", Bytes(ReadAll(torrent.folder / "film/one.bin").size(), 7));
  PlainClient liar;
  liar.Add(poisoned, std::vector<int>{0, 1, 2, 3, 4, 5});
  EXPECT_EQ(ProbeCase(torrent, liar.endpoint()).result, ProbeResult::kWrong);
}

TEST(EngineProbe, OneThatClaimsEverythingAndGivesNothingIsSilent) {
  const TestTorrent torrent(6);
  PlainClient miser;
  libtorrent::settings_pack pack;
  pack.set_int(libtorrent::settings_pack::choking_algorithm,
               libtorrent::settings_pack::fixed_slots_choker);
  pack.set_int(libtorrent::settings_pack::unchoke_slots_limit, 0);
  miser.session->apply_settings(pack);
  // Those of the local network would be served past all limits.
  miser.session->set_peer_class_filter({});
  miser.Add(torrent, std::vector<int>{0, 1, 2, 3, 4, 5});
  EXPECT_EQ(ProbeCase(torrent, miser.endpoint()).result, ProbeResult::kSilent);
}

TEST(EngineProbe, OfOneThatIsNotThereNothingIsLearnt) {
  const TestTorrent torrent(6);
  Archive archive;
  archive.AddSeed(torrent);
  const auto nobody = *net::Endpoint::Parse("127.0.0.1:9");
  EXPECT_TRUE(archive.engine->Probe(torrent.hash(), nobody, {Piece(1), 0, pieces::kBlock}).ok());
  EXPECT_TRUE(archive.WaitFor<PeerProbed>(
      [](const PeerProbed& e) { return e.result == ProbeResult::kUnknown; }));
  EXPECT_TRUE(absl::IsInvalidArgument(
      archive.engine->Probe(torrent.hash(), nobody, {Piece(6), 0, pieces::kBlock})));
  EXPECT_TRUE(
      absl::IsInvalidArgument(archive.engine->Probe(torrent.hash(), nobody, {Piece(1), 0, 100})));
}

TEST(EngineRead, WhatIsKeptCanBeRead) {
  const TestTorrent torrent(6);
  Archive archive;
  archive.AddSeed(torrent);
  const std::vector<pieces::Range> ranges = {{Piece(0), 3, 10}, {Piece(5), 100, 5}};
  ASSERT_TRUE(archive.engine->Read(torrent.hash(), ranges, 9).ok());
  Bytes all = ReadAll(torrent.folder / "film/one.bin");
  Append(all, ReadAll(torrent.folder / "film/two.bin"));
  Bytes expected(all.begin() + 3, all.begin() + 13);
  const auto second = all.begin() + 5 * 65'536 + 100;
  expected.insert(expected.end(), second, second + 5);
  EXPECT_TRUE(archive.WaitFor<RangesRead>(
      [&](const RangesRead& e) { return e.id == 9 && e.bytes.ok() && *e.bytes == expected; }));
  // One that is not kept, and what is no part of it.
  ASSERT_TRUE(archive.engine->Drop(torrent.hash(), {Piece(5)}).ok());
  ASSERT_TRUE(archive.WaitFor<PiecesDropped>());
  ASSERT_TRUE(archive.engine->Read(torrent.hash(), ranges, 10).ok());
  EXPECT_TRUE(archive.WaitFor<RangesRead>(
      [](const RangesRead& e) { return e.id == 10 && absl::IsNotFound(e.bytes.status()); }));
  const std::vector<pieces::Range> beyond = {{Piece(6), 0, 1}};
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Read(torrent.hash(), beyond, 11)));
  const std::vector<pieces::Range> much(17, {Piece(0), 0, 65'536});
  EXPECT_TRUE(absl::IsInvalidArgument(archive.engine->Read(torrent.hash(), much, 12)));
}

}  // namespace
}  // namespace p2pd::archive::lt
