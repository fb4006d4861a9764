#include "libcore/archive/pieces/open_files.h"

#include <gtest/gtest.h>

#include "tests/unit/archive/pieces/fake_disk.h"

namespace p2pd::archive::pieces {
namespace {

TEST(OpenFiles, KeepsThoseUsedLast) {
  SeededRng rng(1);
  FakeDisk disk(rng);
  OpenFiles files(disk, 2);
  const auto get = [&](size_t i) {
    return *files.Get({1, i}, {"/r", std::string(1, static_cast<char>('a' + i))}, true);
  };
  const std::shared_ptr<File> a = get(0);
  const std::shared_ptr<File> b = get(1);
  EXPECT_EQ(get(0), a);
  get(2);  // b leaves
  EXPECT_EQ(get(0), a);
  EXPECT_NE(get(1), b);
  EXPECT_TRUE(b->Facts().ok());  // who holds it may go on
}

TEST(OpenFiles, ForgetsOneTorrentAndSaysWhatIsMissing) {
  SeededRng rng(1);
  FakeDisk disk(rng);
  OpenFiles files(disk, 8);
  const auto a = *files.Get({1, 0}, {"/r", "a"}, true);
  const auto b = *files.Get({2, 0}, {"/r", "b"}, true);
  files.Forget(1);
  EXPECT_NE(*files.Get({1, 0}, {"/r", "a"}, false), a);
  EXPECT_EQ(*files.Get({2, 0}, {"/r", "b"}, false), b);
  EXPECT_TRUE(absl::IsNotFound(files.Get({3, 0}, {"/r", "c"}, false).status()));
}

}  // namespace
}  // namespace p2pd::archive::pieces
