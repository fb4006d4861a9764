// The safety phrase: words that two people read to each other to hear that nobody sits between
// them. One word a byte of the transcript's hash, so four words are 32 bits: somebody in the
// middle, who has one try a call, is unheard once in four thousand million. Threads: any.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

namespace p2pd::session {

absl::string_view SafetyWord(uint8_t byte);
// The words of `bytes` with a space between.
std::string SafetyPhrase(ByteView bytes);

}  // namespace p2pd::session
