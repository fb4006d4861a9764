// Makes speech shorter or longer by one pitch period without a change of pitch: the jitter buffer's
// way to lower and raise its delay while somebody speaks.
//
// Rules: works at the front of decoded samples that are not played yet, overlapping two
// neighbouring periods, so the seam to what was played stays smooth. Nothing is done where no
// period resembles the next well enough, except in near silence, where any seam is inaudible.
// Threads: pure functions. No allocation.
// Sources: WSOLA, Verhelst and Roelands 1993; the lags are those of a voice between 100 and 400 Hz.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace p2pd::media {

// Samples at 48 kHz: 2.5 ms and 10 ms.
inline constexpr size_t kMinStretchLag = 120;
inline constexpr size_t kMaxStretchLag = 480;

// Where and how well the front of `samples` repeats itself.
struct PitchMatch {
  size_t lag = 0;            // 0: too few samples to tell
  double correlation = 0.0;  // -1..1, normalised
  bool quiet = false;        // below hearing: any lag does
};

// The best lag in [kMinStretchLag, max_lag]; looks at the first 2 · max_lag samples, and at fewer
// lags when there are fewer samples.
PitchMatch FindPitch(absl::Span<const int16_t> samples, size_t max_lag);

// Overlaps samples[0, lag) with samples[lag, 2·lag) in place and closes the gap; the new size is
// samples.size() - lag. samples.size() >= 2 · lag.
size_t RemovePeriod(absl::Span<int16_t> samples, size_t lag);

// Repeats samples[0, lag), overlapped, behind itself; `buffer` holds `size` samples and has room
// for lag more. The new size is size + lag. size >= 2 · lag.
size_t InsertPeriod(absl::Span<int16_t> buffer, size_t size, size_t lag);

}  // namespace p2pd::media
