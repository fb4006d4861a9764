#include "libcore/pki/x25519.h"

#include <algorithm>

#include "libcore/base/check.h"
#include "tests/sim/crypto_model/digest.h"

namespace p2pd::pki {

using model::ModelHash;
using model::Use;

X25519Key X25519Key::FromSecret(ByteView secret) {
  P2PD_CHECK(secret.size() == 32);
  X25519Key key;
  key.secret_ = SecretBytes(secret);
  ModelHash(Use::kX25519Public).Add(secret).Finish(key.public_.mutable_view());
  return key;
}

X25519Key X25519Key::Clone() const {
  X25519Key key;
  key.secret_ = secret_.Clone();
  key.public_ = public_;
  return key;
}

// Of the two public keys, in an order that is the same for both sides.
std::optional<SecretBytes> X25519Key::Agree(const X25519Public& peer) const {
  if (peer == X25519Public()) return std::nullopt;
  SecretBytes shared{Bytes(32)};
  ModelHash(Use::kX25519Secret)
      .Add(std::min(public_, peer).view())
      .Add(std::max(public_, peer).view())
      .Finish(shared.mutable_view());
  return shared;
}

}  // namespace p2pd::pki
