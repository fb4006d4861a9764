// Compares what was said with what was heard: finds where in the recording the speech begins,
// follows the small delay changes of a jitter buffer, and judges intelligibility by ESTOI.
//
// Rules, so that the answer is honest: the place is where the whole of both correlates most, not
// where the score is best; the delay may wander at most kMaxWander from there and pays for each
// change, so foreign speech cannot be bent into shape; everything that both recordings cover
// counts, dropouts included. What the recording does not cover (it began later or ended earlier) is
// not judged but told as `coverage`.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "tests/tools/estoi.h"

namespace p2pd::tools {

// Milliseconds that the delay may differ from the place found first: the jitter buffer's range.
inline constexpr double kMaxWanderMs = 250.0;
// Seconds of speech (without silence) below which nothing is judged.
inline constexpr double kLeastSpeech = 2.0;

// The delay where there is speech.
struct DelayAt {
  double seconds = 0.0;  // in said
  double delay_ms = 0.0;
};

struct SpeechComparison {
  bool judged = false;  // enough speech in common
  double estoi = 0.0;
  double worst = 0.0;     // the least over 1.5 s
  double delay_ms = 0.0;  // median of heard behind said, from the recordings' starts
  double delay_min_ms = 0.0;
  double delay_max_ms = 0.0;
  double speech_seconds = 0.0;  // judged, without silence
  double coverage = 0.0;        // share of said's speech that was judged
  std::vector<DelayAt> delays;  // every 200 ms of said that are not silent, in order
};

// Both 48 kHz mono.
SpeechComparison CompareSpeech(absl::Span<const int16_t> said, absl::Span<const int16_t> heard);

}  // namespace p2pd::tools
