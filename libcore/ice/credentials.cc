#include "libcore/ice/credentials.h"

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/hex.h"
#include "libcore/pki/hash.h"

namespace p2pd::ice {

Credentials DeriveCredentials(ByteView secret, Side side, uint32_t generation) {
  P2PD_CHECK(secret.size() >= 16);
  const std::string info =
      absl::StrCat("ice ", side == Side::kCaller ? "caller " : "callee ", generation);
  const SecretBytes bytes = pki::HkdfSha256(secret, ByteView(), AsBytes(info), 6 + 16);
  Credentials out;
  // RFC 8445 §5.3 wants characters; hex digits are among them.
  out.fragment = Hex(bytes.view().subspan(0, 6));
  out.password = SecretBytes(ToBytes(Hex(bytes.view().subspan(6))));
  return out;
}

}  // namespace p2pd::ice
