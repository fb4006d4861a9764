// AES in counter mode (NIST SP 800-38A §6.5) as a keystream: what RFC 3711 derives SRTP session
// keys with. It authenticates nothing; whatever travels goes through Aead.
#pragma once

#include <array>
#include <cstdint>

#include "libcore/base/bytes.h"

namespace p2pd::pki {

// `size` bytes of keystream under `key` (16 or 32 bytes) from the initial counter block on.
SecretBytes AesCtrKeystream(ByteView key, const std::array<uint8_t, 16>& counter, size_t size);

}  // namespace p2pd::pki
