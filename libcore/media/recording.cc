#include "libcore/media/recording.h"

#include <fcntl.h>
#include <sndfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"

namespace p2pd::media {
namespace {

// How far one side may be behind the other before it counts as silent.
constexpr size_t kSlack = 10 * kFrameSamples;
constexpr int kChannels = 2;

}  // namespace

RecordingTap::RecordingTap()
    : source_(*this), sink_(*this), left_(kTapSamples), right_(kTapSamples) {}

void RecordingTap::SetInner(AudioSource* source, AudioSink* sink, bool muted) {
  plays_ = source;
  hears_ = sink;
  muted_ = muted;
}

void RecordingTap::Keep(SampleRing& side, absl::Span<const int16_t> samples) {
  if (!closed_) lost_ += samples.size() - side.Push(samples);
}

bool RecordingTap::Source::Read(Frame& out) {
  const bool more = tap_.plays_ == nullptr || tap_.plays_->Read(out);
  const bool silent = tap_.plays_ == nullptr || !more;
  if (silent) out = kSilentFrame;
  const MutexLock lock(&tap_.mutex_);
  tap_.Keep(tap_.left_, silent || tap_.muted_ ? kSilentFrame : out);
  return more;
}

void RecordingTap::Sink::Write(absl::Span<const int16_t> samples) {
  if (tap_.hears_ != nullptr) tap_.hears_->Write(samples);
  const MutexLock lock(&tap_.mutex_);
  tap_.Keep(tap_.right_, samples);
}

void RecordingTap::Sink::Finish() {
  if (tap_.hears_ != nullptr) tap_.hears_->Finish();
}

void RecordingTap::Close() {
  const MutexLock lock(&mutex_);
  closed_ = true;
}

size_t RecordingTap::Take(absl::Span<int16_t> out) {
  const MutexLock lock(&mutex_);
  const size_t least = std::min(left_.size(), right_.size());
  const size_t most = std::max(left_.size(), right_.size());
  size_t frames = least;
  if (closed_) {
    frames = most;
  } else if (most > least + kSlack) {
    frames = most - kSlack / 2;
  }
  frames = std::min(frames, out.size() / kChannels);
  int16_t sample = 0;
  for (size_t i = 0; i < frames; ++i) {
    for (size_t side = 0; side < kChannels; ++side) {
      SampleRing& ring = side == 0 ? left_ : right_;
      out[i * kChannels + side] = ring.Pop(absl::MakeSpan(&sample, 1)) == 1 ? sample : int16_t{0};
    }
  }
  return frames;
}

bool RecordingTap::drained() const {
  const MutexLock lock(&mutex_);
  return closed_ && left_.size() == 0 && right_.size() == 0;
}

uint64_t RecordingTap::lost_samples() const {
  const MutexLock lock(&mutex_);
  return lost_;
}

class RecordingFile::Impl {
 public:
  Impl(SNDFILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  ~Impl() { Close().IgnoreError(); }

  absl::Status Write(absl::Span<const int16_t> frames) {
    if (!status_.ok()) return status_;
    const auto count = static_cast<sf_count_t>(frames.size() / kChannels);
    written_ += count;
    if (SamplesToDuration(written_) > kMaxRecording) {
      status_ = absl::ResourceExhaustedError("a recording has six hours at most");
    } else if (errno = 0; sf_writef_short(file_, frames.data(), count) != count) {
      status_ = Failed();
    }
    return status_;
  }

  absl::Status Close() {
    if (file_ == nullptr) return status_;
    errno = 0;
    if (sf_close(std::exchange(file_, nullptr)) != 0 && status_.ok()) status_ = Failed();
    return status_;
  }

 private:
  absl::Status Failed() const {
    if (errno != 0) return FileError(errno, "record to", path_);
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot record to ", path_, ": the disk takes no more"));
  }
  SNDFILE* file_;
  std::string path_;
  sf_count_t written_ = 0;
  absl::Status status_;
};

RecordingFile::RecordingFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecordingFile::~RecordingFile() = default;

absl::StatusOr<std::unique_ptr<RecordingFile>> RecordingFile::Create(const std::string& path,
                                                                     RecordingFormat format) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError(errno, "record to", path);
  SF_INFO info{};
  info.samplerate = kSampleRate;
  info.channels = kChannels;
  info.format = format == RecordingFormat::kWav ? SF_FORMAT_WAV | SF_FORMAT_PCM_16
                                                : SF_FORMAT_OGG | SF_FORMAT_OPUS;
  SNDFILE* const file = sf_open_fd(descriptor, SFM_WRITE, &info, SF_TRUE);
  if (file == nullptr) {
    // libsndfile closes what it was given in any case.
    return absl::InternalError(absl::StrCat("cannot record to ", path, ": ", sf_strerror(nullptr)));
  }
  sf_command(file, SFC_SET_UPDATE_HEADER_AUTO, nullptr, SF_TRUE);
  return std::unique_ptr<RecordingFile>(new RecordingFile(std::make_unique<Impl>(file, path)));
}

absl::Status RecordingFile::Write(absl::Span<const int16_t> frames) { return impl_->Write(frames); }
absl::Status RecordingFile::Close() { return impl_->Close(); }

}  // namespace p2pd::media
