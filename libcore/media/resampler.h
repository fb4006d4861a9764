// Changes the sample rate of mono speech, by speexdsp's band-limited interpolation at its best
// quality.
//
// Rule: the output starts where the input starts (the filter's delay is taken off) and lasts as
// long, so that two recordings stay comparable sample by sample. Threads: a pure function.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace p2pd::media {

// Hertz: below lies no speech, above no recorder.
inline constexpr int kMinFileRate = 4'000;
inline constexpr int kMaxFileRate = 384'000;

// Samples at `from_hz` as samples at `to_hz`: round(size · to / from) of them. InvalidArgument for
// a rate outside [kMinFileRate, kMaxFileRate].
absl::StatusOr<std::vector<int16_t>> Resample(absl::Span<const int16_t> input, int from_hz,
                                              int to_hz);

}  // namespace p2pd::media
