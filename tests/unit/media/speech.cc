#include "tests/unit/media/speech.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "libcore/base/rng.h"
#include "libcore/media/audio.h"
#include "libcore/media/wav_file.h"

namespace p2pd::media {
namespace {

// Where the package pocketsphinx-testdata keeps its recordings.
constexpr char kPackage[] = "/usr/share/pocketsphinx/test/data/";

// A resonance of the mouth: a second-order section.
class Resonator {
 public:
  void Set(double hz, double bandwidth) {
    const double r = std::exp(-std::numbers::pi * bandwidth / kSampleRate);
    b_ = 2.0 * r * std::cos(2.0 * std::numbers::pi * hz / kSampleRate);
    c_ = -r * r;
    gain_ = 1.0 - b_ - c_;
  }
  double Run(double in) {
    const double out = gain_ * in + b_ * one_ + c_ * two_;
    two_ = one_;
    one_ = out;
    return out;
  }

 private:
  double b_ = 0, c_ = 0, gain_ = 1, one_ = 0, two_ = 0;
};

}  // namespace

std::vector<int16_t> MadeSpeech(uint64_t seed, int seconds) {
  SeededRng rng(seed);
  const auto size = static_cast<size_t>(seconds * kSampleRate);
  std::vector<double> voice;
  voice.reserve(size + kSampleRate);
  std::array<Resonator, 3> mouth;
  double phase = 0.0;
  while (voice.size() < size) {
    // A syllable: some formants, a gliding pitch, now and then noise for a consonant or a pause.
    const double length = 0.12 + 0.18 * rng.Unit();
    const std::array<double, 3> formants = {300 + 500 * rng.Unit(), 900 + 1400 * rng.Unit(),
                                            2300 + 900 * rng.Unit()};
    for (size_t i = 0; i < 3; ++i) mouth[i].Set(formants[i], 80.0 + 40.0 * static_cast<double>(i));
    const double pitch = 100.0 + 80.0 * rng.Unit();
    const double glide = 0.7 + 0.6 * rng.Unit();
    const bool hiss = rng.Below(4) == 0;
    const bool pause = rng.Below(7) == 0;
    const auto count = static_cast<size_t>(length * kSampleRate);
    for (size_t i = 0; i < count; ++i) {
      const double part = static_cast<double>(i) / static_cast<double>(count);
      phase += pitch * (1.0 + (glide - 1.0) * part) / kSampleRate;
      const bool pulse = phase >= 1.0;
      if (pulse) phase -= 1.0;
      double in = hiss ? 0.02 * (rng.Unit() - 0.5) : (pulse ? 1.0 : 0.0);
      if (pause) in = 0.0;
      double out = 0.0;
      for (Resonator& resonator : mouth) out += resonator.Run(in);
      if (hiss) out += 0.2 * in;
      voice.push_back(out * std::sin(std::numbers::pi * part) + 1e-5 * (rng.Unit() - 0.5));
    }
  }
  voice.resize(size);
  double peak = 1e-9;
  for (const double value : voice) peak = std::max(peak, std::abs(value));
  std::vector<int16_t> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<int16_t>(20'000.0 * voice[i] / peak);
  return out;
}

std::vector<int16_t> Speech(Speaker speaker, int seconds) {
  const std::string folder =
      std::string(kPackage) + (speaker == Speaker::kReader ? "librivox" : "cards");
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".wav") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  const auto size = static_cast<size_t>(seconds * kSampleRate);
  std::vector<int16_t> out;
  for (size_t i = 0; !files.empty() && out.size() < size && i < 64; ++i) {
    const auto samples = ReadWav(files[i % files.size()]);
    if (!samples.ok()) break;
    out.insert(out.end(), samples->begin(), samples->end());
  }
  if (out.size() < size) return MadeSpeech(speaker == Speaker::kReader ? 1 : 2, seconds);
  out.resize(size);
  return out;
}

}  // namespace p2pd::media
