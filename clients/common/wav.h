// Speech files on the client's side: any rate and number of channels in, 48 kHz mono 16 bits out,
// as the API's audio streams want it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace p2pd::clients {

inline constexpr int kSampleRate = 48000;
// 30 minutes of voice; a longer file is refused rather than read into memory.
inline constexpr size_t kMaxSamples = size_t{30} * 60 * kSampleRate;

struct WavProblem {
  std::string text;  // names the file, what is wrong, what to do
};

// All samples of the file, mixed to mono and resampled.
std::variant<std::vector<int16_t>, WavProblem> ReadWav(const std::string& path);

// Both paths name the same file, however they are written and linked.
bool SameFile(const std::string& one, const std::string& other);

// Writes a file whose header is right after every Append, so that an interrupted recording can be
// played.
//
// Rules: Create tries whether the file can be written and changes nothing in one that is there;
// Begin empties it. A file that Create made and nobody began is gone at the end.
class WavWriter {
 public:
  static std::variant<std::unique_ptr<WavWriter>, WavProblem> Create(const std::string& path);
  ~WavWriter();
  // There is something to record, from here on if only silence. Append begins by itself.
  bool Begin();
  // False when the disk is full or gone; says so once through problem().
  bool Append(const std::vector<int16_t>& samples);
  // Returns an empty text, or what went wrong.
  std::string Close();
  size_t samples() const { return samples_; }

 private:
  WavWriter() = default;
  std::string path_;
  int fd_ = -1;           // until Begin, which hands it to file_
  bool made_ = false;     // by Create
  void* file_ = nullptr;  // SNDFILE
  size_t samples_ = 0;
  std::string problem_;
};

}  // namespace p2pd::clients
