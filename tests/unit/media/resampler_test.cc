#include "libcore/media/resampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace p2pd::media {
namespace {

std::vector<int16_t> Sine(double hz, int rate, int samples) {
  std::vector<int16_t> out;
  for (int i = 0; i < samples; ++i) {
    out.push_back(static_cast<int16_t>(
        std::lrint(10'000.0 * std::sin(2.0 * std::numbers::pi * hz * i / rate))));
  }
  return out;
}

class ResampleRates : public ::testing::TestWithParam<int> {};

TEST_P(ResampleRates, ASineStaysWhereItWas) {
  const int rate = GetParam();
  const auto input = Sine(500.0, rate, rate);  // one second
  const auto output = Resample(input, rate, 48'000);
  ASSERT_TRUE(output.ok());
  ASSERT_EQ(output->size(), 48'000u);
  // Sample by sample the same sine: no delay, no loss of level. The ends see the filter's edge.
  const auto expected = Sine(500.0, 48'000, 48'000);
  double error = 0.0;
  for (size_t i = 4'800; i < 43'200; ++i) {
    error = std::max(error, std::abs(1.0 * expected[i] - 1.0 * (*output)[i]));
  }
  EXPECT_LT(error, 100.0);  // 1 %
}

INSTANTIATE_TEST_SUITE_P(Rates, ResampleRates,
                         ::testing::Values(8'000, 11'025, 16'000, 22'050, 32'000, 44'100, 48'000,
                                           47'999, 96'000, 192'000));

TEST(Resample, WhatDoesNotFitIsFilteredOut) {
  // 20 kHz cannot live at 16 kHz; without a filter it would fold to 4 kHz.
  const auto output = Resample(Sine(20'000.0, 48'000, 48'000), 48'000, 16'000);
  ASSERT_TRUE(output.ok());
  for (size_t i = 1'000; i < 15'000; ++i) EXPECT_LT(std::abs(int{(*output)[i]}), 30);
}

TEST(Resample, LengthsAreExact) {
  EXPECT_EQ(Resample({}, 8'000, 48'000)->size(), 0u);
  EXPECT_EQ(Resample(std::vector<int16_t>(1), 8'000, 48'000)->size(), 6u);
  EXPECT_EQ(Resample(std::vector<int16_t>(441), 44'100, 48'000)->size(), 480u);
  EXPECT_EQ(Resample(std::vector<int16_t>(100'003), 48'000, 10'000)->size(), 20'834u);
}

TEST(Resample, RefusesRatesOutsideTheRange) {
  for (const int rate : {0, -1, 3'999, 384'001, 2'000'000'000}) {
    EXPECT_EQ(Resample({}, rate, 48'000).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Resample({}, 48'000, rate).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace p2pd::media
