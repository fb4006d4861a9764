// What sound is inside p2pd, and the two faces through which it enters and leaves a call:
// AudioSource is pulled, a frame of 20 ms at a time, and AudioSink is fed by the media clock, 10 ms
// at a time so that what is heard waits for no whole frame.
//
// Rules: 48 kHz mono 16 bit everywhere, because that is Opus's own rate and the one of devices, so
// nothing is resampled twice. A source or sink never blocks: the media thread serves every call
// from one loop, and who waits makes all of them late. Sources and sinks outlive the CallMedia that
// uses them. Threads: Read, Write and Finish are called by the media thread only; what feeds the
// other end says its own rule.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace p2pd::media {

// Hertz. RFC 7587 §4.1: the RTP clock of Opus is 48 kHz whatever the audio bandwidth.
inline constexpr int kSampleRate = 48'000;
// Samples in one frame of 20 ms, Opus's usual packet (RFC 7587 §3).
inline constexpr size_t kFrameSamples = 960;
inline constexpr absl::Duration kFrameDuration = absl::Milliseconds(20);

// What is played at a time: a sound card's usual period.
inline constexpr size_t kPullSamples = 480;
inline constexpr absl::Duration kPullDuration = absl::Milliseconds(10);

using Frame = std::array<int16_t, kFrameSamples>;

inline constexpr Frame kSilentFrame{};

// The length of `samples` at 48 kHz.
inline absl::Duration SamplesToDuration(int64_t samples) {
  return absl::Nanoseconds(samples * 1'000'000'000 / kSampleRate);
}
// Whole samples in `duration`, rounded down.
inline int64_t DurationToSamples(absl::Duration duration) {
  return absl::ToInt64Nanoseconds(duration) * kSampleRate / 1'000'000'000;
}

class AudioSource {
 public:
  virtual ~AudioSource() = default;
  // The next 20 ms. False when there will never be more, and `out` is then unspecified; a source
  // that has nothing just now gives silence and true.
  virtual bool Read(Frame& out) = 0;
};

class AudioSink {
 public:
  virtual ~AudioSink() = default;
  // What is heard next, at most a frame of it.
  virtual void Write(absl::Span<const int16_t> samples) = 0;
  // Nothing more will come; harmless when called twice.
  virtual void Finish() {}
};

}  // namespace p2pd::media
