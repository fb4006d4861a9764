#include "libcore/archive/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace p2pd::archive {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using torrent::InfoHash;

InfoHash Hash(char digit) { return *torrent::ParseInfoHash(std::string(40, digit)); }

struct ChangeLogTest : ::testing::Test {
  // "a3" for a state, "a" for figures, "a-" for what is gone.
  std::vector<std::string> Since(uint64_t since, size_t most = 100) const {
    std::vector<std::string> out;
    const auto changes = log.Since(Revision(since), most);
    if (!changes) return {"forgotten"};
    for (const TorrentChange& change : *changes) {
      std::string text(1, ToHex(change.hash)[0]);
      if (change.state) text += std::to_string(static_cast<int>(*change.state));
      if (change.removed) text += "-";
      out.push_back(text);
    }
    return out;
  }
  ChangeLog log;
};

TEST_F(ChangeLogTest, EachStateIsAnEntryAndFiguresAreOne) {
  EXPECT_THAT(Since(0), IsEmpty());
  log.NoteState(Hash('a'), TorrentState::kMetadata);
  log.NoteFigures(Hash('b'));
  log.NoteState(Hash('a'), TorrentState::kFetching);
  log.NoteFigures(Hash('a'));
  log.NoteFigures(Hash('b'));
  log.NoteFigures(Hash('a'));
  EXPECT_THAT(Since(0), ElementsAre("a2", "a3", "b", "a"));
  EXPECT_EQ(log.last(), Revision(6));
  EXPECT_THAT(Since(5), ElementsAre("a"));
  EXPECT_THAT(Since(6), IsEmpty());
  EXPECT_THAT(Since(0, 3), ElementsAre("a2", "a3", "b"));
  log.NoteState(Hash('a'), TorrentState::kArchived);
  EXPECT_THAT(Since(4), ElementsAre("b", "a4")) << "the figures come with the state";
  log.NoteRemoved(Hash('b'));
  EXPECT_THAT(Since(4), ElementsAre("a4", "b-"));
}

TEST_F(ChangeLogTest, WhatIsTooOldOrToComeIsSaid) {
  EXPECT_THAT(Since(1), ElementsAre("forgotten"));
  log.NoteFigures(Hash('b'));
  for (size_t i = 0; i <= ChangeLog::kKept; ++i) log.NoteState(Hash('a'), TorrentState::kLost);
  EXPECT_THAT(Since(0), ElementsAre("forgotten"));
  EXPECT_THAT(Since(1), ElementsAre("forgotten"));
  EXPECT_EQ(log.Since(Revision(2), 1'000'000)->size(), ChangeLog::kKept);
}

}  // namespace
}  // namespace p2pd::archive
