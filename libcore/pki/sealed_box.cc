#include "libcore/pki/sealed_box.h"

#include "libcore/pki/aead.h"
#include "libcore/pki/hash.h"

namespace p2pd::pki {
namespace {

constexpr size_t kKeySize = 32;

struct KeyAndNonce {
  Aead aead;
  AeadNonce nonce;
};

// Key and nonce belong to one message, since the ephemeral key does.
KeyAndNonce Derive(const SecretBytes& shared, const X25519Public& ephemeral, const X25519Public& to,
                   absl::string_view label) {
  Bytes salt = ToBytes(ephemeral.view());
  Append(salt, to.view());
  const SecretBytes material =
      HkdfSha256(shared.view(), salt, AsBytes(label), kKeySize + AeadNonce::kSize);
  return {Aead(material.view().first(kKeySize)),
          *AeadNonce::FromView(material.view().subspan(kKeySize))};
}

}  // namespace

std::optional<Bytes> SealTo(const X25519Public& to, absl::string_view label, ByteView aad,
                            ByteView plaintext, Rng& rng) {
  const X25519Key ephemeral = X25519Key::Generate(rng);
  const std::optional<SecretBytes> shared = ephemeral.Agree(to);
  if (!shared.has_value()) return std::nullopt;
  const KeyAndNonce keys = Derive(*shared, ephemeral.public_key(), to, label);
  Bytes out = ToBytes(ephemeral.public_key().view());
  out.resize(plaintext.size() + kSealedBoxOverhead);
  keys.aead.SealInto(keys.nonce, aad, plaintext, absl::MakeSpan(out).subspan(X25519Public::kSize));
  return out;
}

std::optional<Bytes> OpenSealed(const X25519Key& key, absl::string_view label, ByteView aad,
                                ByteView sealed) {
  if (sealed.size() < kSealedBoxOverhead) return std::nullopt;
  const X25519Public ephemeral = *X25519Public::FromView(sealed.first(X25519Public::kSize));
  const std::optional<SecretBytes> shared = key.Agree(ephemeral);
  if (!shared.has_value()) return std::nullopt;
  const KeyAndNonce keys = Derive(*shared, ephemeral, key.public_key(), label);
  return keys.aead.Open(keys.nonce, aad, sealed.subspan(X25519Public::kSize));
}

}  // namespace p2pd::pki
