// Text of strangers on a terminal: what a tracker, a torrent, a peer or a certificate says could
// hold control sequences that move the cursor, rename the window or turn the line round.
// Threads: any. Sources: ECMA-48 §5 (C0, C1); Unicode 15, UAX 9 (bidirectional controls).
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace p2pd::clients {

// One line of valid UTF-8: line ends and tabs are blanks; other control characters, those that
// change the direction of text, and bytes that are no UTF-8 are written as \xNN, byte by byte.
std::string Harmless(absl::string_view text);

}  // namespace p2pd::clients
