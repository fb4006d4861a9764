// An archive on a library in a folder of its own, and a clock that the test moves.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "libcore/archive/archive.h"
#include "libcore/archive/torrent/bencode.h"
#include "libcore/db/database.h"

namespace p2pd::archive {

inline constexpr uint32_t kPiece = 16 << 10;
inline constexpr uint32_t kPieces = 100;  // two groups, of 64 and 36

inline Bytes MakeMetainfo(const std::string& name, uint32_t pieces = kPieces) {
  torrent::BencodeWriter out;
  out.OpenDictionary().String("info").OpenDictionary();
  out.String("length").Integer(int64_t{pieces} * kPiece).String("name").String(name);
  out.String("piece length").Integer(kPiece).String("pieces");
  out.String(std::string(size_t{pieces} * 20, 'h')).Close().Close();
  return out.Take();
}

inline torrent::InfoHash HashOf(const Bytes& metainfo) {
  return torrent::ParseMetainfo(metainfo)->hashes.Best();
}

// Of both versions, one piece.
inline Bytes MakeHybrid() {
  torrent::BencodeWriter out;
  out.OpenDictionary().String("info").OpenDictionary();
  out.String("file tree").OpenDictionary().String("a").OpenDictionary().String("");
  out.OpenDictionary().String("length").Integer(kPiece).String("pieces root");
  out.String(std::string(32, 'r')).Close().Close().Close();
  out.String("length").Integer(kPiece).String("meta version").Integer(2).String("name").String("a");
  out.String("piece length").Integer(kPiece).String("pieces").String(std::string(20, 'h'));
  out.Close().Close();
  return out.Take();
}

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    std::string name = testing::TempDir() + "/p2pd_archive_XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.keeper.quota = uint64_t{10} * kPieces * kPiece;
    Make();
  }
  ~ArchiveTest() override {
    archive_.reset();
    library_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Anew, with what the disk has.
  void Make() {
    archive_.reset();
    library_.reset();
    library_ = *Library::Open(folder_ + "/library.db");
    archive_ = std::make_unique<Archive>(options_, *library_, counters_, now_);
  }
  // As on a full disk, no row comes into this table of the library until Allow.
  void Forbid(const std::string& table) {
    Execute(absl::StrCat("CREATE TRIGGER no_", table, " BEFORE INSERT ON ", table,
                         " BEGIN SELECT RAISE(ABORT, 'no room'); END"));
  }
  void Allow(const std::string& table) { Execute(absl::StrCat("DROP TRIGGER no_", table)); }
  // By a connection of its own.
  void Execute(const std::string& sql) {
    auto database = db::Database::Open(
        folder_ + "/library.db",
        {.what = "library", .application_id = 0x7032616c, .version = Library::kSchemaVersion});
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE(database->Execute(sql, "change it").ok());
  }
  torrent::InfoHash Submit(const Bytes& metainfo) {
    const auto hash = archive_->Submit(now_, Wall(), metainfo, Source::kSubmitted);
    EXPECT_TRUE(hash.ok()) << hash.status();
    return hash.value_or(torrent::InfoHash());
  }
  absl::Time Wall() const { return absl::FromUnixSeconds(1'700'000'000) + (now_ - Instant{}); }
  static net::Endpoint Peer(int number) {
    return *net::Endpoint::Parse(absl::StrCat("20.0.", number, ".1:6881"));
  }
  // We have the first `held` pieces, and `holders` others have all.
  Look LookAt(const torrent::InfoHash& hash, uint32_t held, int holders,
              uint32_t pieces = kPieces) {
    Look look;
    look.hash = hash;
    look.have.assign(pieces, false);
    std::fill_n(look.have.begin(), held, true);
    look.organic.assign(pieces, static_cast<uint32_t>(holders));
    look.members.assign(pieces, 0);
    for (int i = 0; i < holders; ++i) look.holders.push_back({Peer(i), false, 1 << 20, pieces});
    return look;
  }
  void Show(const Look& look) {
    archive_->OnLook(now_, Wall(), look);
    archive_->OnTimeout(now_);
  }
  void Wait(absl::Duration span) {
    now_ = now_ + span;
    archive_->OnTimeout(now_);
  }
  // So many say that they have everything, we have it too, and each shows what `shown` says; what
  // is dropped then, if anything is.
  std::optional<DropPieces> WatchFor40Minutes(const torrent::InfoHash& hash, Shown (*shown)(int),
                                              int holders = 6) {
    std::optional<DropPieces> drop;
    for (int minute = 0; minute < 40 && !drop; ++minute) {
      Show(LookAt(hash, kPieces, holders));
      while (const auto order = archive_->PollOrder()) {
        if (const auto* probe = std::get_if<ProbePeer>(&*order)) {
          int peer = 0;
          while (Peer(peer) != probe->peer) ++peer;
          archive_->OnShown(now_, hash, probe->peer, shown(peer));
        } else if (const auto* dropped = std::get_if<DropPieces>(&*order)) {
          drop = *dropped;
        }
      }
      Wait(absl::Minutes(1));
    }
    return drop;
  }
  // The next order of this kind; those before it are passed by.
  template <class OrderT>
  std::optional<OrderT> Next() {
    while (const auto order = archive_->PollOrder()) {
      if (const auto* wanted = std::get_if<OrderT>(&*order)) return *wanted;
    }
    return std::nullopt;
  }
  TorrentState StateOf(const torrent::InfoHash& hash) { return archive_->Find(hash)->row.state; }

  std::string folder_;
  ArchiveOptions options_;
  Counters counters_;
  Instant now_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<Archive> archive_;
};

}  // namespace p2pd::archive
