#include "libcore/pki/aead.h"

#include <array>
#include <cstring>

#include "libcore/base/check.h"
#include "tests/sim/crypto_model/digest.h"

namespace p2pd::pki {

using model::ModelHash;
using model::Use;

class Aead::Impl {
 public:
  struct Stream {
    uint64_t key = 0;
    uint64_t nonce = 0;
  };
  Stream StreamOf(const AeadNonce& nonce) const {
    Stream out{key[0], key[1]};
    uint64_t word = 0;
    std::memcpy(&word, nonce.view().data(), sizeof word);
    out.nonce ^= word;
    std::memcpy(&word, nonce.view().data() + AeadNonce::kSize - sizeof word, sizeof word);
    out.nonce += word * 0x9e3779b97f4a7c15;  // the golden ratio: the two words overlap
    return out;
  }
  std::array<uint8_t, kTagSize> TagOf(const AeadNonce& nonce, ByteView aad,
                                      ByteView ciphertext) const {
    std::array<uint8_t, kTagSize> tag;
    ModelHash(Use::kAeadTag)
        .AddWord(key[0])
        .AddWord(key[1])
        .Add(nonce.view())
        .AddSized(aad)
        .Add(ciphertext)
        .Finish(absl::MakeSpan(tag));
    return tag;
  }

  std::array<uint64_t, 2> key{};
};

Aead::Aead(ByteView key) : impl_(std::make_unique<Impl>()) {
  P2PD_CHECK(key.size() == 16 || key.size() == 32);
  std::array<uint8_t, sizeof impl_->key> bytes;
  ModelHash(Use::kAead).Add(key).Finish(absl::MakeSpan(bytes));
  std::memcpy(impl_->key.data(), bytes.data(), bytes.size());
}

Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::SealInto(const AeadNonce& nonce, ByteView aad, ByteView plaintext,
                    MutableByteView out) const {
  P2PD_CHECK(out.size() == plaintext.size() + kTagSize);
  const MutableByteView ciphertext = out.first(plaintext.size());
  const Impl::Stream stream = impl_->StreamOf(nonce);
  model::XorStream(stream.key, stream.nonce, plaintext, ciphertext);
  const std::array<uint8_t, kTagSize> tag = impl_->TagOf(nonce, aad, ciphertext);
  std::copy(tag.begin(), tag.end(), out.begin() + static_cast<ptrdiff_t>(plaintext.size()));
}

bool Aead::OpenInto(const AeadNonce& nonce, ByteView aad, ByteView sealed,
                    MutableByteView out) const {
  if (sealed.size() < kTagSize) return false;
  const ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
  P2PD_CHECK(out.size() == ciphertext.size());
  const std::array<uint8_t, kTagSize> tag = impl_->TagOf(nonce, aad, ciphertext);
  if (sealed.last(kTagSize) != ByteView(tag)) {
    Wipe(out);
    return false;
  }
  const Impl::Stream stream = impl_->StreamOf(nonce);
  model::XorStream(stream.key, stream.nonce, ciphertext, out);
  return true;
}

Bytes Aead::Seal(const AeadNonce& nonce, ByteView aad, ByteView plaintext) const {
  Bytes out(plaintext.size() + kTagSize);
  SealInto(nonce, aad, plaintext, absl::MakeSpan(out));
  return out;
}

std::optional<Bytes> Aead::Open(const AeadNonce& nonce, ByteView aad, ByteView sealed) const {
  if (sealed.size() < kTagSize) return std::nullopt;
  Bytes out(sealed.size() - kTagSize);
  if (!OpenInto(nonce, aad, sealed, absl::MakeSpan(out))) return std::nullopt;
  return out;
}

AeadNonce NonceFor(const AeadNonce& iv, uint64_t sequence) {
  AeadNonce nonce = iv;
  for (size_t i = 0; i < 8; ++i) {
    nonce.mutable_view()[AeadNonce::kSize - 1 - i] ^= static_cast<uint8_t>(sequence >> (8 * i));
  }
  return nonce;
}

Bytes SealWithKey(ByteView key, ByteView plaintext, Rng& rng) {
  P2PD_CHECK(key.size() == 32);
  const AeadNonce nonce = rng.Make<AeadNonce>();
  Bytes out = ToBytes(nonce.view());
  Append(out, Aead(key).Seal(nonce, {}, plaintext));
  return out;
}

std::optional<SecretBytes> OpenWithKey(ByteView key, ByteView sealed) {
  P2PD_CHECK(key.size() == 32);
  if (sealed.size() < AeadNonce::kSize + Aead::kTagSize) return std::nullopt;
  const AeadNonce nonce = *AeadNonce::FromView(sealed.first(AeadNonce::kSize));
  std::optional<Bytes> opened = Aead(key).Open(nonce, {}, sealed.subspan(AeadNonce::kSize));
  if (!opened) return std::nullopt;
  return SecretBytes(*std::move(opened));
}

}  // namespace p2pd::pki
