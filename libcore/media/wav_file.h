// WAV in and out: any WAV becomes 48 kHz mono in memory, and calls are recorded as 48 kHz mono 16
// bit.
//
// Rules: only RIFF/WAVE (also RF64) with PCM, float, A-law or mu-law samples is read; the other
// forty formats that libsndfile knows are refused before it sees a byte, since each is a parser
// that nobody asked for. A file is read whole and bounded before a call starts, so that the media
// thread never waits for a disk. A recording is valid whenever the process dies: samples are
// written first, then the header that counts them, every half second. Threads: functions are pure;
// a WavWriter has one owner. Limits: kMaxWavBytes, kMaxWavDuration, kMaxWavChannels. Sources:
// Microsoft/IBM 'Multimedia Programming Interface and Data Specifications 1.0' (1991).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libcore/base/bytes.h"
#include "libcore/media/audio.h"

namespace p2pd::media {

// Bytes of a file that is read: ten minutes of 48 kHz stereo in 16 bits twice over.
inline constexpr size_t kMaxWavBytes = 256u << 20;
// What is longer is refused with ResourceExhausted: half an hour is 173 MB in memory.
inline constexpr absl::Duration kMaxWavDuration = absl::Minutes(30);
// More is no recording of speech.
inline constexpr int kMaxWavChannels = 32;
inline constexpr size_t kWavHeaderSize = 44;

// The samples of a WAV file's bytes as 48 kHz mono (channels averaged). InvalidArgument says what
// is wrong with it, ResourceExhausted that it is too long.
absl::StatusOr<std::vector<int16_t>> DecodeWav(ByteView file);
// The same from a path; also NotFound and PermissionDenied. Every message names the path.
absl::StatusOr<std::vector<int16_t>> ReadWav(const std::string& path);

// The header of a 48 kHz mono 16-bit WAV with `data_bytes` bytes of samples behind it.
Bytes WavHeader(uint32_t data_bytes);
// A whole WAV file, 48 kHz mono 16 bit. At most 2^32 - 45 bytes of samples (12 hours); what is
// beyond is left out.
Bytes EncodeWav(absl::Span<const int16_t> samples);

// Records to a file. An error while writing (disk full) stops the recording, not the call: status()
// tells.
class WavWriter final : public AudioSink {
 public:
  // Makes or empties the file at `path`, mode 0600 since it holds somebody's voice. Errors as
  // FileError.
  static absl::StatusOr<std::unique_ptr<WavWriter>> Create(const std::string& path);
  ~WavWriter() override;
  WavWriter(const WavWriter&) = delete;
  WavWriter& operator=(const WavWriter&) = delete;

  void Write(absl::Span<const int16_t> samples) override;
  // Writes the last header and closes.
  void Finish() override;
  const absl::Status& status() const { return status_; }
  // Bytes of samples that the file holds.
  uint32_t data_bytes() const { return data_bytes_; }

 private:
  WavWriter(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  bool WriteAt(ByteView bytes, int64_t offset);
  void UpdateHeader();

  int descriptor_;
  std::string path_;
  absl::Status status_;
  uint32_t data_bytes_ = 0;
  uint32_t header_bytes_ = 0;  // what the header on disk says
};

}  // namespace p2pd::media
