#include "libcore/media/level_meter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "libcore/media/audio.h"

namespace p2pd::media {
namespace {

// A tone of 1 kHz.
std::vector<int16_t> Sine(double amplitude, int samples) {
  std::vector<int16_t> out;
  for (int i = 0; i < samples; ++i) {
    out.push_back(
        static_cast<int16_t>(amplitude * std::sin(2 * std::numbers::pi * 1'000 * i / kSampleRate)));
  }
  return out;
}

TEST(LevelMeter, NothingWasHeardYet) { EXPECT_FALSE(LevelMeter().level().has_value()); }

TEST(LevelMeter, ASineIsThreeDecibelsBelowItsPeak) {
  for (const double amplitude : {32'767.0, 3'276.8, 327.68}) {
    LevelMeter meter;
    meter.Add(Sine(amplitude, kSampleRate));
    const double peak = 20 * std::log10(amplitude / 32'768);
    EXPECT_NEAR(meter.level()->peak_dbov, peak, 0.05);
    EXPECT_NEAR(meter.level()->rms_dbov, peak - 3.01, 0.05);
  }
}

TEST(LevelMeter, TheLoudestIsZeroAndSilenceTheFloor) {
  LevelMeter loud;
  loud.Add(std::vector<int16_t>(960, -32'768));
  EXPECT_EQ(loud.level()->rms_dbov, 0.0);
  EXPECT_EQ(loud.level()->peak_dbov, 0.0);
  LevelMeter silent;
  silent.Add(std::vector<int16_t>(960, 0));
  EXPECT_EQ(silent.level()->rms_dbov, kSilenceDbov);
  EXPECT_EQ(silent.level()->peak_dbov, kSilenceDbov);
}

TEST(LevelMeter, WhatIsASecondAgoCountsNoMore) {
  LevelMeter meter;
  for (int i = 0; i < 100; ++i) meter.Add(Sine(20'000, kSampleRate / 100));
  EXPECT_GT(meter.level()->rms_dbov, -8.0);
  for (int i = 0; i < 99; ++i) meter.Add(std::vector<int16_t>(kSampleRate / 100, 0));
  EXPECT_GT(meter.level()->rms_dbov, -8.0) << "the second is not whole";
  meter.Add(std::vector<int16_t>(kSampleRate / 100, 0));
  EXPECT_EQ(meter.level()->rms_dbov, kSilenceDbov);
}

}  // namespace
}  // namespace p2pd::media
