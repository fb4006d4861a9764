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

// True when deriving a key as `algorithm` (PBES2, or PBE of PKCS#5 and PKCS#12) asks would take
// longer than a person waits: more than kMaxIterations, or parameters that cannot be read.
bool TooCostly(const X509_ALGOR* algorithm);
// Rounds: about 2 s of PBKDF2-SHA256 on this decade's machines; our own files have 600,000. Beyond
// it a file is refused, so that one cannot stop the daemon by naming 2^31.
inline constexpr int64_t kMaxIterations = 5'000'000;

}  // namespace p2pd::pki
