// From a hello, an ack and the X25519 secret to the keys of a session.
//
//   H  = SHA-256("p2pd hello transcript 1" ‖ SHA-256(body) ‖ SHA-256(signature))     of the hello
//   K₀ = HKDF(secret, salt = SHA-256("p2pd ack key 1" ‖ H ‖ callee's ephemeral))     seals the ack
//   T  = SHA-256("p2pd session 1" ‖ H ‖ callee's ephemeral ‖ SHA-256(body) ‖ SHA-256(signature))
//   K  = HKDF(secret, salt = T, info = one label a key)
//
// H holds what only the two ends know (the hello travels sealed), so who can make or open K₀ has
// opened the hello. T binds both identities, both devices and all that was negotiated. Sources:
// SIGMA (Krawczyk 2003), RFC 5869, RFC 8446 §7. Threads: any.
#pragma once

#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/pki/aead.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/x25519.h"

namespace p2pd::session {

pki::Sha256Digest HelloDigest(ByteView body, ByteView signature);
pki::Sha256Digest Transcript(const pki::Sha256Digest& hello, const pki::X25519Public& callee,
                             ByteView ack_body, ByteView ack_signature);

struct TrafficKey {
  SecretBytes key;  // AES-256
  pki::AeadNonce iv;
};

TrafficKey AckKey(ByteView secret, const pki::Sha256Digest& hello, const pki::X25519Public& callee);

struct SessionKeys {
  TrafficKey caller;  // what the caller sends
  TrafficKey callee;
  SecretBytes confirm;
  SecretBytes exporter;
  SecretBytes safety;  // 4 bytes, for the safety phrase
};
SessionKeys DeriveKeys(ByteView secret, const pki::Sha256Digest& transcript);

// HMAC of the transcript: in the ack it shows that the callee has the keys.
pki::Sha256Digest ConfirmMac(const SessionKeys& keys, const pki::Sha256Digest& transcript);
// At most 8,160 bytes.
SecretBytes Export(const SecretBytes& exporter, absl::string_view label, size_t size);

}  // namespace p2pd::session
