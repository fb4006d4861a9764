#include "libcore/media/time_stretch.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "libcore/base/check.h"

namespace p2pd::media {
namespace {

// The coarse search sees every fourth sample's mean: 12 kHz is plenty for pitch.
constexpr size_t kDecimation = 4;
constexpr size_t kMaxCoarse = 2 * kMaxStretchLag / kDecimation;
// Mean square of 16-bit samples below which nobody hears a seam: -50 dBFS.
constexpr double kQuietPower = 10'000.0;

template <class T>
double Correlation(const T* samples, size_t lag) {
  double cross = 0.0;
  double first = 0.0;
  double second = 0.0;
  for (size_t i = 0; i < lag; ++i) {
    const double a = samples[i];
    const double b = samples[i + lag];
    cross += a * b;
    first += a * a;
    second += b * b;
  }
  const double scale = std::sqrt(first * second);
  return scale > 0.0 ? cross / scale : 0.0;
}

// The linear mean of two samples, weight 0..lag on the second.
int16_t Blend(int16_t from, int16_t to, size_t weight, size_t lag) {
  const auto w = static_cast<int64_t>(weight);
  const auto n = static_cast<int64_t>(lag);
  return static_cast<int16_t>((from * (n - w) + to * w) / n);
}

}  // namespace

PitchMatch FindPitch(absl::Span<const int16_t> samples, size_t max_lag) {
  PitchMatch match;
  max_lag = std::min({max_lag, kMaxStretchLag, samples.size() / 2});
  if (max_lag < kMinStretchLag) return match;

  std::array<float, kMaxCoarse> coarse{};
  const size_t coarse_size = 2 * max_lag / kDecimation;
  double power = 0.0;
  for (size_t i = 0; i < coarse_size; ++i) {
    int sum = 0;
    for (size_t j = 0; j < kDecimation; ++j) sum += samples[i * kDecimation + j];
    coarse[i] = static_cast<float>(sum) / kDecimation;
    power += double{coarse[i]} * double{coarse[i]};
  }
  match.quiet = power / static_cast<double>(coarse_size) < kQuietPower;

  double best = -2.0;
  size_t best_lag = kMinStretchLag;
  for (size_t lag = kMinStretchLag / kDecimation; lag <= max_lag / kDecimation; ++lag) {
    const double value = Correlation(coarse.data(), lag);
    if (value > best) {
      best = value;
      best_lag = lag * kDecimation;
    }
  }
  const size_t from = std::max(kMinStretchLag, best_lag - kDecimation);
  const size_t to = std::min(max_lag, best_lag + kDecimation);
  match.correlation = -2.0;
  for (size_t lag = from; lag <= to; ++lag) {
    const double value = Correlation(samples.data(), lag);
    if (value > match.correlation) {
      match.correlation = value;
      match.lag = lag;
    }
  }
  return match;
}

size_t RemovePeriod(absl::Span<int16_t> samples, size_t lag) {
  P2PD_CHECK(lag > 0 && samples.size() >= 2 * lag);
  // From the first period into the second, so that both ends meet their neighbours.
  for (size_t i = 0; i < lag; ++i) samples[i] = Blend(samples[i], samples[i + lag], i, lag);
  std::copy(samples.begin() + static_cast<std::ptrdiff_t>(2 * lag), samples.end(),
            samples.begin() + static_cast<std::ptrdiff_t>(lag));
  return samples.size() - lag;
}

size_t InsertPeriod(absl::Span<int16_t> buffer, size_t size, size_t lag) {
  P2PD_CHECK(lag > 0 && size >= 2 * lag && buffer.size() >= size + lag);
  // first period | second fading into first | second period and the rest
  const auto at = [&](size_t i) { return buffer.begin() + static_cast<std::ptrdiff_t>(i); };
  std::copy_backward(at(lag), at(size), at(size + lag));
  for (size_t i = 0; i < lag; ++i) {
    buffer[lag + i] = Blend(buffer[2 * lag + i], buffer[i], i, lag);
  }
  return size + lag;
}

}  // namespace p2pd::media
