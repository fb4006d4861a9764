#include "tests/sim/p2pd_sim/latency.h"

#include <cmath>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace p2pd::sim {
namespace {

constexpr int kTowns = 20;
// ms
constexpr double kPlaneWidth = 120;
constexpr double kPlaneHeight = 60;
constexpr double kTownRadius = 3;
constexpr double kShortestAccess = 0.3;
constexpr double kAccessSpread = 7.7;
// Longest round trip of a matrix that is believed, ms.
constexpr double kLongest = 10'000;

// A number in [0, 1) that belongs to `a` and `salt`: models answer the same whenever they are
// asked.
double Fixed(uint64_t a, uint64_t salt) { return SeededRng(a * 0x9e3779b97f4a7c15 + salt).Unit(); }

class Synthetic final : public LatencyModel {
 public:
  explicit Synthetic(uint64_t seed) : seed_(seed) {}
  absl::Duration OneWay(uint32_t a, uint32_t b) const override {
    if (a == b) return absl::Microseconds(50);
    const Place p = PlaceOf(a);
    const Place q = PlaceOf(b);
    const double way = std::hypot(p.x - q.x, p.y - q.y) / 2;
    return absl::Milliseconds(1) * (way + p.access + q.access);
  }

 private:
  struct Place {
    double x = 0;
    double y = 0;
    double access = 0;
  };
  Place PlaceOf(uint32_t machine) const {
    while (places_.size() <= machine) {
      const uint64_t i = places_.size();
      const auto town = static_cast<uint64_t>(Fixed(i, seed_) * kTowns);
      const double angle = 2 * 3.14159265358979 * Fixed(i, seed_ + 1);
      const double radius = kTownRadius * Fixed(i, seed_ + 2);
      // Access lines: short ones are the more frequent.
      const double share = Fixed(i, seed_ + 3);
      places_.push_back(Place{kPlaneWidth * Fixed(town, seed_ + 4) + radius * std::cos(angle),
                              kPlaneHeight * Fixed(town, seed_ + 5) + radius * std::sin(angle),
                              kShortestAccess + kAccessSpread * share * share});
    }
    return places_[machine];
  }

  uint64_t seed_;
  mutable std::vector<Place> places_;
};

class Matrix final : public LatencyModel {
 public:
  explicit Matrix(const std::vector<std::vector<float>>& round_trips)
      : size_(static_cast<uint32_t>(round_trips.size())) {
    for (const std::vector<float>& row : round_trips) {
      round_trips_.insert(round_trips_.end(), row.begin(), row.end());
    }
  }
  absl::Duration OneWay(uint32_t a, uint32_t b) const override {
    if (a == b) return absl::Microseconds(50);
    const uint32_t row = a % size_;
    const uint32_t column = b % size_;
    const uint64_t pair = (uint64_t{std::min(a, b)} << 32) | std::max(a, b);
    const double round_trip = row == column ? 0.5 + 1.5 * Fixed(pair, 7)
                                            : double{round_trips_[size_t{row} * size_ + column]};
    return absl::Milliseconds(1) * (round_trip / 2);
  }

 private:
  uint32_t size_;
  std::vector<float> round_trips_;  // row by row
};

}  // namespace

std::unique_ptr<LatencyModel> MakeSyntheticLatency(uint64_t seed) {
  return std::make_unique<Synthetic>(seed);
}

absl::StatusOr<std::unique_ptr<LatencyModel>> ReadLatencyMatrix(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::vector<std::vector<float>> rows;
  for (std::string line; std::getline(file, line);) {
    std::vector<float>& row = rows.emplace_back();
    for (const absl::string_view cell : absl::StrSplit(line, '\t')) {
      float value = 0;
      if (!absl::SimpleAtof(cell, &value) || !(value >= 0 && value <= kLongest)) {
        return absl::InvalidArgumentError(absl::StrCat(path, ":", rows.size(),
                                                       ": not a round trip of 0 to 10,000 ms: '",
                                                       cell.substr(0, 20), "'"));
      }
      row.push_back(value);
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != rows.size()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", i + 1, ": ", rows[i].size(),
                                                     " round trips where ", rows.size(),
                                                     " are due: the matrix has to be square"));
    }
  }
  if (rows.size() < 2) return absl::InvalidArgumentError(absl::StrCat(path, ": too few machines"));
  return std::make_unique<Matrix>(rows);
}

}  // namespace p2pd::sim
