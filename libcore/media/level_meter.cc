#include "libcore/media/level_meter.h"

#include <algorithm>
#include <cmath>

#include "libcore/media/audio.h"

namespace p2pd::media {
namespace {

constexpr double kFullScale = 32'768.0;

double Dbov(double amplitude) {
  if (amplitude <= 0.0) return kSilenceDbov;
  return std::clamp(20.0 * std::log10(amplitude / kFullScale), kSilenceDbov, 0.0);
}

}  // namespace

void LevelMeter::Add(absl::Span<const int16_t> samples) {
  for (const int16_t sample : samples) {
    const auto amplitude = static_cast<uint32_t>(std::abs(int32_t{sample}));
    current_.peak = std::max(current_.peak, amplitude);
    current_.squares += uint64_t{amplitude} * amplitude;
  }
  current_.samples += samples.size();
  if (current_.samples < static_cast<size_t>(kSampleRate)) return;
  last_ = current_;
  current_ = Window();
}

std::optional<AudioLevel> LevelMeter::level() const {
  const Window& window = last_.samples > 0 ? last_ : current_;
  if (window.samples == 0) return std::nullopt;
  const double mean = static_cast<double>(window.squares) / static_cast<double>(window.samples);
  return AudioLevel{.rms_dbov = Dbov(std::sqrt(mean)), .peak_dbov = Dbov(window.peak)};
}

}  // namespace p2pd::media
