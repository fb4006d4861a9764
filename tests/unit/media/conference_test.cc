#include "libcore/media/conference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "libcore/media/audio_endpoints.h"

namespace p2pd::media {
namespace {

constexpr double kLoud = 0.2;

// A call whose other end says a tone and whose own end plays another.
struct Place {
  Place(Conference& conference, double far_hertz, double own_hertz)
      : seat(conference.Join()), far(far_hertz, kLoud), own(own_hertz, kLoud) {
    seat->SetOwn(own_hertz > 0 ? &own : nullptr, &own_heard);
  }
  // 20 ms as CallMedia has them: one frame is fetched, two halves are heard.
  void Tick() {
    Frame out = kSilentFrame;
    EXPECT_TRUE(seat->source().Read(out));
    far_heard.insert(far_heard.end(), out.begin(), out.end());
    Frame said = kSilentFrame;
    if (speaks) far.Read(said);
    seat->sink().Write(absl::MakeConstSpan(said).first(kPullSamples));
    seat->sink().Write(absl::MakeConstSpan(said).last(kPullSamples));
  }
  std::unique_ptr<Conference::Seat> seat;
  ToneSource far;
  ToneSource own;
  BufferSink own_heard{10 * kSampleRate};
  std::vector<int16_t> far_heard;
  bool speaks = true;
};

// How much of a tone is in the last half second, 0..1 of full scale (Goertzel).
double Tone(absl::Span<const int16_t> samples, double hertz) {
  const absl::Span<const int16_t> last = samples.last(kSampleRate / 2);
  double real = 0.0;
  double imaginary = 0.0;
  for (size_t i = 0; i < last.size(); ++i) {
    const double angle = 2 * std::numbers::pi * hertz * static_cast<double>(i) / kSampleRate;
    real += last[i] * std::cos(angle);
    imaginary += last[i] * std::sin(angle);
  }
  return 2 * std::hypot(real, imaginary) / static_cast<double>(last.size()) / 32'768;
}

class ConferenceTest : public testing::Test {
 protected:
  void Add(double far_hertz, double own_hertz) {
    places_.push_back(std::make_unique<Place>(conference_, far_hertz, own_hertz));
  }
  void Run(int frames) {
    for (int i = 0; i < frames; ++i) {
      for (const auto& place : places_) place->Tick();
    }
  }
  Conference conference_;
  std::vector<std::unique_ptr<Place>> places_;
};

TEST_F(ConferenceTest, EverybodyHearsTheOthersAndNeverHimself) {
  Add(400, 500);
  Add(600, 0);
  Add(700, 0);
  Run(50);
  const auto hears = [](absl::Span<const int16_t> heard, std::vector<double> tones, double own) {
    for (const double tone : tones) EXPECT_NEAR(Tone(heard, tone), kLoud, 0.02) << tone;
    EXPECT_LT(Tone(heard, own), 0.005) << own;
  };
  hears(places_[0]->far_heard, {500, 600, 700}, 400);
  hears(places_[1]->far_heard, {400, 500, 700}, 600);
  hears(places_[2]->far_heard, {400, 500, 600}, 700);
  hears(places_[0]->own_heard.samples(), {400, 600, 700}, 500);
  EXPECT_EQ(conference_.seats(), 3u);
}

TEST_F(ConferenceTest, WhoIsMutedIsNotHeardAndHearsTheOthers) {
  Add(400, 500);
  Add(600, 0);
  places_[0]->seat->SetMuted(true);
  Run(50);
  EXPECT_LT(Tone(places_[1]->far_heard, 500), 0.001);
  EXPECT_NEAR(Tone(places_[1]->far_heard, 400), kLoud, 0.02);
  EXPECT_NEAR(Tone(places_[0]->own_heard.samples(), 600), kLoud, 0.02);
}

TEST_F(ConferenceTest, OfManyTheLoudestAreHeard) {
  for (int i = 0; i < 6; ++i) Add(400 + 100 * i, 0);
  Run(50);
  int heard = 0;
  for (int i = 1; i < 6; ++i)
    heard += Tone(places_[0]->far_heard, 400 + 100 * i) > kLoud / 2 ? 1 : 0;
  EXPECT_GE(heard, 3);
  EXPECT_LE(heard, static_cast<int>(Conference::kLoudest));
  // Three fall silent, and whoever was not heard has a place.
  for (int i = 0; i < 3; ++i) places_[static_cast<size_t>(i)]->speaks = false;
  Run(100);
  for (int i = 3; i < 6; ++i) EXPECT_GT(Tone(places_[0]->far_heard, 400 + 100 * i), 0.9 * kLoud);
}

TEST_F(ConferenceTest, TheSumStaysBelowFullScaleAndSilenceIsSilence) {
  Add(0, 0);
  for (int i = 0; i < 4; ++i) {
    Add(400 + 100 * i, 0);
    places_.back()->far = ToneSource(400 + 100 * i, 0.9);
  }
  places_[0]->speaks = false;
  Run(50);
  for (const int16_t sample : places_[0]->far_heard) EXPECT_LE(std::abs(sample), 30'001);
  for (const auto& place : places_) place->speaks = false;
  Run(60);
  for (const int16_t sample : absl::MakeConstSpan(places_[0]->far_heard).last(kSampleRate / 2)) {
    EXPECT_EQ(sample, 0);
  }
}

TEST_F(ConferenceTest, WhoLeavesIsNotHeardAndHisSeatIsFree) {
  Add(400, 0);
  Add(500, 0);
  Add(600, 0);
  Run(50);
  places_.pop_back();
  Run(50);
  EXPECT_LT(Tone(places_[0]->far_heard, 600), 0.001);
  EXPECT_NEAR(Tone(places_[0]->far_heard, 500), kLoud, 0.02);
  Add(800, 0);
  Run(50);
  EXPECT_NEAR(Tone(places_[0]->far_heard, 800), kLoud, 0.02);
  while (places_.size() < Conference::kMaxSeats) Add(900, 0);
  EXPECT_EQ(conference_.Join(), nullptr);
}

// Beats in which one call is served twice and another not: nothing grows.
TEST_F(ConferenceTest, LateBeatsAddNoDelayForLong) {
  Add(400, 0);
  Add(500, 0);
  Run(10);
  for (int i = 0; i < 5; ++i) places_[0]->Tick();
  for (int i = 0; i < 5; ++i) places_[1]->Tick();
  Run(50);
  EXPECT_NEAR(Tone(places_[0]->far_heard, 500), kLoud, 0.02);
  EXPECT_NEAR(Tone(places_[1]->far_heard, 400), kLoud, 0.02);
  // One who falls silent is out of everybody's ear within four frames and the fade.
  places_[1]->speaks = false;
  Run(6);
  const auto last = absl::MakeConstSpan(places_[0]->far_heard).last(kFrameSamples / 2);
  for (const int16_t sample : last) EXPECT_EQ(sample, 0);
}

}  // namespace
}  // namespace p2pd::media
