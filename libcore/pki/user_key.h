// Keys of people and of authorities, as X.509 knows them: P-256 by default, RSA of 2,048 bits and
// more, Ed25519 for CAs. Signatures on our wire: P-256 as 64 bytes r‖s with SHA-256, RSA as
// RSASSA-PSS with SHA-256 and a 32-byte salt, Ed25519 as RFC 8032 has it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/crypto.h"
#include "libcore/pki/hash.h"

typedef struct evp_pkey_st EVP_PKEY;

namespace p2pd::pki {

// SHA-256 of a DER SubjectPublicKeyInfo: how a user's key is named.
struct KeyHashTag;
using KeyHash = FixedBytes<KeyHashTag, 32>;
KeyHash HashOfSpki(ByteView spki);

enum class KeyKind { kP256, kRsa, kEd25519 };

// Cheap to copy.
class UserPublicKey {
 public:
  // InvalidArgument for bytes that are not exactly one SPKI of an accepted kind (P-256 on the named
  // curve, RSA 2,048..8,192, Ed25519).
  static absl::StatusOr<UserPublicKey> FromSpki(ByteView spki);

  const Bytes& spki() const;
  const KeyHash& hash() const;
  KeyKind kind() const;
  bool Verify(ByteView message, ByteView signature) const;
  EVP_PKEY* evp() const;

 private:
  friend class UserKey;
  friend class Certificate;
  class Impl;
  std::shared_ptr<const Impl> impl_;  // owners: the copies of this value; immutable
};

class UserKey {
 public:
  static absl::StatusOr<UserKey> GenerateP256(Crypto& crypto);
  static absl::StatusOr<UserKey> GenerateEd25519(Crypto& crypto);
  static absl::StatusOr<UserKey> GenerateRsa(Crypto& crypto, int bits);
  // PKCS#8 or traditional PEM. FailedPrecondition when it is encrypted and `passphrase` is empty;
  // PermissionDenied when the passphrase is wrong; InvalidArgument when it is no key that we
  // accept.
  static absl::StatusOr<UserKey> FromPem(Crypto& crypto, ByteView pem,
                                         const SecretBytes& passphrase);

  // PKCS#8, encrypted (PBES2, AES-256, PBKDF2 600,000 rounds) unless `passphrase` is empty.
  absl::StatusOr<SecretBytes> ToPem(const SecretBytes& passphrase) const;
  const UserPublicKey& public_key() const { return public_; }
  absl::StatusOr<Bytes> Sign(ByteView message) const;
  EVP_PKEY* evp() const;
  Crypto& crypto() const { return *crypto_; }

 private:
  UserKey() = default;
  friend struct UserKeyMaker;
  class Impl;
  std::shared_ptr<const Impl> impl_;  // owners: the copies of this value; immutable
  UserPublicKey public_;
  Crypto* crypto_ = nullptr;
};

}  // namespace p2pd::pki
