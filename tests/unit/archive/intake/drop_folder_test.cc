#include "libcore/archive/intake/drop_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "libcore/base/file.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::intake {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kLink[] = "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

Instant At(double seconds) { return Instant() + absl::Seconds(seconds); }

class DropFolderTest : public ::testing::Test {
 protected:
  DropFolderTest() { std::filesystem::create_directory(root_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(root_ + "/" + name, std::ios::app) << text;
  }
  std::string Read(const std::string& name) const {
    const auto content = ReadFile(root_ + "/" + name, 1000);
    return content.ok() ? ToText(*content) : std::string("-");
  }
  std::vector<std::string> Names(const std::string& folder = "") const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(root_ + "/" + folder)) {
      out.push_back(entry.path().filename().string());
    }
    return out;
  }
  // Looked at then, and again when it may be settled; what is there to hand over.
  std::optional<Dropped> NextAt(double seconds) {
    drop_->Scan(At(seconds));
    return drop_->Next(At(seconds));
  }

  const testing::TempFolder temp_;
  const std::string root_ = temp_ / "drop";
  const std::unique_ptr<DropFolder> drop_ = *DropFolder::Open(root_);
};

TEST_F(DropFolderTest, AFileThatRestsIsHandedOverAndMoved) {
  EXPECT_EQ(drop_->PollTimeout(), std::nullopt);
  Write("a.torrent", "one");
  EXPECT_FALSE(NextAt(0).has_value());
  EXPECT_EQ(drop_->PollTimeout(), At(2));
  // Its writer goes on.
  Write("a.torrent", "two");
  EXPECT_FALSE(NextAt(1.5).has_value());
  EXPECT_FALSE(NextAt(3).has_value());
  const auto dropped = NextAt(3.5);
  ASSERT_TRUE(dropped.has_value());
  EXPECT_EQ(dropped->name, "a.torrent");
  EXPECT_EQ(ToText(dropped->metainfo), "onetwo");
  EXPECT_FALSE(NextAt(10).has_value()) << "it is being handed over";
  drop_->Finish(At(10), "a.torrent", absl::OkStatus());
  EXPECT_THAT(Names(), UnorderedElementsAre("taken", "refused"));
  EXPECT_EQ(Read("taken/a.torrent"), "onetwo");
  EXPECT_EQ(drop_->taken(), 1u);
  EXPECT_EQ(drop_->PollTimeout(), std::nullopt);
  EXPECT_THAT(drop_->TakeTroubles(), IsEmpty());
}

TEST_F(DropFolderTest, WhatIsRefusedHasItsReasonBesideIt) {
  Write("a.torrent", "x");
  NextAt(0);
  ASSERT_TRUE(NextAt(2).has_value());
  drop_->Finish(At(2), "a.torrent", absl::PermissionDeniedError("it was denied"));
  EXPECT_EQ(Read("refused/a.torrent"), "x");
  EXPECT_EQ(Read("refused/a.torrent.reason.txt"), "it was denied\n");
  EXPECT_EQ(drop_->refused(), 1u);
}

TEST_F(DropFolderTest, AHalfWrittenFileHasAMinute) {
  Write("a.torrent", "ha");
  NextAt(0);
  ASSERT_TRUE(NextAt(2).has_value());
  drop_->Finish(At(2), "a.torrent", absl::InvalidArgumentError("ends early"));
  EXPECT_EQ(drop_->PollTimeout(), At(60));
  EXPECT_FALSE(NextAt(30).has_value());
  Write("a.torrent", "lf");
  EXPECT_FALSE(NextAt(31).has_value());
  ASSERT_TRUE(NextAt(33).has_value());
  drop_->Finish(At(33), "a.torrent", absl::InvalidArgumentError("ends early"));
  EXPECT_THAT(Names("refused"), IsEmpty());
  ASSERT_TRUE(NextAt(91).has_value());
  drop_->Finish(At(91), "a.torrent", absl::InvalidArgumentError("ends early"));
  EXPECT_EQ(Read("refused/a.torrent.reason.txt"), "ends early\n");
}

TEST_F(DropFolderTest, MagnetsAreALinkALine) {
  Write("a.magnet", std::string("# two\n\n  ") + kLink + "\r\n" + kLink + "\n");
  NextAt(0);
  const auto dropped = NextAt(2);
  ASSERT_TRUE(dropped.has_value());
  EXPECT_EQ(dropped->magnets.size(), 2u);
  drop_->Finish(At(2), "a.magnet", absl::OkStatus());
  Write("b.magnet", std::string(kLink) + "\nhttp://example.org/\n");
  Write("c.magnet", "\n");
  std::string many;
  for (size_t i = 0; i <= DropFolder::kMaxMagnets; ++i) many += std::string(kLink) + "\n";
  Write("d.magnet", many);
  NextAt(10);
  EXPECT_FALSE(NextAt(12).has_value());
  EXPECT_FALSE(NextAt(70).has_value());
  EXPECT_THAT(Read("refused/b.magnet.reason.txt"), HasSubstr("line 2: "));
  EXPECT_THAT(Read("refused/c.magnet.reason.txt"), HasSubstr("no magnet link"));
  EXPECT_THAT(Read("refused/d.magnet.reason.txt"), HasSubstr("more than 100 links"));
}

