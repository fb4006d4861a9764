#include "libcore/archive/catalogue/drawings.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libcore/archive/catalogue/words.h"
#include "libcore/base/check.h"

namespace p2pd::archive::catalogue {
namespace {

// Of the drawing of pieces, in its own units and in pixels where there is room.
constexpr size_t kColumns = 50;
constexpr size_t kUnit = 10;
constexpr size_t kPixels = 14;
// Nobody, one, two, more.
constexpr size_t kShades = 4;

// Of the plot: its whole, and where its axes are.
constexpr double kWidth = 640;
constexpr double kHeight = 200;
constexpr double kLeft = 40;
constexpr double kRight = 630;
constexpr double kTop = 10;
constexpr double kBottom = 172;
constexpr int kMaxLines = 6;

struct Point {
  absl::Time at;
  double total = 0;
  double organic = 0;
};

// At most kMaxPoints; of neighbours the least, since a moment without a copy is what matters.
std::vector<Point> Thinned(absl::Span<const Reading> history) {
  const size_t each = (history.size() + kMaxPoints - 1) / kMaxPoints;
  std::vector<Point> out;
  for (size_t i = 0; i < history.size(); ++i) {
    const double total = history[i].total.value();
    const double organic = history[i].organic.value();
    if (i % each == 0) {
      out.push_back({history[i].at, total, organic});
    } else {
      out.back().total = std::min(out.back().total, total);
      out.back().organic = std::min(out.back().organic, organic);
    }
  }
  return out;
}

class Plot {
 public:
  explicit Plot(const std::vector<Point>& points) : points_(points) {
    for (const Point& point : points) most_ = std::max(most_, point.total);
    // A step of 1, 2, 5, 10, … so that the lines are few.
    const std::array<double, 3> steps = {1, 2, 5};
    for (size_t i = 0; most_ / step_ > kMaxLines; ++i) {
      step_ = steps.at((i + 1) % 3) * std::pow(10, static_cast<double>((i + 1) / 3));
    }
    most_ = std::ceil(most_ / step_) * step_;
  }

  std::string Draw() const {
    std::string out;
    for (double value = 0; value <= most_; value += step_) {
      absl::StrAppend(&out, Level("", value));
      absl::StrAppendFormat(&out, "<text x=\"%.0f\" y=\"%.1f\" class=\"end\">%g</text>", kLeft - 6,
                            Y(value) + 4, value);
    }
    // Below it no download completes.
    absl::StrAppend(&out, Level(" one", 1));
    absl::StrAppend(&out, Line("organic", &Point::organic), Line("total", &Point::total));
    absl::StrAppendFormat(&out, "<text x=\"%.0f\" y=\"%.0f\">%s</text>", kLeft, kHeight - 8,
                          TimeText(points_.front().at));
    absl::StrAppendFormat(&out, "<text x=\"%.0f\" y=\"%.0f\" class=\"end\">%s</text>", kRight,
                          kHeight - 8, TimeText(points_.back().at));
    return out;
  }

 private:
  std::string Level(absl::string_view name, double value) const {
    return absl::StrFormat("<path class=\"grid%s\" d=\"M%.0f %.1fH%.0f\"/>", name, kLeft, Y(value),
                           kRight);
  }
  double X(absl::Time at) const {
    const absl::Duration span = points_.back().at - points_.front().at;
    if (span <= absl::ZeroDuration()) return kLeft;
    return kLeft + (kRight - kLeft) * absl::FDivDuration(at - points_.front().at, span);
  }
  double Y(double value) const { return kBottom - (kBottom - kTop) * value / most_; }
  // What was read holds until the next reading.
  std::string Line(absl::string_view name, double Point::* member) const {
    std::string path;
    for (const Point& point : points_) {
      if (path.empty()) {
        path = absl::StrFormat("M%.1f %.1f", X(point.at), Y(point.*member));
      } else {
        absl::StrAppendFormat(&path, "H%.1fV%.1f", X(point.at), Y(point.*member));
      }
    }
    return absl::StrCat("<path class=\"line ", name, "\" d=\"", path, "\"/>");
  }

  const std::vector<Point>& points_;
  double most_ = 2;
  double step_ = 1;
};

}  // namespace

std::vector<Cell> CellsOf(absl::Span<const uint32_t> copies, const Pieces& have) {
  P2PD_CHECK(copies.size() == have.size());
  const size_t each = std::max<size_t>(1, (copies.size() + kMaxCells - 1) / kMaxCells);
  std::vector<Cell> out;
  for (size_t i = 0; i < copies.size(); ++i) {
    if (i % each == 0) out.push_back({static_cast<uint32_t>(i), 0, copies[i], true});
    Cell& cell = out.back();
    ++cell.count;
    cell.copies = std::min(cell.copies, copies[i]);
    cell.here = cell.here && have[i];
  }
  return out;
}

std::string DrawPieces(absl::Span<const Cell> cells) {
  if (cells.empty()) return "";
  std::array<std::string, kShades> paths;
  size_t here = 0;
  uint32_t pieces = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string& path = paths.at(std::min<size_t>(cells[i].copies, kShades - 1));
    absl::StrAppend(&path, "M", i % kColumns * kUnit, " ", i / kColumns * kUnit, "h9v9h-9z");
    // The same again from within, the other way round: a hole.
    if (!cells[i].here) absl::StrAppend(&path, "m2.5 2.5v4h4v-4z");
    here += cells[i].here ? 1 : 0;
    pieces += cells[i].count;
  }
  const size_t columns = std::min(kColumns, cells.size());
  const size_t rows = (cells.size() + kColumns - 1) / kColumns;
  std::string out = absl::StrFormat(
      "<svg class=\"pieces\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">"
      "<title>%d squares stand for %d pieces; all of %d squares is here</title>",
      columns * kUnit, rows * kUnit, columns * kPixels, rows * kPixels, cells.size(), pieces, here);
  for (size_t shade = 0; shade < kShades; ++shade) {
    if (paths.at(shade).empty()) continue;
    absl::StrAppend(&out, "<path class=\"c", shade, "\" d=\"", paths.at(shade), "\"/>");
  }
  return absl::StrCat(out, "</svg>");
}

std::string DrawHistory(absl::Span<const Reading> history) {
  if (history.size() < 2) return "";
  const std::vector<Point> points = Thinned(history);
  const auto [least, most] =
      std::minmax_element(history.begin(), history.end(),
                          [](const Reading& a, const Reading& b) { return a.total < b.total; });
  return absl::StrFormat(
      "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>From %s to %s the total "
      "was between %s and %s copies, at last %s</title>%s</svg>",
      kWidth, kHeight, TimeText(history.front().at), TimeText(history.back().at),
      NumberText(least->total), NumberText(most->total), NumberText(history.back().total),
      Plot(points).Draw());
}

}  // namespace p2pd::archive::catalogue
