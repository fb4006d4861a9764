// LevelMeter: how loud sound is, in dBov, over about the last second.
//
// Rules: each whole second of sound is measured by itself, since a call's figures are shown as
// often; before the first second is whole, what there is counts. Silence, and whatever is below the
// floor, is kSilenceDbov. Threads: one owner. No allocation. Sources: RFC 6464 §3 (dBov, the
// range), RFC 6465.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"

namespace p2pd::media {

// RFC 6464 §3: no level is below.
inline constexpr double kSilenceDbov = -127.0;

struct AudioLevel {
  // Both in [kSilenceDbov, 0]: 0 is a square wave of the largest 16-bit sample.
  double rms_dbov = kSilenceDbov;
  double peak_dbov = kSilenceDbov;
};

class LevelMeter {
 public:
  void Add(absl::Span<const int16_t> samples);
  // nullopt before the first sample.
  std::optional<AudioLevel> level() const;

 private:
  struct Window {
    size_t samples = 0;
    uint64_t squares = 0;  // at most 48,000 · 2^30
    uint32_t peak = 0;
  };
  Window current_;
  Window last_;  // the last whole second
};

}  // namespace p2pd::media
