// Replays a corpus through a fuzz target and then a bounded number of seeded mutations of it,
// without libFuzzer, so that every tree (ASan above all) runs each parser on hostile input in a
// second or so.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/base/file.h"
#include "libcore/base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMaxInput = 1 << 20;
constexpr int kMutations = 3000;

p2pd::Bytes Mutate(p2pd::Rng& rng, const std::vector<p2pd::Bytes>& corpus) {
  p2pd::Bytes input = corpus[rng.Below(corpus.size())];
  const uint64_t edits = 1 + rng.Below(8);
  for (uint64_t i = 0; i < edits; ++i) {
    const size_t at = input.empty() ? 0 : rng.Below(input.size());
    switch (rng.Below(5)) {
      case 0:
        if (!input.empty()) input[at] = static_cast<uint8_t>(rng.Next());
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<uint8_t>(input[at] ^ (1u << rng.Below(8)));
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<uint8_t>(rng.Next()));
        break;
      case 4: {
        const p2pd::Bytes& other = corpus[rng.Below(corpus.size())];
        const size_t from = other.empty() ? 0 : rng.Below(other.size());
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<p2pd::Bytes> corpus = {{}};
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      const auto content = p2pd::ReadFile(file.string(), kMaxInput);
      if (!content.ok()) {
        std::fprintf(stderr, "%s\n", content.status().ToString().c_str());
        return 1;
      }
      corpus.push_back(*content);
    }
  }
  if (corpus.size() < 2) {
    std::fprintf(stderr, "no corpus: a fuzz target needs at least one valid input to start from\n");
    return 1;
  }
  for (const p2pd::Bytes& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  p2pd::SeededRng rng(1);
  for (int i = 0; i < kMutations; ++i) {
    const p2pd::Bytes input = Mutate(rng, corpus);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu corpus files, %d mutations\n", corpus.size() - 1, kMutations);
  return 0;
}
