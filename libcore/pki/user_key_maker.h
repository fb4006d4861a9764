// How pki's own sources make a UserKey of an OpenSSL key: from PEM, from PKCS#12, from a generator.
#pragma once

#include "absl/status/statusor.h"
#include "libcore/pki/ossl.h"
#include "libcore/pki/user_key.h"

namespace p2pd::pki {

struct UserKeyMaker {
  // `pkey` lives in the context of `crypto`. InvalidArgument unless it is of an accepted kind and
  // its private half fits its public half.
  static absl::StatusOr<UserKey> Make(Crypto& crypto, ossl::Pkey pkey);
  // The same from a PKCS#8 PrivateKeyInfo.
  static absl::StatusOr<UserKey> FromPkcs8(Crypto& crypto, const PKCS8_PRIV_KEY_INFO* info);
};

// Rounds that deriving a key as `algorithm` (PBES2, or PBE of PKCS#5 and PKCS#12) asks for; more
// than kMaxRounds when its parameters cannot be read.
int64_t RoundsOf(const X509_ALGOR* algorithm);
// For one file: about 2 s of PBKDF2-SHA256 on this decade's machines; our own files have 600,000
// for each part. Beyond it a file is refused, so that one cannot stop the daemon by naming 2^31.
inline constexpr int64_t kMaxRounds = 5'000'000;
// What we ask for: OWASP's advice of 2023 for PBKDF2-HMAC-SHA256; about 0.2 s.
inline constexpr int kPbkdf2Rounds = 600'000;

}  // namespace p2pd::pki
