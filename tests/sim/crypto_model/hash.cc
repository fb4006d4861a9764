#include "libcore/pki/hash.h"

#include "libcore/base/check.h"
#include "tests/sim/crypto_model/digest.h"

namespace p2pd::pki {

using model::ModelHash;
using model::Use;

Sha256Digest Sha256(ByteView bytes) { return Sha256({bytes}); }

Sha256Digest Sha256(std::initializer_list<ByteView> parts) {
  ModelHash hash(Use::kSha256);
  for (const ByteView part : parts) hash.Add(part);
  Sha256Digest digest;
  hash.Finish(digest.mutable_view());
  return digest;
}

Sha256Digest HmacSha256(ByteView key, ByteView message) {
  Sha256Digest digest;
  ModelHash(Use::kHmac).AddSized(key).Add(message).Finish(digest.mutable_view());
  return digest;
}

SecretBytes HkdfSha256(ByteView secret, ByteView salt, ByteView info, size_t size) {
  P2PD_CHECK(size <= 255 * Sha256Digest::kSize);
  SecretBytes out{Bytes(size)};
  ModelHash(Use::kHkdf).AddSized(secret).AddSized(salt).Add(info).Finish(out.mutable_view());
  return out;
}

}  // namespace p2pd::pki
