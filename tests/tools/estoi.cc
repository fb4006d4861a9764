#include "tests/tools/estoi.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tests/tools/fourier.h"

namespace p2pd::tools {
namespace {

constexpr size_t kFrame = 256;
constexpr size_t kHop = kFrame / 2;
constexpr size_t kTransformSize = 512;
constexpr size_t kBands = 15;
constexpr double kFirstBandHz = 150.0;
constexpr size_t kSegment = 30;
// Frames of clean speech this far below its loudest are silence.
constexpr double kDynamicRangeDb = 40.0;
constexpr double kTiny = 1e-20;
// Segments over which `worst` averages: one starts every 12.8 ms.
constexpr size_t kWorstWindow = 88;

// Frames by bands, in time order.
using Bands = std::vector<std::array<double, kBands>>;

std::array<double, kFrame> HannWindow() {
  std::array<double, kFrame> window;
  for (size_t i = 0; i < kFrame; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * static_cast<double>(i + 1) /
                                     static_cast<double>(kFrame + 1));
  }
  return window;
}

// Takes silent frames of `clean` out of both and adds the rest up again, overlapped.
void RemoveSilence(std::vector<double>& clean, std::vector<double>& heard) {
  const auto window = HannWindow();
  std::vector<size_t> starts;
  std::vector<double> energies;
  double loudest = -1e9;
  for (size_t start = 0; start + kFrame <= clean.size(); start += kHop) {
    double sum = 0.0;
    for (size_t i = 0; i < kFrame; ++i) sum += std::pow(clean[start + i] * window[i], 2.0);
    starts.push_back(start);
    energies.push_back(10.0 * std::log10(sum + kTiny));
    loudest = std::max(loudest, energies.back());
  }
  std::vector<double> kept_clean;
  std::vector<double> kept_heard;
  size_t at = 0;
  for (size_t f = 0; f < starts.size(); ++f) {
    if (energies[f] < loudest - kDynamicRangeDb) continue;
    kept_clean.resize(at + kFrame);
    kept_heard.resize(at + kFrame);
    for (size_t i = 0; i < kFrame; ++i) {
      kept_clean[at + i] += clean[starts[f] + i] * window[i];
      kept_heard[at + i] += heard[starts[f] + i] * window[i];
    }
    at += kHop;
  }
  clean = std::move(kept_clean);
  heard = std::move(kept_heard);
}

// Bins of each one-third octave band: [first, last).
std::array<std::pair<size_t, size_t>, kBands> BandEdges() {
  std::array<std::pair<size_t, size_t>, kBands> edges;
  const double bin_hz = static_cast<double>(kEstoiRate) / kTransformSize;
  for (size_t band = 0; band < kBands; ++band) {
    const double centre = kFirstBandHz * std::pow(2.0, static_cast<double>(band) / 3.0);
    edges[band].first = static_cast<size_t>(std::lround(centre * std::pow(2.0, -1.0 / 6) / bin_hz));
    edges[band].second = static_cast<size_t>(std::lround(centre * std::pow(2.0, 1.0 / 6) / bin_hz));
  }
  return edges;
}

Bands Analyse(const std::vector<double>& signal) {
  const auto window = HannWindow();
  const auto edges = BandEdges();
  Bands bands;
  Spectrum spectrum(kTransformSize);
  for (size_t start = 0; start + kFrame <= signal.size(); start += kHop) {
    std::fill(spectrum.begin(), spectrum.end(), 0.0);
    for (size_t i = 0; i < kFrame; ++i) spectrum[i] = signal[start + i] * window[i];
    Transform(spectrum);
    std::array<double, kBands> row;
    for (size_t band = 0; band < kBands; ++band) {
      double sum = 0.0;
      for (size_t bin = edges[band].first; bin < edges[band].second; ++bin) {
        sum += std::norm(spectrum[bin]);
      }
      row[band] = std::sqrt(sum);
    }
    bands.push_back(row);
  }
  return bands;
}

using Segment = std::array<std::array<double, kSegment>, kBands>;

// Mean zero and length one, first each band over time, then each frame over bands.
Segment Normalised(const Bands& bands, size_t start) {
  Segment segment;
  for (size_t band = 0; band < kBands; ++band) {
    double mean = 0.0;
    for (size_t i = 0; i < kSegment; ++i) mean += bands[start + i][band] / kSegment;
    double norm = 0.0;
    for (size_t i = 0; i < kSegment; ++i) {
      segment[band][i] = bands[start + i][band] - mean;
      norm += segment[band][i] * segment[band][i];
    }
    for (double& value : segment[band]) value /= std::sqrt(norm) + kTiny;
  }
  for (size_t i = 0; i < kSegment; ++i) {
    double mean = 0.0;
    for (size_t band = 0; band < kBands; ++band) mean += segment[band][i] / kBands;
    double norm = 0.0;
    for (size_t band = 0; band < kBands; ++band) {
      segment[band][i] -= mean;
      norm += segment[band][i] * segment[band][i];
    }
    for (size_t band = 0; band < kBands; ++band) segment[band][i] /= std::sqrt(norm) + kTiny;
  }
  return segment;
}

}  // namespace

EstoiResult Estoi(const std::vector<double>& clean, const std::vector<double>& heard) {
  const auto size = static_cast<std::ptrdiff_t>(std::min(clean.size(), heard.size()));
  std::vector<double> x(clean.begin(), clean.begin() + size);
  std::vector<double> y(heard.begin(), heard.begin() + size);
  RemoveSilence(x, y);
  EstoiResult result;
  result.seconds = static_cast<double>(x.size()) / kEstoiRate;
  const Bands clean_bands = Analyse(x);
  const Bands heard_bands = Analyse(y);
  std::vector<double> scores;
  for (size_t start = 0; start + kSegment <= clean_bands.size(); ++start) {
    const Segment a = Normalised(clean_bands, start);
    const Segment b = Normalised(heard_bands, start);
    double sum = 0.0;
    for (size_t band = 0; band < kBands; ++band) {
      for (size_t i = 0; i < kSegment; ++i) sum += a[band][i] * b[band][i];
    }
    scores.push_back(sum / kSegment);
  }
  if (scores.empty()) return result;
  result.segments = scores.size();
  for (const double score : scores) result.score += score / static_cast<double>(scores.size());
  const size_t window = std::min(kWorstWindow, scores.size());
  result.worst = 1.0;
  for (size_t start = 0; start + window <= scores.size(); ++start) {
    double mean = 0.0;
    for (size_t i = 0; i < window; ++i) mean += scores[start + i] / static_cast<double>(window);
    result.worst = std::min(result.worst, mean);
  }
  return result;
}

}  // namespace p2pd::tools
