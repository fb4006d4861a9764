// ESTOI, the extended short-time objective intelligibility: how much of clean speech can still be
// understood in what was heard, from about 0 (nothing) to 1 (all).
//
// Source: Jensen and Taal, 'An Algorithm for Predicting the Intelligibility of Speech Masked by
// Modulated Noise Maskers', IEEE/ACM TASLP 24(11), 2016. 10 kHz, frames of 256 samples with half
// overlap, 15 one-third octave bands from 150 Hz, segments of 30 frames (384 ms). Silence is taken
// out by the clean speech alone, so a dropout in the heard one counts in full.
#pragma once

#include <cstddef>
#include <vector>

namespace p2pd::tools {

inline constexpr int kEstoiRate = 10'000;

struct EstoiResult {
  double score = 0.0;    // the mean over segments; 0 when there are none
  double worst = 0.0;    // the least over windows of about 1.5 s
  size_t segments = 0;   // that were compared
  double seconds = 0.0;  // of clean speech without silence
};

// Both at kEstoiRate, aligned sample by sample; the shorter one's length counts. No scale: levels
// do not matter.
EstoiResult Estoi(const std::vector<double>& clean, const std::vector<double>& heard);

}  // namespace p2pd::tools
