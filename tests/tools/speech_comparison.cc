#include "tests/tools/speech_comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "libcore/base/check.h"
#include "libcore/media/audio.h"
#include "libcore/media/resampler.h"
#include "tests/tools/fourier.h"

namespace p2pd::tools {
namespace {

constexpr double kPerMs = kEstoiRate / 1000.0;
// Samples of a window whose delay is looked for, and between two windows: 400 and 200 ms, a
// syllable or two.
constexpr size_t kWindow = 4'000;
constexpr size_t kStep = 2'000;
constexpr auto kWander = static_cast<int64_t>(kMaxWanderMs * kPerMs);
// Places that a window may choose from.
constexpr size_t kCandidates = 24;
// What a change of delay costs, in correlation: any change, and each millisecond of it.
constexpr double kChangePrice = 0.08;
constexpr double kChangePricePerMs = 0.004;
// Power under the loudest window (30 dB) where a window has no say.
constexpr double kQuiet = 1e-3;
constexpr size_t kFade = 50;  // 5 ms between two delays

std::vector<double> ToEstoiRate(absl::Span<const int16_t> samples) {
  const auto resampled = media::Resample(samples, media::kSampleRate, kEstoiRate);
  P2PD_CHECK(resampled.ok());
  return std::vector<double>(resampled->begin(), resampled->end());
}

// Lifts the upper bands, where delays show sharply.
std::vector<double> PreEmphasised(const std::vector<double>& signal) {
  std::vector<double> out(signal.size());
  for (size_t i = 1; i < signal.size(); ++i) out[i] = signal[i] - 0.95 * signal[i - 1];
  return out;
}

// The lag of the greatest correlation of all that overlaps.
int64_t GlobalDelay(const std::vector<double>& said, const std::vector<double>& heard) {
  const std::vector<double> correlation = CrossCorrelate(said, heard);
  const auto best = std::max_element(correlation.begin(), correlation.end());
  return best - correlation.begin() - static_cast<int64_t>(said.size()) + 1;
}

struct Candidate {
  int64_t delay = 0;
  double value = 0.0;  // normalised correlation
  double total = 0.0;  // best sum of a path up to here
  size_t before = 0;   // of the window before on that path
};

// The best places for said[start, start + kWindow) around `centre`.
std::vector<Candidate> FindCandidates(const std::vector<double>& said,
                                      const std::vector<double>& heard, size_t start,
                                      int64_t centre) {
  const std::vector<double> piece(said.begin() + static_cast<std::ptrdiff_t>(start),
                                  said.begin() + static_cast<std::ptrdiff_t>(start + kWindow));
  // The stretch of heard that the window can be found in; silence beyond its ends.
  const int64_t first = static_cast<int64_t>(start) + centre - kWander;
  std::vector<double> stretch(kWindow + 2 * static_cast<size_t>(kWander) + 1);
  for (size_t i = 0; i < stretch.size(); ++i) {
    const int64_t at = first + static_cast<int64_t>(i);
    if (at >= 0 && at < static_cast<int64_t>(heard.size())) {
      stretch[i] = heard[static_cast<size_t>(at)];
    }
  }
  const std::vector<double> correlation = CrossCorrelate(piece, stretch);
  double piece_power = 0.0;
  for (const double value : piece) piece_power += value * value;
  std::vector<double> sums(stretch.size() + 1);
  for (size_t i = 0; i < stretch.size(); ++i) sums[i + 1] = sums[i] + stretch[i] * stretch[i];
  std::vector<Candidate> candidates;
  const size_t lags = 2 * static_cast<size_t>(kWander) + 1;
  std::vector<double> values(lags);
  for (size_t lag = 0; lag < lags; ++lag) {
    const double power = std::sqrt(piece_power * (sums[lag + kWindow] - sums[lag]));
    values[lag] = power > 1.0 ? correlation[kWindow - 1 + lag] / power : 0.0;
  }
  for (size_t lag = 1; lag + 1 < lags; ++lag) {
    if (values[lag] >= values[lag - 1] && values[lag] > values[lag + 1]) {
      Candidate candidate;
      candidate.delay = centre - kWander + static_cast<int64_t>(lag);
      candidate.value = values[lag];
      candidates.push_back(candidate);
    }
  }
  const size_t kept = std::min(kCandidates, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept),
                    candidates.end(),
                    [](const Candidate& a, const Candidate& b) { return a.value > b.value; });
  candidates.resize(kept);
  return candidates;
}

double ChangePrice(int64_t from, int64_t to) {
  const double ms = static_cast<double>(std::abs(from - to)) / kPerMs;
  return ms < 0.5 ? 0.0 : kChangePrice + kChangePricePerMs * ms;
}

// Which windows have a say: those that are not near silence.
std::vector<bool> LoudWindows(const std::vector<double>& said) {
  const size_t windows = said.size() < kWindow ? 0 : (said.size() - kWindow) / kStep + 1;
  std::vector<double> powers(windows);
  for (size_t w = 0; w < windows; ++w) {
    for (size_t i = 0; i < kWindow; ++i) powers[w] += std::pow(said[w * kStep + i], 2.0);
  }
  const double loudest = powers.empty() ? 0.0 : *std::max_element(powers.begin(), powers.end());
  std::vector<bool> loud(windows);
  for (size_t w = 0; w < windows; ++w) loud[w] = powers[w] >= kQuiet * loudest;
  return loud;
}

// One delay per window of `said`: the path of the greatest correlation less its changes (Viterbi).
std::vector<int64_t> FollowDelay(const std::vector<double>& said, const std::vector<double>& heard,
                                 const std::vector<bool>& loud, int64_t centre) {
  const size_t windows = loud.size();
  std::vector<std::vector<Candidate>> lattice(windows);
  for (size_t w = 0; w < windows; ++w) {
    if (loud[w]) lattice[w] = FindCandidates(said, heard, w * kStep, centre);
    // Who has no say, or finds nothing, goes on as before.
    if (lattice[w].empty()) {
      if (w > 0) lattice[w] = lattice[w - 1];
      if (lattice[w].empty()) lattice[w].push_back(Candidate{centre, 0.0, 0.0, 0});
      for (Candidate& candidate : lattice[w]) candidate.value = 0.0;
    }
    for (Candidate& here : lattice[w]) {
      here.total = here.value;
      here.before = 0;
      if (w == 0) continue;
      double best = -1e300;
      for (size_t i = 0; i < lattice[w - 1].size(); ++i) {
        const Candidate& there = lattice[w - 1][i];
        const double total = there.total - ChangePrice(there.delay, here.delay);
        if (total > best) {
          best = total;
          here.before = i;
        }
      }
      here.total += best;
    }
  }
  std::vector<int64_t> delays(windows, centre);
  if (windows == 0) return delays;
  const auto better = [](const Candidate& a, const Candidate& b) { return a.total < b.total; };
  size_t at =
      static_cast<size_t>(std::max_element(lattice.back().begin(), lattice.back().end(), better) -
                          lattice.back().begin());
  for (size_t w = windows; w-- > 0;) {
    delays[w] = lattice[w][at].delay;
    at = lattice[w][at].before;
  }
  return delays;
}

double At(const std::vector<double>& signal, int64_t index) {
  return index < 0 || index >= static_cast<int64_t>(signal.size())
             ? 0.0
             : signal[static_cast<size_t>(index)];
}

// `heard` on the time line of said, faded over where the delay changes.
std::vector<double> Straighten(const std::vector<double>& heard, const std::vector<int64_t>& delays,
                               int64_t centre, size_t size) {
  std::vector<double> out(size);
  int64_t old_delay = delays.empty() ? centre : delays.front();
  int64_t delay = old_delay;
  size_t fade = kFade;
  for (size_t i = 0; i < size; ++i) {
    if (!delays.empty()) {
      // Each delay holds for the step around its window's middle.
      const size_t middle = kWindow / 2 - kStep / 2;
      const size_t w = i < middle ? 0 : std::min((i - middle) / kStep, delays.size() - 1);
      if (delays[w] != delay) {
        old_delay = delay;
        delay = delays[w];
        fade = 0;
      }
    }
    const auto n = static_cast<int64_t>(i);
    const double fresh = At(heard, n + delay);
    if (fade < kFade) {
      const double weight = static_cast<double>(fade) / kFade;
      out[i] = weight * fresh + (1.0 - weight) * At(heard, n + old_delay);
      ++fade;
    } else {
      out[i] = fresh;
    }
  }
  return out;
}

}  // namespace

