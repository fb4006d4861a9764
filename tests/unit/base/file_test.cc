#include "libcore/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/unit/base/temp_folder.h"

namespace p2pd {
namespace {

using ::p2pd::testing::TempFolder;
using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(File, ReadsBackWhatWasWritten) {
  const TempFolder folder;
  for (const size_t size : {0u, 1u, 16383u, 16384u, 16385u, 100000u}) {
    const Bytes content(size, 0x5a);

    ASSERT_TRUE(WriteFileAtomically(folder / "f", content, FileMode::kPublic).ok());

    const auto read = ReadFile(folder / "f", 100000);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, content);
  }
}

TEST(File, ModesAreThoseThatTheHeaderNames) {
  const TempFolder folder;

  ASSERT_TRUE(WriteFileAtomically(folder / "public", AsBytes("x"), FileMode::kPublic).ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "secret", AsBytes("x"), FileMode::kSecret).ok());

  EXPECT_EQ(ModeOf(folder / "public"), 0644u);
  EXPECT_EQ(ModeOf(folder / "secret"), 0600u);
}

TEST(File, ReplacesAndLeavesNothingBeside) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "f", AsBytes("old, longer"), FileMode::kPublic).ok());

  ASSERT_TRUE(WriteFileAtomically(folder / "f", AsBytes("new"), FileMode::kSecret).ok());

  EXPECT_EQ(ToText(*ReadFile(folder / "f", 100)), "new");
  EXPECT_EQ(ModeOf(folder / "f"), 0600u);
  EXPECT_FALSE(std::filesystem::exists(folder / "f.new"));
}

// What a crash left beside the file must not lend its mode to a secret.
TEST(File, AHalfWrittenFileOfAnEarlierRunIsReplaced) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "f.new", AsBytes("torn"), FileMode::kPublic).ok());

  ASSERT_TRUE(WriteFileAtomically(folder / "f", AsBytes("key"), FileMode::kSecret).ok());

  EXPECT_EQ(ToText(*ReadFile(folder / "f", 100, FileMode::kSecret)), "key");
  EXPECT_EQ(ModeOf(folder / "f"), 0600u);
}

TEST(File, DoesNotFollowALinkThatWaitsBeside) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "victim", AsBytes("keep"), FileMode::kPublic).ok());
  ASSERT_EQ(symlink((folder / "victim").c_str(), (folder / "f.new").c_str()), 0);

  const absl::Status written = WriteFileAtomically(folder / "f", AsBytes("x"), FileMode::kPublic);

  EXPECT_FALSE(written.ok());
  EXPECT_EQ(ToText(*ReadFile(folder / "victim", 100)), "keep");
}

TEST(File, MissingFileIsNotFoundAndSaysWhich) {
  const TempFolder folder;

  const auto read = ReadFile(folder / "missing", 10);

  EXPECT_EQ(read.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("cannot open " + folder.path()));
}

TEST(File, ReadStopsAtItsBound) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "f", Bytes(11), FileMode::kPublic).ok());

  EXPECT_EQ(ReadFile(folder / "f", 10).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(folder / "f", 0).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadFile(folder / "f", 11).ok());
  // A device has no size to go by.
  EXPECT_EQ(ReadFile("/dev/zero", 10).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile("/dev/null", 10)->size(), 0u);
}

TEST(File, AFolderIsNoFile) {
  const TempFolder folder;

  EXPECT_FALSE(ReadFile(folder.path(), 10).ok());
  EXPECT_FALSE(WriteFileAtomically(folder.path(), AsBytes("x"), FileMode::kPublic).ok());
}

TEST(File, ASecretThatOthersMayReadIsRefused) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "key", AsBytes("x"), FileMode::kSecret).ok());
  for (const mode_t mode : {0640u, 0604u, 0620u, 0644u}) {
    ASSERT_EQ(chmod((folder / "key").c_str(), mode), 0);

    const auto read = ReadFile(folder / "key", 10, FileMode::kSecret);

    EXPECT_EQ(read.status().code(), absl::StatusCode::kFailedPrecondition) << mode;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("chmod 600"));
  }
}

TEST(File, WriteIntoAMissingFolderFailsByName) {
  const TempFolder folder;

  const absl::Status written =
      WriteFileAtomically(folder / "missing/f", AsBytes("x"), FileMode::kPublic);

  EXPECT_EQ(written.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(written.message()), HasSubstr("missing/f"));
}

// What a person reads when the disk is full.
TEST(File, AFullDiskIsResourceExhausted) {
  EXPECT_EQ(FileError(ENOSPC, "write", "/x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(FileError(ENOSPC, "write", "/x").message()),
              HasSubstr("cannot write /x: No space left"));
}

TEST(File, WhatIsWrongWithTheDiskComesWithAdvice) {
  for (const int error : {ENOSPC, EDQUOT}) {
    EXPECT_THAT(std::string(FileError(error, "write", "/x").message()),
                HasSubstr("; disk full: make room there"));
  }
  EXPECT_THAT(std::string(FileError(EROFS, "write", "/x").message()), HasSubstr("writable"));
  EXPECT_TRUE(SaysWhatToDo(FileError(EROFS, "write", "/x")));
  EXPECT_FALSE(SaysWhatToDo(FileError(EACCES, "write", "/x")));
  EXPECT_THAT(std::string(FileError(ENOENT, "open", "/x").message()),
              ::testing::EndsWith("No such file or directory"));
}

TEST(MakeFolder, MakesParentsForTheirOwnerAloneAndMayBeRepeated) {
  const TempFolder folder;

  ASSERT_TRUE(MakeFolder(folder / "a/b/c").ok());
  ASSERT_TRUE(MakeFolder(folder / "a/b/c").ok());
  ASSERT_TRUE(MakeFolder(folder / "a/b/c/").ok());

  EXPECT_EQ(ModeOf(folder / "a"), 0700u);
  EXPECT_EQ(ModeOf(folder / "a/b/c"), 0700u);
}

TEST(MakeFolder, AFileInTheWayIsSaid) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "f", AsBytes("x"), FileMode::kPublic).ok());

  EXPECT_EQ(MakeFolder(folder / "f").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(MakeFolder(folder / "f/below").ok());
  EXPECT_FALSE(MakeFolder("").ok());
}

}  // namespace
}  // namespace p2pd
