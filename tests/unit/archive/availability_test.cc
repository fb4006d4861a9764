#include "libcore/archive/availability.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace p2pd::archive {
namespace {

constexpr size_t kPieces = 5;
using Holder = std::vector<size_t>;  // pieces, from 1 as in the paper

const Holder kA{1, 2, 3}, kB{2, 3, 4}, kC{3, 4, 5}, kD{1, 4, 5};

std::vector<uint32_t> Copies(std::initializer_list<Holder> holders) {
  std::vector<uint32_t> out(kPieces);
  for (const Holder& holder : holders) {
    for (const size_t piece : holder) ++out[piece - 1];
  }
  return out;
}

// The tables of the paper.
TEST(Availability, FourPeersWithThreePiecesOfFiveEach) {
  EXPECT_EQ(Count(Copies({kA, kB, kC, kD})).value(), 2.4);
  EXPECT_EQ(Count(Copies({kC, kD})).value(), 0.8);
  EXPECT_EQ(CountWith(Copies({kC, kD}), std::vector<bool>(kPieces, true)).value(), 1.8);
}

TEST(Availability, NoCopyIsWholeBeforeItIs) {
  EXPECT_EQ(Count({}).value(), 0);
  EXPECT_EQ(Count(std::vector<uint32_t>{0, 0}).value(), 0);
  EXPECT_EQ(Count(std::vector<uint32_t>{3, 3}).value(), 3);
  std::vector<uint32_t> all_but_one(2'000'000, 1);
  all_but_one[0] = 0;
  EXPECT_EQ(Count(all_but_one).whole, 0u);
  EXPECT_EQ(Count(all_but_one).fraction, 9'999u);
}

TEST(Availability, IsExplainedInWords) {
  EXPECT_EQ(Explain({1, 8'000}), "1.8: one whole copy, and 80 % of the pieces once more");
  EXPECT_EQ(Explain({2, 0}), "2: 2 whole copies");
  EXPECT_EQ(Explain({0, 8'000}), "0.8: no whole copy; 80 % of the pieces are there");
  EXPECT_EQ(Explain({0, 0}), "0: no piece is there");
}

TEST(Availability, WhatNobodyCouldTestIsClaimed) {
  EXPECT_EQ(ExplainTotal({2, 0}, {2, 0}, false),
            "2: 2 whole copies, as peers claim; nothing is archived yet");
  EXPECT_EQ(ExplainTotal({2, 0}, {2, 0}, true), "2: 2 whole copies");
  // Another S-tracker has it.
  EXPECT_EQ(ExplainTotal({1, 0}, {2, 0}, false), "2: 2 whole copies");
  EXPECT_EQ(ExplainTotal({0, 0}, {0, 0}, false), "0: no piece is there");
}

}  // namespace
}  // namespace p2pd::archive
