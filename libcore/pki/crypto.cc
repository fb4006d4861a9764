#include "libcore/pki/crypto.h"

#include <utility>

#include "libcore/base/check.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {

class Crypto::Impl {
 public:
  Rng* rng;
  ossl::Context context;
};

std::unique_ptr<Crypto> Crypto::Create(Rng& rng) {
  std::optional<ossl::Context> context = ossl::Context::Make(&rng);
  // The default provider is part of libcrypto itself: without it nothing works at all.
  P2PD_CHECK(context.has_value());
  return std::unique_ptr<Crypto>(
      new Crypto(std::make_unique<Impl>(Impl{&rng, *std::move(context)})));
}

Crypto::Crypto(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Crypto::~Crypto() = default;

OSSL_LIB_CTX* Crypto::context() const { return impl_->context.get(); }
Rng& Crypto::rng() const { return *impl_->rng; }

}  // namespace p2pd::pki
