// Addresses of feeds and of what they name: who answers there, what may be shown, where a reference
// leads. Texts in, texts out; nothing is asked. Source: RFC 3986.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace p2pd::archive::intake {

// "http://host:port" of an address, in lower case and with the port that it means; empty: it is
// none of http or https.
std::string OriginOf(absl::string_view url);
// Without a user's name and without what follows a ?, since both carry passwords and keys.
std::string WithoutSecrets(absl::string_view url);
// Where a reference leads that stands at `base`, an http(s) address (RFC 3986 §5.2). One with a
// scheme of its own stays as it is.
std::string Resolve(absl::string_view base, absl::string_view reference);

}  // namespace p2pd::archive::intake
