// Statistics of a run: samples with their quantiles, proportions with their bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace p2pd::sim {

class Sample {
 public:
  void Add(double value) { values_.push_back(value), sorted_ = false; }
  size_t count() const { return values_.size(); }
  // NaN without values: nothing was measured, which no limit takes for a good figure.
  double Mean() const;
  // `q` in [0, 1]: the smallest value that is not below that share of all; NaN without values.
  double Quantile(double q) const;
  const std::vector<double>& Sorted() const;

 private:
  mutable std::vector<double> values_;
  mutable bool sorted_ = true;
};

// How many of how many.
struct Proportion {
  uint64_t good = 0;
  uint64_t total = 0;
  void Add(bool is_good) {
    ++total;
    if (is_good) ++good;
  }
  Proportion& operator+=(const Proportion& other) {
    good += other.good;
    total += other.total;
    return *this;
  }
  // NaN without trials.
  double Rate() const;
  // The rate is not below this with 95 % confidence (Wilson's score interval, one-sided). 0 without
  // trials.
  double AtLeast() const;
};

}  // namespace p2pd::sim
