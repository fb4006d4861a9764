#include "libcore/archive/catalogue/drawings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::archive::catalogue {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Cells, OfFewPiecesAreOneEach) {
  EXPECT_TRUE(CellsOf({}, {}).empty());
  const std::vector<Cell> cells = CellsOf({0, 3}, {false, true});
  EXPECT_EQ(cells, (std::vector<Cell>{{0, 1, 0, false}, {1, 1, 3, true}}));
}

TEST(Cells, OfManyShowTheRarest) {
  constexpr size_t kPieces = 1001;
  std::vector<uint32_t> copies(kPieces, 5);
  Pieces have(kPieces, true);
  copies[4] = 1;
  have[7] = false;
  const std::vector<Cell> cells = CellsOf(copies, have);
  ASSERT_EQ(cells.size(), 334u);
  EXPECT_EQ(cells[1], (Cell{3, 3, 1, true}));
  EXPECT_EQ(cells[2], (Cell{6, 3, 5, false}));
  EXPECT_EQ(cells.back(), (Cell{999, 2, 5, true}));
  EXPECT_LE(CellsOf(std::vector<uint32_t>(2'000'000), Pieces(2'000'000)).size(), kMaxCells);
}

TEST(DrawPieces, ShadesAndHoles) {
  EXPECT_EQ(DrawPieces({}), "");
  const std::string drawing = DrawPieces({{{0, 1, 0, false}, {1, 1, 1, true}, {2, 1, 9, true}}});
  EXPECT_THAT(drawing, HasSubstr("class=\"c0\" d=\"M0 0h9v9h-9zm2.5 2.5v4h4v-4z\""));
  EXPECT_THAT(drawing, HasSubstr("class=\"c1\" d=\"M10 0h9v9h-9z\""));
  EXPECT_THAT(drawing, HasSubstr("class=\"c3\" d=\"M20 0h9v9h-9z\""));
  EXPECT_THAT(drawing, Not(HasSubstr("class=\"c2\"")));
  EXPECT_THAT(drawing, HasSubstr("3 squares stand for 3 pieces; all of 2 squares is here"));
}

Reading At(int minute, uint32_t total, uint32_t organic) {
  return {absl::FromUnixSeconds(1'700'000'000 + 60 * minute), {organic, 0}, {total, 0}};
}

TEST(DrawHistory, IsALineOverTime) {
  EXPECT_EQ(DrawHistory({}), "");
  EXPECT_EQ(DrawHistory({At(0, 1, 0)}), "");
  const std::string plot = DrawHistory({At(0, 2, 1), At(10, 1, 0), At(20, 2, 0)});
  EXPECT_THAT(plot, HasSubstr("between 1 and 2 copies, at last 2"));
  EXPECT_THAT(plot, HasSubstr("class=\"grid one\" d=\"M40 91.0H630\""));
  EXPECT_THAT(plot, HasSubstr("class=\"line total\" d=\"M40.0 10.0H335.0V91.0H630.0V10.0\""));
  EXPECT_THAT(plot, HasSubstr("class=\"line organic\" d=\"M40.0 91.0H335.0V172.0H630.0V172.0\""));
}

TEST(DrawHistory, ManyReadingsKeepTheirWorstMoment) {
  std::vector<Reading> history;
  for (int i = 0; i < 2016; ++i) history.push_back(At(10 * i, i == 777 ? 0 : 2'000'000, 0));
  const std::string plot = DrawHistory(history);
  EXPECT_LT(plot.size(), 12'000u);
  // The bottom line, from the point of that moment.
  EXPECT_THAT(plot, HasSubstr("V172.0H"));
}

TEST(DrawHistory, AClockThatStoodStill) {
  EXPECT_THAT(DrawHistory({At(0, 1, 0), At(0, 1, 0)}), HasSubstr("M40.0"));
}

}  // namespace
}  // namespace p2pd::archive::catalogue
