#include "libcore/pki/aes_gcm.h"

#include <array>
#include <cstring>

#include "libcore/base/check.h"
#include "tests/sim/crypto_model/digest.h"

namespace p2pd::pki {

using model::ModelHash;
using model::Use;

class AesGcm::Impl {
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

AesGcm::AesGcm(ByteView key) : impl_(std::make_unique<Impl>()) {
  P2PD_CHECK(key.size() == 16 || key.size() == 32);
  std::array<uint8_t, sizeof impl_->key> bytes;
  ModelHash(Use::kAead).Add(key).Finish(absl::MakeSpan(bytes));
  std::memcpy(impl_->key.data(), bytes.data(), bytes.size());
}

AesGcm::~AesGcm() = default;
AesGcm::AesGcm(AesGcm&&) noexcept = default;
AesGcm& AesGcm::operator=(AesGcm&&) noexcept = default;

void AesGcm::SealInto(const AeadNonce& nonce, ByteView aad, ByteView plaintext,
                      MutableByteView out) const {
  P2PD_CHECK(out.size() == plaintext.size() + kTagSize);
  const MutableByteView ciphertext = out.first(plaintext.size());
  const Impl::Stream stream = impl_->StreamOf(nonce);
  model::XorStream(stream.key, stream.nonce, plaintext, ciphertext);
  const std::array<uint8_t, kTagSize> tag = impl_->TagOf(nonce, aad, ciphertext);
  std::copy(tag.begin(), tag.end(), out.begin() + static_cast<ptrdiff_t>(plaintext.size()));
}

bool AesGcm::OpenInto(const AeadNonce& nonce, ByteView aad, ByteView sealed,
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

}  // namespace p2pd::pki
