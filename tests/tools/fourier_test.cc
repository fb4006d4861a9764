#include "tests/tools/fourier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "libcore/base/rng.h"

namespace p2pd::tools {
namespace {

TEST(Fourier, AgreesWithTheDefinition) {
  SeededRng rng(1);
  Spectrum values(32);
  for (auto& value : values) value = {rng.Unit(), rng.Unit()};
  Spectrum fast = values;
  Transform(fast);
  for (size_t k = 0; k < values.size(); ++k) {
    std::complex<double> sum = 0.0;
    for (size_t n = 0; n < values.size(); ++n) {
      sum +=
          values[n] * std::polar(1.0, -2.0 * std::numbers::pi * static_cast<double>(k * n) / 32.0);
    }
    EXPECT_NEAR(std::abs(sum - fast[k]), 0.0, 1e-9);
  }
  InverseTransform(fast);
  for (size_t n = 0; n < values.size(); ++n) EXPECT_NEAR(std::abs(fast[n] - values[n]), 0.0, 1e-12);
}

TEST(CrossCorrelate, FindsAShiftEitherWay) {
  SeededRng rng(2);
  std::vector<double> a(300);
  for (double& value : a) value = rng.Unit() - 0.5;
  std::vector<double> later(40);
  later.insert(later.end(), a.begin(), a.end());
  const auto lag = [](const std::vector<double>& x, const std::vector<double>& y) {
    const auto c = CrossCorrelate(x, y);
    EXPECT_EQ(c.size(), x.size() + y.size() - 1);
    return std::max_element(c.begin(), c.end()) - c.begin() -
           static_cast<std::ptrdiff_t>(x.size()) + 1;
  };
  EXPECT_EQ(lag(a, later), 40);
  EXPECT_EQ(lag(later, a), -40);
  EXPECT_EQ(lag(a, a), 0);
  EXPECT_TRUE(CrossCorrelate({}, a).empty());
}

}  // namespace
}  // namespace p2pd::tools
