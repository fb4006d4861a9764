// Recording: both ends of a call side by side in one file, left what is sent and right what is
// heard. RecordingTap stands between a call and what it plays and hears; RecordingFile writes.
//
// Rules: the media thread never waits for a disk: it fills rings, and whoever writes takes them a
// few times a second. Where one end gives nothing (it is held) its side is silent, so that the two
// stay beside each other. What a muted end says is not recorded. A file is playable whenever the
// process dies: a WAV's header follows what is written, Ogg has pages. Threads: the media thread
// and one that writes; Mutex, held for a copy. Limits: kTapSamples wait on each side, and what is
// more is lost, counted; kMaxRecording.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libcore/base/mutex.h"
#include "libcore/media/audio.h"
#include "libcore/media/pcm_stream.h"

namespace p2pd::media {

// Two seconds of a disk that is busy.
inline constexpr size_t kTapSamples = 2 * kSampleRate;
// A WAV of two channels holds six hours.
inline constexpr absl::Duration kMaxRecording = absl::Hours(6);

class RecordingTap {
 public:
  RecordingTap();
  RecordingTap(const RecordingTap&) = delete;
  RecordingTap& operator=(const RecordingTap&) = delete;

  // --- the media thread ---
  // For the call in place of the inner ones, which may be null.
  AudioSource& source() { return source_; }
  AudioSink& sink() { return sink_; }
  void SetInner(AudioSource* source, AudioSink* sink, bool muted);
  // Nothing more will come.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // --- who writes ---
  // The next frames of a left and a right sample each, at most out.size() / 2; how many they are.
  size_t Take(absl::Span<int16_t> out) ABSL_LOCKS_EXCLUDED(mutex_);
  // Closed and all of it taken.
  bool drained() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t lost_samples() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Source final : public AudioSource {
   public:
    explicit Source(RecordingTap& tap) : tap_(tap) {}
    bool Read(Frame& out) override;

   private:
    RecordingTap& tap_;
  };
  class Sink final : public AudioSink {
   public:
    explicit Sink(RecordingTap& tap) : tap_(tap) {}
    void Write(absl::Span<const int16_t> samples) override;
    void Finish() override;

   private:
    RecordingTap& tap_;
  };
  void Keep(SampleRing& side, absl::Span<const int16_t> samples)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The media thread's.
  AudioSource* plays_ = nullptr;
  AudioSink* hears_ = nullptr;
  bool muted_ = false;
  Source source_;
  Sink sink_;

  mutable Mutex mutex_;
  SampleRing left_ ABSL_GUARDED_BY(mutex_);
  SampleRing right_ ABSL_GUARDED_BY(mutex_);
  uint64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

enum class RecordingFormat {
  kWav,   // 16 bit PCM, 11.5 MB a minute
  kOpus,  // Ogg (RFC 7845), about 1 MB a minute
};

// 48 kHz, two channels.
class RecordingFile {
 public:
  // A new file, mode 0600 since it holds two people's voices. AlreadyExists; errors as FileError.
  static absl::StatusOr<std::unique_ptr<RecordingFile>> Create(const std::string& path,
                                                               RecordingFormat format);
  ~RecordingFile();
  RecordingFile(const RecordingFile&) = delete;
  RecordingFile& operator=(const RecordingFile&) = delete;

  // Left and right in turn. ResourceExhausted when the disk is full or the recording too long; what
  // was written stays, and nothing more is.
  absl::Status Write(absl::Span<const int16_t> frames);
  // Writes what the encoder still has.
  absl::Status Close();

 private:
  class Impl;
  explicit RecordingFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::media
