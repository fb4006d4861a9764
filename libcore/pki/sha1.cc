#include "libcore/pki/sha1.h"

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

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

}  // namespace p2pd::pki
