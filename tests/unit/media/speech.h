// Speech for tests: real recordings of Debian's pocketsphinx-testdata where installed, else a
// signal with speech's pitch, formants, syllables and pauses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace p2pd::media {

// Two people: Jane reads, John plays cards. About `seconds` at 48 kHz mono.
enum class Speaker { kReader, kPlayer };
std::vector<int16_t> Speech(Speaker speaker, int seconds);

// The made one, whatever is installed; different seeds give different words.
std::vector<int16_t> MadeSpeech(uint64_t seed, int seconds);

}  // namespace p2pd::media
