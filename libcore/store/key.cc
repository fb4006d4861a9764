#include "libcore/store/key.h"

#include "libcore/pki/certificate.h"
#include "libcore/pki/hash.h"

namespace p2pd::store {
namespace {

Key FirstBits(const pki::Sha256Digest& digest) {
  return *Key::FromView(digest.view().first(Key::kSize));
}

// Longest TEXT of `name:TEXT`, in bytes; longer ones are a mistake of the typist.
constexpr size_t kMaxName = 256;

}  // namespace

Key HashKey(absl::string_view kind, ByteView x) {
  static constexpr uint8_t kZero[] = {0};
  return FirstBits(pki::Sha256({AsBytes("p2pd/"), AsBytes(kind), ByteView(kZero), x}));
}

Key AuthenticationKey(absl::string_view normalised_email) {
  return HashKey("email", AsBytes(normalised_email));
}
Key UserKeyPlace(ByteView spki) { return HashKey("pk", spki); }
Key EnvironmentKey(const pki::Ed25519Public& environment) {
  return HashKey("env", environment.view());
}
Key RevocationKey(ByteView ca_spki) { return HashKey("crl", ca_spki); }
Key ServiceKey(absl::string_view name) { return HashKey("name", AsBytes(name)); }

Key SecondPlace(const Key& key) {
  static constexpr uint8_t kOne[] = {1};
  return FirstBits(pki::Sha256({ByteView(kOne), key.view()}));
}

std::optional<Key> ParseKey(absl::string_view text) {
  constexpr absl::string_view kEmail = "email:";
  constexpr absl::string_view kName = "name:";
  if (text.substr(0, kEmail.size()) == kEmail) {
    const auto email = pki::NormaliseEmail(text.substr(kEmail.size()));
    if (!email.ok()) return std::nullopt;
    return AuthenticationKey(*email);
  }
  if (text.substr(0, kName.size()) == kName) {
    const absl::string_view name = text.substr(kName.size());
    if (name.empty() || name.size() > kMaxName) return std::nullopt;
    return ServiceKey(name);
  }
  return overlay::RingIdFromHex(text);
}

}  // namespace p2pd::store
