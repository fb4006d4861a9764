#include "daemon/archive_limits.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

Instant At(double seconds) { return Instant() + absl::Seconds(seconds); }

// In the middle of a month, in whatever zone the machine is.
const absl::Time kWall = absl::FromUnixSeconds(1'794'700'000);

TEST(ArchiveLimits, SayWhatChangedAndKeepTheCount) {
  const TempDir folder;
  const std::string file = absl::StrCat(folder.path(), "/sent");
  {
    ArchiveLimits limits({.up = 4096, .budget = 1000}, file);
    EXPECT_EQ(limits.EngineLimitsAt(kWall).upload_rate, 4096u);
    EXPECT_TRUE(limits.Apply(At(0), kWall, 0).has_value());
    EXPECT_FALSE(limits.Apply(At(1), kWall, 900).has_value());
    limits.limits().Change({.down = 8192, .slots = 2, .connections = 7});
    const auto changed = limits.Apply(At(2), kWall, 900);
    ASSERT_TRUE(changed.has_value());
    EXPECT_EQ(changed->upload_rate, 4096u);
    EXPECT_EQ(changed->download_rate, 8192u);
    EXPECT_EQ(changed->upload_slots, 2u);
    EXPECT_EQ(changed->connections, 7u);
    EXPECT_TRUE(absl::IsNotFound(ReadFile(file, 100).status())) << "not each second";
    limits.Apply(At(61), kWall, 950);
    EXPECT_TRUE(ReadFile(file, 100).ok());
    EXPECT_FALSE(limits.in_force().used_up);
    limits.Apply(At(62), kWall, 1000);
    EXPECT_TRUE(limits.in_force().used_up);
    limits.Save();
  }
  ArchiveLimits again({.budget = 1000}, file);
  again.Apply(At(0), kWall, 0);
  EXPECT_TRUE(again.in_force().used_up);
  EXPECT_EQ(again.in_force().sent, 1000u);
  ASSERT_TRUE(WriteFileAtomically(file, AsBytes("rubbish"), FileMode::kSecret).ok());
  ArchiveLimits anew({.budget = 1000}, file);
  anew.Apply(At(0), kWall, 0);
  EXPECT_EQ(anew.in_force().sent, 0u);
}

}  // namespace
}  // namespace p2pd::daemon
