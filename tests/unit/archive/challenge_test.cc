#include "libcore/archive/challenge.h"

#include <gtest/gtest.h>

#include <set>

namespace p2pd::archive {
namespace {

// 70 pieces of 100 bytes and the last of 30: groups of 64 and 6.
torrent::Metainfo MakeMetainfo() {
  torrent::Metainfo out;
  out.piece_length = 100;
  out.pieces = 70;
  out.size = 69 * 100 + 30;
  return out;
}

ChallengeNonce Nonce(uint8_t number) {
  ChallengeNonce out;
  out.mutable_view()[0] = number;
  return out;
}

MemberId Id(uint8_t number) {
  MemberId out;
  out.mutable_view()[0] = number;
  return out;
}

TEST(Challenge, EachPieceOfTheGroupGivesASample) {
  const torrent::Metainfo metainfo = MakeMetainfo();
  const auto first = SamplesOf(metainfo, {{}, 0}, Nonce(1));
  ASSERT_EQ(first.size(), 64u);
  for (uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(first[i].piece, i);
    EXPECT_EQ(first[i].length, kSampleBytes);
    EXPECT_LE(first[i].offset + first[i].length, 100u);
  }
  const auto last = SamplesOf(metainfo, {{}, 1}, Nonce(1));
  ASSERT_EQ(last.size(), 6u);
  EXPECT_EQ(last[5].piece, 69u);
  EXPECT_EQ(last[5].offset, 0u);
  EXPECT_EQ(last[5].length, 30u);
  EXPECT_TRUE(SamplesOf(metainfo, {{}, 2}, Nonce(1)).empty());
  EXPECT_TRUE(SamplesOf(metainfo, {{}, 0xffffffff}, Nonce(1)).empty());
}

TEST(Challenge, WhereItLooksNobodyKnowsBefore) {
  const torrent::Metainfo metainfo = MakeMetainfo();
  std::set<uint32_t> offsets;
  for (uint8_t i = 0; i < 200; ++i) {
    offsets.insert(SamplesOf(metainfo, {{}, 0}, Nonce(i))[0].offset);
  }
  // Of 37 places each has a chance of 1/37.
  EXPECT_GT(offsets.size(), 30u);
  EXPECT_EQ(SamplesOf(metainfo, {{}, 0}, Nonce(3))[0].offset,
            SamplesOf(metainfo, {{}, 0}, Nonce(3))[0].offset);
}

TEST(Challenge, AProofIsOneMembersForOneQuestion) {
  const Bytes bytes{1, 2, 3};
  const auto proof = HolderProof({{}, 1}, Nonce(1), Id(2), Id(3), bytes);
  EXPECT_EQ(HolderProof({{}, 1}, Nonce(1), Id(2), Id(3), bytes), proof);
  EXPECT_NE(HolderProof({{}, 2}, Nonce(1), Id(2), Id(3), bytes), proof);
  EXPECT_NE(HolderProof({{}, 1}, Nonce(2), Id(2), Id(3), bytes), proof);
  EXPECT_NE(HolderProof({{}, 1}, Nonce(1), Id(3), Id(2), bytes), proof);
  EXPECT_NE(HolderProof({{}, 1}, Nonce(1), Id(2), Id(3), Bytes{1, 2, 4}), proof);
}

}  // namespace
}  // namespace p2pd::archive
