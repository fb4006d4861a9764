#include "tests/sim/p2pd_sim/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace p2pd::sim {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double Sample::Mean() const {
  if (values_.empty()) return kNothing;
  return std::accumulate(values_.begin(), values_.end(), 0.0) / static_cast<double>(values_.size());
}

const std::vector<double>& Sample::Sorted() const {
  if (!sorted_) std::sort(values_.begin(), values_.end());
  sorted_ = true;
  return values_;
}

double Sample::Quantile(double q) const {
  if (values_.empty()) return kNothing;
  const double place = std::ceil(q * static_cast<double>(values_.size())) - 1;
  const auto last = static_cast<double>(values_.size() - 1);
  return Sorted()[static_cast<size_t>(std::clamp(place, 0.0, last))];
}

double Proportion::Rate() const {
  return total == 0 ? kNothing : static_cast<double>(good) / static_cast<double>(total);
}

double Proportion::AtLeast() const {
  if (total == 0) return 0;
  constexpr double kZ = 1.6448536269514722;  // 95 % quantile of the normal distribution
  const auto n = static_cast<double>(total);
  const double p = Rate();
  const double centre = p + kZ * kZ / (2 * n);
  const double spread = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  return std::max(0.0, (centre - spread) / (1 + kZ * kZ / n));
}

}  // namespace p2pd::sim
