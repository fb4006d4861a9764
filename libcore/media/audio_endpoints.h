// Audio endpoints that need no device: a tone, silence, speech held in memory, and sinks that
// forget or remember.
//
// Threads: one owner; all are plain objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "libcore/media/audio.h"

namespace p2pd::media {

// A sine that never ends.
class ToneSource final : public AudioSource {
 public:
  // frequency in hertz, 1..20,000 (others are brought into that range); amplitude 0..1 of full
  // scale.
  explicit ToneSource(double frequency_hz = 440.0, double amplitude = 0.25);
  bool Read(Frame& out) override;

 private:
  double step_;
  double amplitude_;
  double phase_ = 0.0;
};

class SilenceSource final : public AudioSource {
 public:
  bool Read(Frame& out) override {
    out.fill(0);
    return true;
  }
};

// Plays samples that lie in memory: what DecodeWav made of a file.
class BufferSource final : public AudioSource {
 public:
  enum class AtEnd { kStop, kLoop };
  // 48 kHz mono. An empty buffer is exhausted at once, also with kLoop.
  explicit BufferSource(std::vector<int16_t> samples, AtEnd at_end = AtEnd::kStop);
  // The last frame is filled up with silence.
  bool Read(Frame& out) override;
  // Samples played so far, without repeats.
  size_t position() const { return position_; }

 private:
  std::vector<int16_t> samples_;
  AtEnd at_end_;
  size_t position_ = 0;
};

class NullSink final : public AudioSink {
 public:
  void Write(absl::Span<const int16_t> samples) override { samples_ += samples.size(); }
  uint64_t samples() const { return samples_; }

 private:
  uint64_t samples_ = 0;
};

// Keeps what it hears, up to a limit; what comes later is counted and lost.
class BufferSink final : public AudioSink {
 public:
  // max_samples: memory is twice as many bytes.
  explicit BufferSink(size_t max_samples) : max_samples_(max_samples) {}
  void Write(absl::Span<const int16_t> samples) override;
  void Finish() override { finished_ = true; }

  absl::Span<const int16_t> samples() const { return samples_; }
  std::vector<int16_t> Take() { return std::move(samples_); }
  bool finished() const { return finished_; }
  uint64_t refused_samples() const { return refused_samples_; }

 private:
  size_t max_samples_;
  std::vector<int16_t> samples_;
  bool finished_ = false;
  uint64_t refused_samples_ = 0;
};

}  // namespace p2pd::media
