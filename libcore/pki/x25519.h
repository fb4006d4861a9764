// X25519 key agreement (RFC 7748).
#pragma once

#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/pki/ed25519.h"

namespace p2pd::pki {

struct X25519PublicTag;
using X25519Public = FixedBytes<X25519PublicTag, 32>;

class X25519Key {
 public:
  static X25519Key Generate(Rng& rng) { return FromSecret(rng.MakeSecret(32).view()); }
  // `secret` has 32 bytes.
  static X25519Key FromSecret(ByteView secret);

  const X25519Public& public_key() const { return public_; }
  ByteView secret() const { return secret_.view(); }
  // nullopt when the shared secret is all zero (RFC 7748 §6.1): the peer sent a point of small
  // order.
  std::optional<SecretBytes> Agree(const X25519Public& peer) const;
  X25519Key Clone() const;

 private:
  X25519Key() = default;
  SecretBytes secret_;
  PkeyHandle pkey_;
  X25519Public public_;
};

}  // namespace p2pd::pki
