// h(kind, x) = first 160 bits of SHA-256("p2pd/" ‖ kind ‖ 0x00 ‖ x): the place of every object
// (design §4).
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"
#include "libcore/overlay/ring_id.h"
#include "libcore/pki/ed25519.h"

namespace p2pd::store {

using overlay::Key;

Key HashKey(absl::string_view kind, ByteView x);

Key AuthenticationKey(absl::string_view normalised_email);  // h("email", e-mail)
Key UserKeyPlace(ByteView spki);  // h("pk", SPKI): user state and device list
Key EnvironmentKey(const pki::Ed25519Public& environment);  // h("env", p)
Key RevocationKey(ByteView ca_spki);                        // h("crl", SPKI of the CA)
Key ServiceKey(absl::string_view name);                     // h("name", name)

// h(1 ‖ key): where authentication, state and device list objects stand a second time, so that who
// owns the neighbourhood of one place does not own the object.
Key SecondPlace(const Key& key);

// KEY of p2pctl: 40 hex digits, `email:E` or `name:TEXT`.
std::optional<Key> ParseKey(absl::string_view text);

}  // namespace p2pd::store
