#include "libcore/media/wav_file.h"

#include <fcntl.h>
#include <sndfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libcore/base/check.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"
#include "libcore/media/resampler.h"

namespace p2pd::media {
namespace {

// Frames that libsndfile converts at once.
constexpr size_t kReadFrames = 4'096;
// Bytes after which a recording's header is written again: half a second.
constexpr uint32_t kHeaderInterval = kSampleRate * 2 / 2;
constexpr uint32_t kMaxDataBytes = std::numeric_limits<uint32_t>::max() - kWavHeaderSize;

// libsndfile's view of a file in memory. It seeks and reads; positions are checked here.
struct MemoryFile {
  ByteView bytes;
  size_t position = 0;
};

sf_count_t FileLength(void* user) {
  return static_cast<sf_count_t>(static_cast<MemoryFile*>(user)->bytes.size());
}
sf_count_t FileSeek(sf_count_t offset, int whence, void* user) {
  auto* file = static_cast<MemoryFile*>(user);
  const auto size = static_cast<sf_count_t>(file->bytes.size());
  sf_count_t base = 0;
  if (whence == SEEK_CUR) base = static_cast<sf_count_t>(file->position);
  if (whence == SEEK_END) base = size;
  if (offset < -base || offset > size - base) return -1;
  file->position = static_cast<size_t>(base + offset);
  return base + offset;
}
sf_count_t FileRead(void* out, sf_count_t count, void* user) {
  auto* file = static_cast<MemoryFile*>(user);
  if (count <= 0) return 0;
  const size_t n = std::min(static_cast<size_t>(count), file->bytes.size() - file->position);
  std::memcpy(out, file->bytes.data() + file->position, n);
  file->position += n;
  return static_cast<sf_count_t>(n);
}
sf_count_t FileWrite(const void*, sf_count_t, void*) { return 0; }
sf_count_t FileTell(void* user) {
  return static_cast<sf_count_t>(static_cast<MemoryFile*>(user)->position);
}

struct SndfileCloser {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using Sndfile = std::unique_ptr<SNDFILE, SndfileCloser>;

bool LooksLikeWav(ByteView file) {
  if (file.size() < 12) return false;
  const absl::string_view riff = AsText(file.subspan(0, 4));
  return (riff == "RIFF" || riff == "RF64") && AsText(file.subspan(8, 4)) == "WAVE";
}

// Formats and encodings that are plain samples.
bool IsWanted(int format) {
  const int container = format & SF_FORMAT_TYPEMASK;
  if (container != SF_FORMAT_WAV && container != SF_FORMAT_WAVEX && container != SF_FORMAT_RF64) {
    return false;
  }
  const int encoding = format & SF_FORMAT_SUBMASK;
  for (const int wanted : {SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_PCM_32,
                           SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE, SF_FORMAT_ULAW, SF_FORMAT_ALAW}) {
    if (encoding == wanted) return true;
  }
  return false;
}

int16_t ToSample(double value) {
  // A float file may hold anything, NaN too.
  if (!(std::abs(value) < 1e9)) return 0;
  return static_cast<int16_t>(std::clamp(std::lrint(value * 32'768.0), -32'768L, 32'767L));
}

// All frames as mono at the file's own rate.
absl::StatusOr<std::vector<int16_t>> ReadMono(SNDFILE* file, const SF_INFO& info) {
  const auto channels = static_cast<size_t>(info.channels);
  const int64_t limit = absl::ToInt64Seconds(kMaxWavDuration) * info.samplerate;
  std::vector<int16_t> mono;
  mono.reserve(static_cast<size_t>(std::clamp<int64_t>(info.frames, 0, limit)));
  std::vector<float> block(kReadFrames * channels);
  for (;;) {
    const sf_count_t got = sf_readf_float(file, block.data(), kReadFrames);
    if (got <= 0) return mono;
    for (size_t i = 0; i < static_cast<size_t>(got); ++i) {
      double sum = 0.0;
      for (size_t c = 0; c < channels; ++c) sum += double{block[i * channels + c]};
      mono.push_back(ToSample(sum / static_cast<double>(channels)));
    }
    if (static_cast<int64_t>(mono.size()) > limit) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "longer than ", absl::FormatDuration(kMaxWavDuration), ", the most that is played"));
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<int16_t>> DecodeWav(ByteView file) {
  if (file.size() > kMaxWavBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kMaxWavBytes >> 20, " MiB, the most that is read"));
  }
  if (!LooksLikeWav(file))
    return absl::InvalidArgumentError("not a WAV file (no RIFF/WAVE header)");
  MemoryFile memory{file, 0};
  SF_VIRTUAL_IO io{FileLength, FileSeek, FileRead, FileWrite, FileTell};
  SF_INFO info{};
  const Sndfile opened(sf_open_virtual(&io, SFM_READ, &info, &memory));
  if (opened == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("damaged WAV file: ", sf_strerror(nullptr)));
  }
  if (!IsWanted(info.format)) {
    return absl::InvalidArgumentError(
        "a WAV file, but neither PCM, float, A-law nor mu-law; convert it to PCM first");
  }
  if (info.channels < 1 || info.channels > kMaxWavChannels) {
    return absl::InvalidArgumentError(
        absl::StrCat(info.channels, " channels; 1 to ", kMaxWavChannels, " are read"));
  }
  if (info.samplerate < kMinFileRate || info.samplerate > kMaxFileRate) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sample rate ", info.samplerate, " Hz; ", kMinFileRate, " to ", kMaxFileRate, " are read"));
  }
  P2PD_ASSIGN_OR_RETURN(const std::vector<int16_t> mono, ReadMono(opened.get(), info));
  if (mono.empty()) return absl::InvalidArgumentError("a WAV file without samples");
  return Resample(mono, info.samplerate, kSampleRate);
}

absl::StatusOr<std::vector<int16_t>> ReadWav(const std::string& path) {
  P2PD_ASSIGN_OR_RETURN(const Bytes file, ReadFile(path, kMaxWavBytes));
  auto samples = DecodeWav(file);
  if (samples.ok()) return samples;
  return absl::Status(samples.status().code(),
                      absl::StrCat(path, ": ", samples.status().message()));
}

Bytes WavHeader(uint32_t data_bytes) {
  Bytes header;
  header.reserve(kWavHeaderSize);
  const auto little = [&header](uint32_t value, int size) {
    for (int i = 0; i < size; ++i) header.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  const auto text = [&header](absl::string_view four) { Append(header, AsBytes(four)); };
  data_bytes = std::min(data_bytes, kMaxDataBytes);
  text("RIFF");
  little(data_bytes + kWavHeaderSize - 8, 4);
  text("WAVEfmt ");
  little(16, 4);               // size of the format chunk
  little(1, 2);                // PCM
  little(1, 2);                // channels
  little(kSampleRate, 4);      // frames a second
  little(kSampleRate * 2, 4);  // bytes a second
  little(2, 2);                // bytes a frame
  little(16, 2);               // bits a sample
  text("data");
  little(data_bytes, 4);
  return header;
}

Bytes EncodeWav(absl::Span<const int16_t> samples) {
  samples = samples.first(std::min<size_t>(samples.size(), kMaxDataBytes / 2));
  Bytes file = WavHeader(static_cast<uint32_t>(samples.size() * 2));
  file.reserve(file.size() + samples.size() * 2);
  for (const int16_t sample : samples) {
    file.push_back(static_cast<uint8_t>(sample & 0xff));
    file.push_back(static_cast<uint8_t>((sample >> 8) & 0xff));
  }
  return file;
}

absl::StatusOr<std::unique_ptr<WavWriter>> WavWriter::Create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError(errno, "record to", path);
  std::unique_ptr<WavWriter> writer(new WavWriter(descriptor, path));
  if (!writer->WriteAt(WavHeader(0), 0)) return writer->status();
  return writer;
}

WavWriter::~WavWriter() { Finish(); }

bool WavWriter::WriteAt(ByteView bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      status_ = FileError(written < 0 ? errno : EIO, "record to", path_);
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return true;
}

void WavWriter::Write(absl::Span<const int16_t> samples) {
  P2PD_CHECK(samples.size() <= kFrameSamples);
  if (descriptor_ < 0 || !status_.ok() || data_bytes_ > kMaxDataBytes - 2 * kFrameSamples) return;
  std::array<uint8_t, 2 * kFrameSamples> scratch;
  for (size_t i = 0; i < samples.size(); ++i) {
    scratch[2 * i] = static_cast<uint8_t>(samples[i] & 0xff);
    scratch[2 * i + 1] = static_cast<uint8_t>((samples[i] >> 8) & 0xff);
  }
  const ByteView bytes = absl::MakeConstSpan(scratch).first(2 * samples.size());
  if (!WriteAt(bytes, int64_t{kWavHeaderSize} + data_bytes_)) return;
  data_bytes_ += static_cast<uint32_t>(bytes.size());
  if (data_bytes_ - header_bytes_ >= kHeaderInterval) UpdateHeader();
}

void WavWriter::UpdateHeader() {
  if (WriteAt(WavHeader(data_bytes_), 0)) header_bytes_ = data_bytes_;
}

void WavWriter::Finish() {
  if (descriptor_ < 0) return;
  if (header_bytes_ != data_bytes_) UpdateHeader();
  if (close(descriptor_) != 0 && status_.ok()) {
    status_ = FileError(errno, "finish", path_);
  }
  descriptor_ = -1;
}

}  // namespace p2pd::media
