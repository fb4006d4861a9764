// Sealing to an X25519 key without an answer: ephemeral public key ‖ AES-256-GCM under HKDF-SHA256
// of the shared secret (salt: both public keys; info: the caller's label). The shape of HPKE's base
// mode (RFC 9180) with fixed algorithms. The sender stays anonymous; whoever needs an author signs
// inside.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/pki/x25519.h"

namespace p2pd::pki {

// Sealed bytes are longer by this: 32 of key, 16 of tag.
inline constexpr size_t kSealedBoxOverhead = 48;

// `label` separates uses; `aad` is authenticated, not hidden. nullopt if `to` is a point of small
// order.
std::optional<Bytes> SealTo(const X25519Public& to, absl::string_view label, ByteView aad,
                            ByteView plaintext, Rng& rng);
std::optional<Bytes> OpenSealed(const X25519Key& key, absl::string_view label, ByteView aad,
                                ByteView sealed);

}  // namespace p2pd::pki
