#include "libcore/base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace p2pd {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(int value) {
  if (value < 0) return absl::InvalidArgumentError("negative");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Sum(int a, int b) {
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<int> x, Make(a));
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<int> y, Make(b));
  return *x + *y;
}

absl::Status Pass(absl::Status status, bool& passed) {
  P2PD_RETURN_IF_ERROR(status);
  passed = true;
  return absl::OkStatus();
}

TEST(StatusMacros, AssignTakesTheValueOrLeaves) {
  EXPECT_EQ(*Sum(1, 2), 3);
  EXPECT_EQ(Sum(-1, 2).status(), absl::InvalidArgumentError("negative"));
  EXPECT_EQ(Sum(1, -2).status(), absl::InvalidArgumentError("negative"));
}

TEST(StatusMacros, ReturnIfErrorLeavesOnlyOnAnError) {
  bool passed = false;

  EXPECT_EQ(Pass(absl::NotFoundError("gone"), passed), absl::NotFoundError("gone"));
  EXPECT_FALSE(passed);
  EXPECT_TRUE(Pass(absl::OkStatus(), passed).ok());
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace p2pd
