#include "clients/cli/ca/os_rng.h"

#include "gtest/gtest.h"

namespace p2pd::cli {
namespace {

TEST(OsRng, FillsWithSomethingNewEachTime) {
  OsRng rng;
  Bytes a(64), b(64);
  rng.Fill(absl::MakeSpan(a));
  rng.Fill(absl::MakeSpan(b));
  EXPECT_NE(a, b);
  EXPECT_NE(a, Bytes(64));
}

}  // namespace
}  // namespace p2pd::cli
