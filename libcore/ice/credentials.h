// Credentials: the user fragments and passwords by which the two ends of a session know each
// other's checks (RFC 8445 §5.3). They are never sent: both sides derive them from the session's
// keys, each generation of its own, so that a restart needs no word and two at once no arbiter.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

#include "libcore/base/bytes.h"

namespace p2pd::ice {

// Who dialled, and who was.
enum class Side { kCaller, kCallee };

struct Credentials {
  std::string fragment;  // 12 characters, 48 bits
  SecretBytes password;  // 32 characters, 128 bits
};

// `secret` is the session's, of at least 16 bytes.
Credentials DeriveCredentials(ByteView secret, Side side, uint32_t generation);

}  // namespace p2pd::ice
