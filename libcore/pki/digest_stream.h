// SHA-1 and SHA-256 of bytes that come one after the other.
//
// SHA-1 is here for BitTorrent's pieces (BEP 3), which are named by it; nothing of ours trusts it.
// Threads: one owner at a time.
#pragma once

#include <memory>

#include "libcore/base/bytes.h"
#include "libcore/pki/hash.h"

namespace p2pd::pki {

struct Sha1Tag;
using Sha1Digest = FixedBytes<Sha1Tag, 20>;

class Sha1Stream {
 public:
  Sha1Stream();
  Sha1Stream(Sha1Stream&&) noexcept;
  Sha1Stream& operator=(Sha1Stream&&) noexcept;
  ~Sha1Stream();
  void Update(ByteView bytes);
  // Of all so far; starts anew.
  Sha1Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Sha1Digest Sha1(ByteView bytes);

}  // namespace p2pd::pki
