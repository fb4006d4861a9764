#include "libcore/pki/ed25519.h"

#include "libcore/base/check.h"
#include "tests/sim/crypto_model/digest.h"

namespace p2pd::pki {
namespace {

using model::ModelHash;
using model::Use;

Ed25519Signature SignatureOf(const Ed25519Public& key, ByteView message) {
  Ed25519Signature signature;
  ModelHash(Use::kEd25519Signature).Add(key.view()).Add(message).Finish(signature.mutable_view());
  return signature;
}

}  // namespace

// No key of the model has an OpenSSL half.
void PkeyFreer::operator()(evp_pkey_st* pkey) const { P2PD_CHECK(pkey == nullptr); }

Ed25519Key Ed25519Key::FromSeed(ByteView seed) {
  P2PD_CHECK(seed.size() == 32);
  Ed25519Key key;
  key.seed_ = SecretBytes(seed);
  ModelHash(Use::kEd25519Public).Add(seed).Finish(key.public_.mutable_view());
  return key;
}

Ed25519Key Ed25519Key::Clone() const {
  Ed25519Key key;
  key.seed_ = seed_.Clone();
  key.public_ = public_;
  return key;
}

Ed25519Signature Ed25519Key::Sign(ByteView message) const { return SignatureOf(public_, message); }

bool Ed25519Verify(const Ed25519Public& key, ByteView message, ByteView signature) {
  return signature == SignatureOf(key, message).view();
}

}  // namespace p2pd::pki
