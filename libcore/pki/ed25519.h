// Ed25519 signatures (RFC 8032) of nodes, devices and environments.
#pragma once

#include <memory>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"

struct evp_pkey_st;

namespace p2pd::pki {

// OpenSSL's form of a private key. Making it computes the public half, which takes as long as a
// signature, so it is made once. OpenSSL wipes it when it goes.
struct PkeyFreer {
  void operator()(evp_pkey_st* pkey) const;
};
using PkeyHandle = std::unique_ptr<evp_pkey_st, PkeyFreer>;

struct Ed25519PublicTag;
using Ed25519Public = FixedBytes<Ed25519PublicTag, 32>;
struct Ed25519SignatureTag;
using Ed25519Signature = FixedBytes<Ed25519SignatureTag, 64>;

class Ed25519Key {
 public:
  static Ed25519Key Generate(Rng& rng) { return FromSeed(rng.MakeSecret(32).view()); }
  // `seed` has 32 bytes (RFC 8032 §5.1.5).
  static Ed25519Key FromSeed(ByteView seed);

  const Ed25519Public& public_key() const { return public_; }
  ByteView seed() const { return seed_.view(); }
  Ed25519Signature Sign(ByteView message) const;
  Ed25519Key Clone() const;

 private:
  Ed25519Key() = default;
  SecretBytes seed_;
  PkeyHandle pkey_;
  Ed25519Public public_;
};

bool Ed25519Verify(const Ed25519Public& key, ByteView message, ByteView signature);

}  // namespace p2pd::pki
