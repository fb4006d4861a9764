// SHA-256, HMAC and HKDF.
#pragma once

#include <initializer_list>

#include "libcore/base/bytes.h"

namespace p2pd::pki {

struct Sha256Tag;
using Sha256Digest = FixedBytes<Sha256Tag, 32>;

Sha256Digest Sha256(ByteView bytes);
// Of the concatenation.
Sha256Digest Sha256(std::initializer_list<ByteView> parts);
// RFC 2104.
Sha256Digest HmacSha256(ByteView key, ByteView message);
// RFC 5869 with SHA-256; size <= 8,160 bytes.
SecretBytes HkdfSha256(ByteView secret, ByteView salt, ByteView info, size_t size);

}  // namespace p2pd::pki
