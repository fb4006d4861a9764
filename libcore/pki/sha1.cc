#include "libcore/pki/sha1.h"

#include <algorithm>
#include <array>

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

// The block of SHA-1 in bytes (FIPS 180-4), to which HMAC pads its key.
constexpr size_t kBlock = 64;

// Fetched once, since an implicit fetch costs more than the hash of a short message.
const EVP_MD* Method() {
  static const EVP_MD* const method = EVP_MD_fetch(ossl::Plain(), "SHA1", nullptr);
  return method;
}

}  // namespace

struct Sha1Hasher::Impl {
  ossl::MdCtx context{EVP_MD_CTX_new()};
};

Sha1Hasher::Sha1Hasher() : impl_(std::make_unique<Impl>()) {
  P2PD_CHECK(EVP_DigestInit_ex(impl_->context.get(), Method(), nullptr) == 1);
}
Sha1Hasher::~Sha1Hasher() = default;
Sha1Hasher::Sha1Hasher(Sha1Hasher&&) noexcept = default;
Sha1Hasher& Sha1Hasher::operator=(Sha1Hasher&&) noexcept = default;

void Sha1Hasher::Add(ByteView bytes) {
  P2PD_CHECK(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1);
}

Sha1Digest Sha1Hasher::Finish() {
  Sha1Digest digest;
  P2PD_CHECK(EVP_DigestFinal_ex(impl_->context.get(), digest.mutable_view().data(), nullptr) == 1 &&
             EVP_DigestInit_ex(impl_->context.get(), Method(), nullptr) == 1);
  return digest;
}

Sha1Digest Sha1(ByteView bytes) {
  Sha1Hasher hasher;
  hasher.Add(bytes);
  return hasher.Finish();
}

Sha1Digest HmacSha1(ByteView key, ByteView message) {
  // RFC 2104 §2, as HmacSha256 has it.
  std::array<uint8_t, kBlock> pad{};
  if (key.size() > kBlock) {
    const Sha1Digest hashed = Sha1(key);
    std::copy(hashed.view().begin(), hashed.view().end(), pad.begin());
  } else {
    std::copy(key.begin(), key.end(), pad.begin());
  }
  Sha1Hasher hasher;
  for (uint8_t& byte : pad) byte ^= 0x36;
  hasher.Add(pad);
  hasher.Add(message);
  const Sha1Digest inner = hasher.Finish();
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
  hasher.Add(pad);
  hasher.Add(inner.view());
  Wipe(absl::MakeSpan(pad));
  return hasher.Finish();
}

}  // namespace p2pd::pki