SpeechComparison CompareSpeech(absl::Span<const int16_t> said_48k,
                               absl::Span<const int16_t> heard_48k) {
  SpeechComparison result;
  const std::vector<double> said = ToEstoiRate(said_48k);
  const std::vector<double> heard = ToEstoiRate(heard_48k);
  if (said.size() < kWindow || heard.size() < kWindow) return result;
  const std::vector<double> sharp_said = PreEmphasised(said);
  const std::vector<double> sharp_heard = PreEmphasised(heard);
  const int64_t centre = GlobalDelay(sharp_said, sharp_heard);
  const std::vector<bool> loud = LoudWindows(sharp_said);
  const std::vector<int64_t> delays = FollowDelay(sharp_said, sharp_heard, loud, centre);

  // What both cover, by the first delay found.
  const auto begin = static_cast<size_t>(std::max<int64_t>(-centre, 0));
  const auto end = static_cast<size_t>(std::clamp<int64_t>(
      static_cast<int64_t>(heard.size()) - centre, 0, static_cast<int64_t>(said.size())));
  if (begin >= end) return result;
  const std::vector<double> straight = Straighten(heard, delays, centre, said.size());
  const auto from = static_cast<std::ptrdiff_t>(begin);
  const auto to = static_cast<std::ptrdiff_t>(end);
  const std::vector<double> clean(said.begin() + from, said.begin() + to);
  const EstoiResult all = Estoi(said, said);
  const EstoiResult score =
      Estoi(clean, std::vector<double>(straight.begin() + from, straight.begin() + to));
  result.speech_seconds = score.seconds;
  result.coverage = all.seconds > 0.0 ? std::min(score.seconds / all.seconds, 1.0) : 0.0;
  result.judged = score.seconds >= kLeastSpeech;
  result.estoi = score.score;
  result.worst = score.worst;
  std::vector<int64_t> judged;
  for (size_t w = 0; w < delays.size(); ++w) {
    const size_t middle = w * kStep + kWindow / 2;
    if (middle < begin || middle >= end) continue;
    judged.push_back(delays[w]);
    if (!loud[w]) continue;
    result.delays.push_back(
        {static_cast<double>(middle) / kEstoiRate, static_cast<double>(delays[w]) / kPerMs});
  }
  if (judged.empty()) judged.push_back(centre);
  std::sort(judged.begin(), judged.end());
  result.delay_ms = static_cast<double>(judged[judged.size() / 2]) / kPerMs;
  result.delay_min_ms = static_cast<double>(judged.front()) / kPerMs;
  result.delay_max_ms = static_cast<double>(judged.back()) / kPerMs;
  return result;
}

}  // namespace p2pd::tools
