// Lower-case hexadecimal, as ids and fingerprints are shown and typed.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

namespace p2pd {

std::string Hex(ByteView bytes);
// Accepts upper and lower case; nullopt on odd length or another character.
std::optional<Bytes> FromHex(absl::string_view text);

}  // namespace p2pd