TEST_F(DropFolderTest, NothingIsFollowedAndOthersStay) {
  Write("secret", "s");
  std::filesystem::create_symlink(root_ + "/secret", root_ + "/link.torrent");
  std::filesystem::create_symlink(root_ + "/nothing", root_ + "/dangling.magnet");
  std::filesystem::create_directory(root_ + "/folder.torrent");
  ASSERT_EQ(mkfifo((root_ + "/fifo.torrent").c_str(), 0600), 0);
  Write(".hidden.torrent", "x");
  Write("a.torrent.part", "x");
  NextAt(0);
  EXPECT_FALSE(NextAt(2).has_value());
  EXPECT_THAT(Names("refused"),
              UnorderedElementsAre("link.torrent", "link.torrent.reason.txt", "dangling.magnet",
                                   "dangling.magnet.reason.txt"));
  EXPECT_THAT(Read("refused/link.torrent.reason.txt"), HasSubstr("link"));
  EXPECT_EQ(Read("secret"), "s");
  EXPECT_THAT(Names(), UnorderedElementsAre("taken", "refused", "secret", "folder.torrent",
                                            "fifo.torrent", ".hidden.torrent", "a.torrent.part"));
}

TEST_F(DropFolderTest, HugeFilesAreNotRead) {
  Write("a.torrent", "x");
  std::filesystem::resize_file(root_ + "/a.torrent", DropFolder::kMaxTorrent + 1);
  NextAt(0);
  EXPECT_FALSE(NextAt(2).has_value());
  EXPECT_THAT(Read("refused/a.torrent.reason.txt"), HasSubstr("more than 12582912 bytes"));
}

TEST_F(DropFolderTest, NamesAreBytesAndNothingIsOverwritten) {
  const std::string odd = "..\n\x1b[31m\xff.TORRENT";
  for (int i = 0; i < 3; ++i) {
    // Not by a path that could be taken for another.
    Write("b" + odd, std::to_string(i));
    NextAt(10 * i);
    ASSERT_TRUE(NextAt(10 * i + 2).has_value());
    drop_->Finish(At(10 * i + 2), "b" + odd, absl::OkStatus());
  }
  const std::string stem = "b..\n\x1b[31m\xff";
  EXPECT_EQ(Read("taken/" + stem + ".TORRENT"), "0");
  EXPECT_EQ(Read("taken/" + stem + " (2).TORRENT"), "1");
  EXPECT_EQ(Read("taken/" + stem + " (3).TORRENT"), "2");
}

TEST_F(DropFolderTest, FilesMayVanishAndChangeMeanwhile) {
  Write("a.torrent", "x");
  Write("b.torrent", "x");
  Write("c.torrent", "x");
  NextAt(0);
  // Gone before it is read.
  std::filesystem::remove(root_ + "/a.torrent");
  const auto dropped = drop_->Next(At(2));
  ASSERT_TRUE(dropped.has_value());
  EXPECT_EQ(dropped->name, "b.torrent");
  // Gone before it is moved.
  std::filesystem::remove(root_ + "/b.torrent");
  drop_->Finish(At(2), "b.torrent", absl::OkStatus());
  // Another one before it is moved: that has its own turn.
  ASSERT_EQ(drop_->Next(At(2))->name, "c.torrent");
  Write("c.torrent", "y");
  drop_->Finish(At(3), "c.torrent", absl::OkStatus());
  EXPECT_THAT(Names("taken"), IsEmpty());
  const auto again = drop_->Next(At(5));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(ToText(again->metainfo), "xy");
  drop_->Postpone("c.torrent");
  ASSERT_TRUE(drop_->Next(At(6)).has_value());
  drop_->Finish(At(6), "c.torrent", absl::OkStatus());
  EXPECT_THAT(Names("taken"), UnorderedElementsAre("c.torrent"));
  EXPECT_THAT(Names("refused"), IsEmpty());
  EXPECT_THAT(drop_->TakeTroubles(), IsEmpty());
}

TEST_F(DropFolderTest, WhatCannotBeMovedIsNotHandedOverAgain) {
  Write("a.torrent", "x");
  NextAt(0);
  ASSERT_TRUE(NextAt(2).has_value());
  // Its place is gone.
  std::filesystem::remove(root_ + "/taken");
  drop_->Finish(At(2), "a.torrent", absl::OkStatus());
  // A folder that was removed takes nothing; the file is as it was.
  EXPECT_EQ(Read("a.torrent"), "x");
  EXPECT_EQ(drop_->TakeTroubles().size(), 1u);
  EXPECT_FALSE(NextAt(100).has_value());
  EXPECT_FALSE(drop_->InPlace());
  EXPECT_TRUE(DropFolder::Open(root_).ok());
  EXPECT_THAT(Names("taken"), IsEmpty());
}

TEST_F(DropFolderTest, AFolderThatIsAnotherOneIsNoticed) {
  EXPECT_TRUE(drop_->InPlace());
  std::filesystem::rename(root_, root_ + "-was");
  EXPECT_FALSE(drop_->InPlace());
  std::filesystem::create_directory(root_);
  EXPECT_FALSE(drop_->InPlace());
  std::filesystem::create_symlink("/", root_ + "/taken");
  EXPECT_TRUE(absl::IsFailedPrecondition(DropFolder::Open(root_).status()));
}

}  // namespace
}  // namespace p2pd::archive::intake
