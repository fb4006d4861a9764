#include "libcore/media/pcm_stream.h"

#include <algorithm>

namespace p2pd::media {
namespace {

// What waits before a file starts to play: two frames cover the usual jitter of a local gRPC
// stream.
constexpr size_t kFirstReserve = 2 * kFrameSamples;
// And before a microphone does: a frame and 5 ms, since every sample more is delay.
constexpr size_t kLiveReserve = kFrameSamples + 240;
// Beyond 200 ms people talk into each other (G.114), so the reserve grows no further.
constexpr size_t kMaxReserve = 10 * kFrameSamples;
// What an underrun adds to a file's reserve, which stays; and to a microphone's, from which a quiet
// window takes half a step again.
constexpr size_t kReserveStep = kFrameSamples;
constexpr size_t kLiveReserveStep = 240;
// Frames (1 s) over which the least level is taken before the reserve shrinks or a surplus goes.
constexpr int kWindowFrames = 50;

}  // namespace

size_t SampleRing::Push(absl::Span<const int16_t> samples) {
  const size_t count = std::min(samples.size(), space());
  size_t at = (first_ + size_) % samples_.size();
  for (size_t i = 0; i < count; ++i) {
    samples_[at] = samples[i];
    if (++at == samples_.size()) at = 0;
  }
  size_ += count;
  return count;
}

size_t SampleRing::Pop(absl::Span<int16_t> out) {
  const size_t count = std::min(out.size(), size_);
  for (size_t i = 0; i < count; ++i) {
    out[i] = samples_[first_];
    if (++first_ == samples_.size()) first_ = 0;
  }
  size_ -= count;
  return count;
}

void SampleRing::Drop(size_t count) {
  count = std::min(count, size_);
  first_ = (first_ + count) % samples_.size();
  size_ -= count;
}

PcmStreamSource::PcmStreamSource(Pace pace)
    : pace_(pace),
      ring_(kPcmRingSamples),
      reserve_(pace == Pace::kLive ? kLiveReserve : kFirstReserve) {}

size_t PcmStreamSource::Push(absl::Span<const int16_t> samples) {
  const MutexLock lock(&mutex_);
  if (closed_) return 0;
  size_t taken = samples.size();
  if (pace_ == Pace::kLive) {
    if (samples.size() > kPcmRingSamples) {
      stats_.overrun_samples += samples.size() - kPcmRingSamples;
      samples = samples.last(kPcmRingSamples);
    }
    if (samples.size() > ring_.space()) {
      const size_t surplus = samples.size() - ring_.space();
      stats_.overrun_samples += surplus;
      ring_.Drop(surplus);
    }
    ring_.Push(samples);
  } else {
    taken = ring_.Push(samples);
  }
  stats_.samples_in += taken;
  return taken;
}

size_t PcmStreamSource::space() const {
  const MutexLock lock(&mutex_);
  return closed_ ? 0 : ring_.space();
}

void PcmStreamSource::Close() {
  const MutexLock lock(&mutex_);
  closed_ = true;
}

bool PcmStreamSource::Read(Frame& out) {
  const MutexLock lock(&mutex_);
  out.fill(0);
  if (closed_ && ring_.size() == 0) return false;
  if (!playing_ && (closed_ || ring_.size() >= reserve_)) {
    playing_ = true;
    if (pace_ == Pace::kLive && !closed_) {
      // What came before anybody listened, or in one burst after a gap.
      stats_.overrun_samples += ring_.size() - reserve_;
      ring_.Drop(ring_.size() - reserve_);
    }
    window_low_ = ring_.size();
    window_frames_ = 0;
  }
  if (!playing_) return true;
  if (ring_.size() < kFrameSamples && !closed_) {
    // What is there waits for the rest: half a frame of voice and half of silence would click
    // twice.
    ++stats_.underruns;
    playing_ = false;
    reserve_ =
        std::min(reserve_ + (pace_ == Pace::kLive ? kLiveReserveStep : kReserveStep), kMaxReserve);
    return true;
  }
  stats_.samples_out += ring_.Pop(absl::MakeSpan(out));
  window_low_ = std::min(window_low_, ring_.size());
  if (++window_frames_ >= kWindowFrames) {
    if (pace_ == Pace::kLive) Trim();
    window_low_ = ring_.size();
    window_frames_ = 0;
  }
  return true;
}

// After a quiet window: what was never touched is delay for nothing, and goes at once, since one
// seam is better than a conversation that lags.
void PcmStreamSource::Trim() {
  // Chunks of up to a pull come and go; the reserve counts the frame that is read.
  const size_t most = reserve_ - kFrameSamples + kPullSamples;
  if (window_low_ > most) {
    const size_t surplus = window_low_ - most;
    ring_.Drop(surplus);
    stats_.overrun_samples += surplus;
  } else if (window_low_ > 0 && reserve_ > kLiveReserve) {
    reserve_ -= kLiveReserveStep / 2;
  }
}

PcmStreamStats PcmStreamSource::stats() const {
  const MutexLock lock(&mutex_);
  PcmStreamStats stats = stats_;
  stats.level_samples = ring_.size();
  stats.reserve_samples = reserve_;
  return stats;
}

PcmStreamSink::PcmStreamSink() : ring_(kPcmRingSamples) {}

void PcmStreamSink::Write(absl::Span<const int16_t> samples) {
  const MutexLock lock(&mutex_);
  if (finished_) return;
  if (ring_.space() < samples.size()) {
    stats_.overrun_samples += samples.size() - ring_.space();
    ring_.Drop(samples.size() - ring_.space());
  }
  stats_.samples_in += ring_.Push(samples);
}

void PcmStreamSink::Finish() {
  const MutexLock lock(&mutex_);
  finished_ = true;
}

size_t PcmStreamSink::Pop(absl::Span<int16_t> out) {
  const MutexLock lock(&mutex_);
  const size_t count = ring_.Pop(out);
  stats_.samples_out += count;
  return count;
}

bool PcmStreamSink::Wait(size_t samples, absl::Duration patience) {
  const MutexLock lock(&mutex_);
  const auto ready = [this, samples]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return finished_ || ring_.size() >= samples;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&ready), patience);
}

bool PcmStreamSink::drained() const {
  const MutexLock lock(&mutex_);
  return finished_ && ring_.size() == 0;
}

PcmStreamStats PcmStreamSink::stats() const {
  const MutexLock lock(&mutex_);
  PcmStreamStats stats = stats_;
  stats.level_samples = ring_.size();
  return stats;
}

}  // namespace p2pd::media
