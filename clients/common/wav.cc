#include "clients/common/wav.h"

#include <fcntl.h>
#include <samplerate.h>
#include <sndfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace p2pd::clients {
namespace {

std::vector<float> ToMono(const std::vector<float>& interleaved, size_t channels) {
  std::vector<float> mono(interleaved.size() / channels);
  for (size_t i = 0; i < mono.size(); ++i) {
    float sum = 0;
    for (size_t c = 0; c < channels; ++c) sum += interleaved[i * channels + c];
    mono[i] = sum / static_cast<float>(channels);
  }
  return mono;
}

int16_t ToInt16(float sample) {
  return static_cast<int16_t>(std::lround(std::clamp(sample * 32768.0f, -32768.0f, 32767.0f)));
}

}  // namespace

std::variant<std::vector<int16_t>, WavProblem> ReadWav(const std::string& path) {
  SF_INFO info{};
  struct stat kind{};
  int error = stat(path.c_str(), &kind) == 0 ? 0 : errno;
  if (error == 0 && S_ISDIR(kind.st_mode)) error = EISDIR;
  if (error != 0) return WavProblem{"cannot open " + path + ": " + std::strerror(error)};
  SNDFILE* file = sf_open(path.c_str(), SFM_READ, &info);
  if (file == nullptr) {
    return WavProblem{path + " cannot be played: " + sf_strerror(nullptr) + " Give a WAV file."};
  }
  const double ratio = static_cast<double>(kSampleRate) / info.samplerate;
  if (info.frames <= 0 || info.channels <= 0 || info.channels > 16 ||
      static_cast<double>(info.frames) * ratio > static_cast<double>(kMaxSamples)) {
    sf_close(file);
    return WavProblem{path + ": holds no sound or more than 30 minutes of it"};
  }
  const auto channels = static_cast<size_t>(info.channels);
  std::vector<float> interleaved(static_cast<size_t>(info.frames) * channels);
  const sf_count_t got = sf_readf_float(file, interleaved.data(), info.frames);
  sf_close(file);
  interleaved.resize(static_cast<size_t>(std::max<sf_count_t>(got, 0)) * channels);
  std::vector<float> mono = ToMono(interleaved, channels);
  if (mono.empty()) return WavProblem{path + ": ends before its first sample"};
  std::vector<float> resampled = mono;
  // A resampler of ratio 1 still filters: what has our rate already is taken as it is.
  if (info.samplerate != kSampleRate) {
    const double length = static_cast<double>(mono.size()) * ratio;
    resampled.assign(static_cast<size_t>(std::ceil(length)) + 1, 0);
    SRC_DATA data{};
    data.data_in = mono.data();
    data.input_frames = static_cast<long>(mono.size());
    data.data_out = resampled.data();
    data.output_frames = static_cast<long>(resampled.size());
    data.src_ratio = ratio;
    const int failed = src_simple(&data, SRC_SINC_MEDIUM_QUALITY, 1);
    if (failed != 0) return WavProblem{path + ": cannot be resampled: " + src_strerror(failed)};
    resampled.resize(static_cast<size_t>(data.output_frames_gen));
  }
  std::vector<int16_t> samples(resampled.size());
  std::transform(resampled.begin(), resampled.end(), samples.begin(), ToInt16);
  return samples;
}

bool SameFile(const std::string& one, const std::string& other) {
  struct stat first{};
  struct stat second{};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::variant<std::unique_ptr<WavWriter>, WavProblem> WavWriter::Create(const std::string& path) {
  auto writer = std::unique_ptr<WavWriter>(new WavWriter());
  writer->path_ = path;
  // A pipe that nobody reads must not hold the call up: ENXIO.
  writer->fd_ = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (writer->fd_ < 0 && errno == ENOENT) {
    writer->fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    writer->made_ = writer->fd_ >= 0;
  }
  if (writer->fd_ < 0) {
    return WavProblem{"cannot write " + path + ": " + std::strerror(errno) +
                      ": name another file to record to"};
  }
  return writer;
}

WavWriter::~WavWriter() { Close(); }

bool WavWriter::Begin() {
  if (file_ != nullptr) return true;
  if (fd_ < 0) return false;
  SF_INFO info{};
  info.samplerate = kSampleRate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  // A device has no length to cut: EINVAL.
  if (ftruncate(fd_, 0) != 0 && errno != EINVAL) {
    problem_ = "cannot write " + path_ + ": " + std::strerror(errno);
    return false;
  }
  fcntl(fd_, F_SETFL, 0);
  SNDFILE* file = sf_open_fd(std::exchange(fd_, -1), SFM_WRITE, &info, SF_TRUE);
  if (file == nullptr) {
    problem_ = "cannot write " + path_ + ": " + sf_strerror(nullptr);
    return false;
  }
  sf_command(file, SFC_SET_UPDATE_HEADER_AUTO, nullptr, SF_TRUE);
  file_ = file;
  return true;
}

bool WavWriter::Append(const std::vector<int16_t>& samples) {
  if (!Begin()) return false;
  const auto count = static_cast<sf_count_t>(samples.size());
  auto* file = static_cast<SNDFILE*>(file_);
  if (sf_write_short(file, samples.data(), count) != count) {
    problem_ = "cannot write " + path_ + ": " + sf_strerror(file);
    return false;
  }
  samples_ += samples.size();
  return true;
}

std::string WavWriter::Close() {
  if (file_ != nullptr && sf_close(static_cast<SNDFILE*>(file_)) != 0 && problem_.empty()) {
    problem_ = "cannot finish " + path_;
  }
  file_ = nullptr;
  if (fd_ < 0) return problem_;
  struct stat ours{};
  struct stat named{};
  if (made_ && fstat(fd_, &ours) == 0 && lstat(path_.c_str(), &named) == 0 && ours.st_size == 0 &&
      ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
    unlink(path_.c_str());
  }
  close(std::exchange(fd_, -1));
  return problem_;
}

}  // namespace p2pd::clients
