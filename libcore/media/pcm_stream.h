// PCM between the media thread and a gRPC stream: PcmStreamSource carries a client's voice into a
// call, PcmStreamSink carries what is heard to the client.
//
// Rules: the media thread never waits; when samples are missing it plays silence and counts, when
// there are too many the oldest go and are counted. A client's chunks come in bursts (gRPC, a
// loaded machine), so the source starts to play once a small reserve is there, makes the reserve
// larger after each underrun. A live client (a microphone) has the smallest reserve, gets it back
// after quiet time, and loses what is beyond it, lest delay grow for ever; a file client loses
// nothing and is told how much fits (kPaced). Threads: any. One Mutex each, held for the copy of at
// most a few frames. Limits: kPcmRingSamples waits at most; further samples are refused (source) or
// push out the oldest (sink), counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/span.h"
#include "libcore/base/mutex.h"
#include "libcore/media/audio.h"

namespace p2pd::media {

// One second at 48 kHz: a client that is further ahead or behind is not in a conversation.
inline constexpr size_t kPcmRingSamples = 48'000;

struct PcmStreamStats {
  uint64_t samples_in = 0;
  uint64_t samples_out = 0;
  // Frames that had to be filled with silence because the client was late.
  uint64_t underruns = 0;
  // Samples refused or thrown away because too many waited.
  uint64_t overrun_samples = 0;
  // Samples that wait now, and the reserve that is aimed at.
  size_t level_samples = 0;
  size_t reserve_samples = 0;
};

// A ring of samples with a fixed capacity; no thread rule of its own.
class SampleRing {
 public:
  explicit SampleRing(size_t capacity) : samples_(capacity) {}
  size_t size() const { return size_; }
  size_t space() const { return samples_.size() - size_; }
  // Copies as many as fit; returns how many.
  size_t Push(absl::Span<const int16_t> samples);
  // Takes up to out.size(); returns how many.
  size_t Pop(absl::Span<int16_t> out);
  // Forgets the oldest `count` (or all).
  void Drop(size_t count);

 private:
  std::vector<int16_t> samples_;
  size_t first_ = 0;
  size_t size_ = 0;
};

class PcmStreamSource final : public AudioSource {
 public:
  enum class Pace {
    kLive,   // a microphone: what is too much is dropped, so that delay does not grow
    kPaced,  // a file: nothing is dropped, Push says how much fitted
  };
  explicit PcmStreamSource(Pace pace = Pace::kLive);

  // The client's thread: takes 48 kHz mono samples and returns how many were taken. kLive takes all
  // (and drops the oldest beyond the ring), kPaced as many as fit.
  size_t Push(absl::Span<const int16_t> samples) ABSL_LOCKS_EXCLUDED(mutex_);
  // How many samples Push would take now.
  size_t space() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The client is done: what waits is still played, then Read says false.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // The media thread.
  bool Read(Frame& out) override ABSL_LOCKS_EXCLUDED(mutex_);

  PcmStreamStats stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Pace pace_;
  mutable Mutex mutex_;
  SampleRing ring_ ABSL_GUARDED_BY(mutex_);
  bool playing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  size_t reserve_ ABSL_GUARDED_BY(mutex_);
  // Over the current window of frames: the least that waited after a read.
  size_t window_low_ ABSL_GUARDED_BY(mutex_) = 0;
  int window_frames_ ABSL_GUARDED_BY(mutex_) = 0;
  PcmStreamStats stats_ ABSL_GUARDED_BY(mutex_);
};

class PcmStreamSink final : public AudioSink {
 public:
  PcmStreamSink();

  // The media thread. Drops the oldest when the client does not fetch.
  void Write(absl::Span<const int16_t> samples) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Finish() override ABSL_LOCKS_EXCLUDED(mutex_);

  // The client's thread: takes what is there, up to out.size() samples; 0 when nothing waits.
  size_t Pop(absl::Span<int16_t> out) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until `samples` are there, the stream is finished, or `patience` is over. True when the
  // caller should Pop.
  bool Wait(size_t samples, absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);
  // Finished and nothing left.
  bool drained() const ABSL_LOCKS_EXCLUDED(mutex_);

  PcmStreamStats stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  SampleRing ring_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  PcmStreamStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace p2pd::media
