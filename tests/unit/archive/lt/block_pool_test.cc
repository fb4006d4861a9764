#include "libcore/archive/lt/block_pool.h"

#include <gtest/gtest.h>

namespace p2pd::archive::lt {
namespace {

TEST(BlockPool, ReusesAndEndsAtItsLimit) {
  BlockPool pool(2 * 16384);
  char* const a = pool.Take();
  char* const b = pool.Take();
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(pool.Take(), nullptr);
  EXPECT_EQ(pool.bytes_out(), 32768u);
  pool.Return(a);
  EXPECT_EQ(pool.Take(), a);
  pool.Return(a);
  pool.Return(b);
  EXPECT_EQ(pool.bytes_out(), 0u);
}

}  // namespace
}  // namespace p2pd::archive::lt
