// Ed25519 signatures (RFC 8032) of nodes, devices and environments.
#pragma once

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"

namespace p2pd::pki {

struct Ed25519PublicTag;
using Ed25519Public = FixedBytes<Ed25519PublicTag, 32>;
struct Ed25519SignatureTag;
using Ed25519Signature = FixedBytes<Ed25519SignatureTag, 64>;

class Ed25519Key {
 public:
  static Ed25519Key Generate(Rng& rng);
  // `seed` has 32 bytes (RFC 8032 §5.1.5).
  static Ed25519Key FromSeed(ByteView seed);

  const Ed25519Public& public_key() const { return public_; }
  ByteView seed() const { return seed_.view(); }
  Ed25519Signature Sign(ByteView message) const;
  Ed25519Key Clone() const { return FromSeed(seed()); }

 private:
  Ed25519Key() = default;
  SecretBytes seed_;
  Ed25519Public public_;
};

bool Ed25519Verify(const Ed25519Public& key, ByteView message, ByteView signature);

}  // namespace p2pd::pki
