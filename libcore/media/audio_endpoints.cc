#include "libcore/media/audio_endpoints.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace p2pd::media {

ToneSource::ToneSource(double frequency_hz, double amplitude)
    : step_(2.0 * std::numbers::pi * std::clamp(frequency_hz, 1.0, 20'000.0) / kSampleRate),
      amplitude_(std::clamp(amplitude, 0.0, 1.0) * 32'767.0) {}

bool ToneSource::Read(Frame& out) {
  for (int16_t& sample : out) {
    sample = static_cast<int16_t>(std::lrint(amplitude_ * std::sin(phase_)));
    phase_ += step_;
  }
  phase_ = std::fmod(phase_, 2.0 * std::numbers::pi);
  return true;
}

BufferSource::BufferSource(std::vector<int16_t> samples, AtEnd at_end)
    : samples_(std::move(samples)), at_end_(at_end) {}

bool BufferSource::Read(Frame& out) {
  if (position_ >= samples_.size()) {
    if (at_end_ == AtEnd::kStop || samples_.empty()) return false;
    position_ = 0;
  }
  const size_t count = std::min(kFrameSamples, samples_.size() - position_);
  const auto from = samples_.begin() + static_cast<std::ptrdiff_t>(position_);
  std::copy_n(from, count, out.begin());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(count), out.end(), int16_t{0});
  position_ += count;
  return true;
}

void BufferSink::Write(absl::Span<const int16_t> samples) {
  if (samples_.size() + samples.size() > max_samples_) {
    refused_samples_ += samples.size();
    return;
  }
  samples_.insert(samples_.end(), samples.begin(), samples.end());
}

}  // namespace p2pd::media
