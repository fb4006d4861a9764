// What pki's own sources share of OpenSSL: owners of its objects, the context for work that draws
// no chance, and wiped BIOs. Included by libcore/pki/*.cc and their tests only, never by a header.
//
// Rules: no OpenSSL call uses the process-wide default context, since that one reads a
// configuration file of the machine and draws from the operating system. Errors of OpenSSL are
// turned into a status where they happen; ErrorScope empties its queue. Threads: any.
#pragma once

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"

namespace p2pd::pki::ossl {

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Freer<kFree>>;

using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PkeyCtx = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtx = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using CipherCtx = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Bio = Owned<BIO, BIO_free>;
using Cert = Owned<X509, X509_free>;
using CrlPtr = Owned<X509_CRL, X509_CRL_free>;
using Req = Owned<X509_REQ, X509_REQ_free>;
using Name = Owned<X509_NAME, X509_NAME_free>;
using Number = Owned<BIGNUM, BN_clear_free>;
using Integer = Owned<ASN1_INTEGER, ASN1_INTEGER_free>;
using Time = Owned<ASN1_TIME, ASN1_TIME_free>;
using OctetString = Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using GeneralNames = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

// The context for work that draws no chance: hashes, AEAD, Ed25519, X25519, parsing, verifying. Its
// randomness refuses, so that nothing reaches the operating system unseen. Made at first use,
// lives as long as the process.
OSSL_LIB_CTX* Plain();

// A context of our own with the providers that it loaded. What was made in it must go first.
class Context {
 public:
  Context(Context&& other) noexcept;
  Context& operator=(Context&&) = delete;
  ~Context();
  // One whose randomness is `rng`, or refuses when that is null. nullopt when OpenSSL's default
  // provider cannot be had.
  static std::optional<Context> Make(Rng* rng);

  OSSL_LIB_CTX* get() const { return context_; }
  // False when there is no such provider on this machine.
  bool Load(const char* provider);

 private:
  explicit Context(OSSL_LIB_CTX* context) : context_(context) {}
  OSSL_LIB_CTX* context_;
  // OSSL_LIB_CTX_free does not unload them.
  std::vector<OSSL_PROVIDER*> providers_;
};

// Empties OpenSSL's error queue of this thread when the scope ends.
class ErrorScope {
 public:
  ErrorScope() = default;
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
  ~ErrorScope();
};

// A BIO that reads `bytes`, which must outlive it.
Bio ReadBio(ByteView bytes);
// A BIO that collects and whose buffers are wiped when they go.
Bio SecretBio();
// What a memory BIO holds; valid until the BIO changes.
ByteView Contents(BIO* bio);

// nullopt for a time that is not as RFC 5280 §4.1.2.5 has it.
std::optional<absl::Time> ToTime(const ASN1_TIME* time);
// nullptr outside the years 1950 to 9999. Seconds are cut off.
Time FromTime(absl::Time time);

// True for a signature algorithm whose hash has broken: MD5, SHA-1 and older.
bool IsWeakSignature(int signature_nid);

// DER of an object by its i2d function; empty when it cannot be encoded.
template <class T, class I2d>
Bytes ToDer(T* object, I2d i2d) {
  unsigned char* der = nullptr;
  const int size = i2d(object, &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_clear_free(der, static_cast<size_t>(size));
  return out;
}

// The one object of which `der` is the DER encoding, with nothing behind it, by d2i into `fresh`
// (made with the context it shall live in). Empty when it is not, or when encoding it again gives
// other bytes: one object, one byte string.
template <class Ptr, class D2i, class I2d>
Ptr ParseDer(Ptr fresh, ByteView der, D2i d2i, I2d i2d) {
  if (fresh == nullptr) return nullptr;
  auto* object = fresh.release();  // d2i frees and clears what it was given when it fails
  const unsigned char* at = der.data();
  object = d2i(&object, &at, static_cast<long>(der.size()));
  Ptr parsed(object);
  if (parsed == nullptr || at != der.data() + der.size()) return nullptr;
  const Bytes again = ToDer(object, i2d);
  if (ByteView(again) != der) return nullptr;
  return parsed;
}

// The PEM block of `label` around `der`.
std::string ToPem(absl::string_view label, ByteView der);
// The contents of the PEM blocks of `label`, in order; other blocks and text between are passed
// over. nullopt when a block of that label is damaged, is encrypted, or when there are more than
// `max_blocks`.
std::optional<std::vector<Bytes>> FromPem(absl::string_view label, ByteView pem, size_t max_blocks);

}  // namespace p2pd::pki::ossl
