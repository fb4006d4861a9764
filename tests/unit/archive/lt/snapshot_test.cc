#include "libcore/archive/lt/snapshot.h"

#include <gtest/gtest.h>

namespace p2pd::archive::lt {
namespace {

// Copies of five pieces (counted from 1, as in the paper) among those who hold these.
std::vector<uint32_t> Copies(const std::vector<std::vector<uint32_t>>& holders) {
  std::vector<uint32_t> copies(5);
  for (const auto& pieces : holders) {
    for (const uint32_t piece : pieces) ++copies[piece - 1];
  }
  return copies;
}

TEST(Availability, ThePapersTables) {
  EXPECT_DOUBLE_EQ(Availability(Copies({{1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {1, 4, 5}})), 2.4);
  EXPECT_DOUBLE_EQ(Availability(Copies({{3, 4, 5}, {1, 4, 5}})), 0.8);
  EXPECT_DOUBLE_EQ(Availability(Copies({{3, 4, 5}, {1, 4, 5}, {1, 2, 3, 4, 5}})), 1.8);
}

TEST(Availability, NobodyAndNothing) {
  EXPECT_EQ(Availability(absl::Span<const uint32_t>()), 0);
  EXPECT_EQ(Availability(Copies({})), 0);
  EXPECT_EQ(Availability(Copies({{1, 2, 3, 4, 5}})), 1);
}

TEST(Availability, OwnAndMembersCopiesCount) {
  TorrentSnapshot torrent;
  torrent.organic = {0, 1};
  torrent.member = {1, 0};
  torrent.have = pieces::PieceSet(2);
  EXPECT_DOUBLE_EQ(Availability(torrent), 1);
  torrent.have.Set(pieces::Piece(1));
  EXPECT_DOUBLE_EQ(Availability(torrent), 1.5);
}

}  // namespace
}  // namespace p2pd::archive::lt
