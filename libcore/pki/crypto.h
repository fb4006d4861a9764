// Crypto: an OpenSSL library context of our own, whose randomness is the injected Rng. In the
// simulator one seed gives one trace; in the daemon the Rng is the operating system's.
//
// Rules: OpenSSL is included by pki's .cc files only. Whatever draws chance inside OpenSSL (P-256
// keys, ECDSA and PSS signatures, CMS) takes a Crypto&; what does not (hashes, AEAD, Ed25519,
// X25519) does without. Threads: one owner.
#pragma once

#include <memory>

#include "libcore/base/rng.h"

typedef struct ossl_lib_ctx_st OSSL_LIB_CTX;

namespace p2pd::pki {

class Crypto {
 public:
  // `rng` must outlive the Crypto, and the Crypto every key made with it.
  static std::unique_ptr<Crypto> Create(Rng& rng);
  ~Crypto();
  Crypto(const Crypto&) = delete;
  Crypto& operator=(const Crypto&) = delete;

  OSSL_LIB_CTX* context() const;
  Rng& rng() const;

 private:
  class Impl;
  explicit Crypto(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::pki
