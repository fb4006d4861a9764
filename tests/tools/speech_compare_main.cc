// p2pd-speech-compare SAID.wav HEARD.wav [--min X] [--max X] [--min-coverage X] [--delays]
//
// Prints one line of JSON: how intelligible SAID still is in HEARD (ESTOI, 0..1), the delay between
// the recordings, and how much was judged; with --delays also the delay over time, as pairs of
// seconds in SAID and milliseconds. Exit codes: 0 all thresholds hold, 1 one does not or
// there is too little speech in common to tell, 2 usage or an unreadable file.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libcore/media/audio.h"
#include "libcore/media/wav_file.h"
#include "tests/tools/speech_comparison.h"

namespace p2pd::tools {
namespace {

constexpr int kUsage = 2;

struct Arguments {
  std::vector<std::string> files;
  std::optional<double> min;
  std::optional<double> max;
  std::optional<double> min_coverage;
  bool delays = false;
};

std::optional<Arguments> ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      arguments.files.push_back(word);
      continue;
    }
    if (word == "--delays") {
      arguments.delays = true;
      continue;
    }
    std::optional<double>* option = nullptr;
    if (word == "--min") option = &arguments.min;
    if (word == "--max") option = &arguments.max;
    if (word == "--min-coverage") option = &arguments.min_coverage;
    double value = 0.0;
    if (option == nullptr || i + 1 >= argc || !absl::SimpleAtod(argv[i + 1], &value)) {
      return std::nullopt;
    }
    *option = value;
    ++i;
  }
  if (arguments.files.size() != 2) return std::nullopt;
  return arguments;
}

// [[seconds, ms], ...]
std::string DelayList(const SpeechComparison& result) {
  const auto pair = [](std::string* out, const DelayAt& at) {
    absl::StrAppendFormat(out, "[%.1f, %.1f]", at.seconds, at.delay_ms);
  };
  return absl::StrCat("[", absl::StrJoin(result.delays, ", ", pair), "]");
}

int Main(int argc, char** argv) {
  const auto arguments = ParseArguments(argc, argv);
  if (!arguments) {
    std::fprintf(stderr,
                 "usage: p2pd-speech-compare SAID.wav HEARD.wav [--min ESTOI] [--max ESTOI] "
                 "[--min-coverage SHARE] [--delays]\n");
    return kUsage;
  }
  std::vector<std::vector<int16_t>> sounds;
  for (const std::string& file : arguments->files) {
    auto samples = media::ReadWav(file);
    if (!samples.ok()) {
      std::fprintf(stderr, "p2pd-speech-compare: %s\n",
                   std::string(samples.status().message()).c_str());
      return kUsage;
    }
    sounds.push_back(*std::move(samples));
  }
  const SpeechComparison result = CompareSpeech(sounds[0], sounds[1]);
  const bool passed = result.judged && (!arguments->min || result.estoi >= *arguments->min) &&
                      (!arguments->max || result.estoi < *arguments->max) &&
                      (!arguments->min_coverage || result.coverage >= *arguments->min_coverage);
  std::printf(
      "%s\n",
      absl::StrFormat(
          "{\"estoi\": %.4f, \"worst\": %.4f, \"delay_ms\": %.1f, \"delay_min_ms\": %.1f, "
          "\"delay_max_ms\": %.1f, \"coverage\": %.4f, \"speech_seconds\": %.2f, "
          "\"said_seconds\": %.2f, \"heard_seconds\": %.2f, \"judged\": %s, \"passed\": %s%s}",
          result.estoi, result.worst, result.delay_ms, result.delay_min_ms, result.delay_max_ms,
          result.coverage, result.speech_seconds,
          static_cast<double>(sounds[0].size()) / media::kSampleRate,
          static_cast<double>(sounds[1].size()) / media::kSampleRate,
          result.judged ? "true" : "false", passed ? "true" : "false",
          arguments->delays ? absl::StrCat(", \"delays\": ", DelayList(result)) : "")
          .c_str());
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace p2pd::tools

int main(int argc, char** argv) { return p2pd::tools::Main(argc, argv); }
