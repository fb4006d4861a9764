#include "libcore/base/strong.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace p2pd {
namespace {

using CallId = Strong<struct CallTag, uint64_t>;
using Sequence = Strong<struct SequenceTag, uint16_t>;

TEST(Strong, OneKindDoesNotPassForAnother) {
  EXPECT_FALSE((std::is_convertible_v<uint64_t, CallId>));
  EXPECT_FALSE((std::is_constructible_v<CallId, Sequence>));
}

TEST(Strong, IsOrderedByItsValue) {
  EXPECT_LT(CallId(1), CallId(2));
  EXPECT_EQ(CallId(), CallId(0));
}

TEST(Strong, NextWrapsWithItsType) {
  EXPECT_EQ(Sequence(7).Next(), Sequence(8));
  EXPECT_EQ(Sequence(0xffff).Next(), Sequence(0));
}

}  // namespace
}  // namespace p2pd
