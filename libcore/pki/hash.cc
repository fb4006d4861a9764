#include "libcore/pki/hash.h"

#include <array>

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

// The block of SHA-256 in bytes (FIPS 180-4), to which HMAC pads its key.
constexpr size_t kBlock = 64;

// Fetched once: an implicit fetch for each hash would cost more than the hash of a short message.
const EVP_MD* Sha256Method() {
  static const EVP_MD* const method = EVP_MD_fetch(ossl::Plain(), "SHA2-256", nullptr);
  return method;
}

}  // namespace

Sha256Digest Sha256(ByteView bytes) { return Sha256({bytes}); }

Sha256Digest Sha256(std::initializer_list<ByteView> parts) {
  // One per thread, since making one costs an allocation.
  thread_local const ossl::MdCtx context(EVP_MD_CTX_new());
  Sha256Digest digest;
  bool ok = EVP_DigestInit_ex(context.get(), Sha256Method(), nullptr) == 1;
  for (const ByteView part : parts) {
    ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  ok = ok && EVP_DigestFinal_ex(context.get(), digest.mutable_view().data(), nullptr) == 1;
  P2PD_CHECK(ok);
  return digest;
}

Sha256Digest HmacSha256(ByteView key, ByteView message) {
  // RFC 2104 §2: H(K ⊕ opad ‖ H(K ⊕ ipad ‖ message)).
  std::array<uint8_t, kBlock> inner{};
  if (key.size() > kBlock) {
    const Sha256Digest hashed = Sha256(key);
    std::copy(hashed.view().begin(), hashed.view().end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  std::array<uint8_t, kBlock> outer = inner;
  for (uint8_t& byte : inner) byte ^= 0x36;
  for (uint8_t& byte : outer) byte ^= 0x5c;
  const Sha256Digest digest = Sha256({ByteView(outer), Sha256({ByteView(inner), message}).view()});
  Wipe(absl::MakeSpan(inner));
  Wipe(absl::MakeSpan(outer));
  return digest;
}

SecretBytes HkdfSha256(ByteView secret, ByteView salt, ByteView info, size_t size) {
  P2PD_CHECK(size <= 255 * Sha256Digest::kSize);
  // RFC 5869 §2.2: an empty salt is a string of zeros, and HMAC pads with zeros.
  Sha256Digest prk = HmacSha256(salt, secret);
  // RFC 5869 §2.3: T(n) = HMAC(PRK, T(n-1) ‖ info ‖ n).
  SecretBytes out{Bytes(size)};
  SecretBytes input{Bytes(Sha256Digest::kSize + info.size() + 1)};
  std::copy(info.begin(), info.end(), input.mutable_view().begin() + Sha256Digest::kSize);
  uint8_t n = 1;
  for (size_t done = 0; done < size; ++n) {
    input.mutable_view().back() = n;
    ByteView block = input.view();
    if (n == 1) block.remove_prefix(Sha256Digest::kSize);
    Sha256Digest t = HmacSha256(prk.view(), block);
    const size_t take = std::min(size - done, Sha256Digest::kSize);
    std::copy_n(t.view().begin(), take, out.mutable_view().begin() + static_cast<ptrdiff_t>(done));
    std::copy(t.view().begin(), t.view().end(), input.mutable_view().begin());
    Wipe(t.mutable_view());
    done += take;
  }
  Wipe(prk.mutable_view());
  return out;
}

}  // namespace p2pd::pki
