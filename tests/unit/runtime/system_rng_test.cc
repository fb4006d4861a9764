#include "libcore/runtime/system_rng.h"

#include <gtest/gtest.h>

#include <set>

namespace p2pd::runtime {
namespace {

TEST(SystemRng, FillsEveryByte) {
  // A byte that stays zero in 64 draws would be left out; by chance that happens once in 2^512 / N.
  SystemRng rng;
  Bytes seen(257, 0);
  for (int i = 0; i < 64; ++i) {
    Bytes drawn(seen.size(), 0);
    rng.Fill(MutableByteView(drawn.data(), drawn.size()));
    for (size_t at = 0; at < seen.size(); ++at) {
      seen[at] = static_cast<uint8_t>(seen[at] | drawn[at]);
    }
  }
  for (const uint8_t byte : seen) EXPECT_EQ(byte, 0xff);
}

TEST(SystemRng, TwoDrawsDiffer) {
  SystemRng rng;
  std::set<uint64_t> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(rng.Next());
  EXPECT_EQ(drawn.size(), 1000u);
}

TEST(SystemRng, FillingNothingIsHarmless) {
  SystemRng rng;
  rng.Fill(MutableByteView());
}

}  // namespace
}  // namespace p2pd::runtime
