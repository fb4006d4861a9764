// SHA-1, for what BitTorrent names and checks by it (BEP 3), and HMAC-SHA1, which STUN's
// MESSAGE-INTEGRITY is (RFC 8489 §14.5); nothing else of ours rests on it.
#pragma once

#include <memory>

#include "libcore/base/bytes.h"

namespace p2pd::pki {

struct Sha1Tag;
using Sha1Digest = FixedBytes<Sha1Tag, 20>;

Sha1Digest Sha1(ByteView bytes);
// RFC 2104.
Sha1Digest HmacSha1(ByteView key, ByteView message);

// The same for bytes that come one after the other.
class Sha1Hasher {
 public:
  Sha1Hasher();
  ~Sha1Hasher();
  Sha1Hasher(Sha1Hasher&&) noexcept;
  Sha1Hasher& operator=(Sha1Hasher&&) noexcept;

  void Add(ByteView bytes);
  // And begins anew.
  Sha1Digest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::pki
