// Names of a subject, in both directions: the common name of a distinguished name and the e-mail
// addresses of a subjectAltName (RFC 5280 §4.2.1.6; RFC 8398 for those that are not ASCII).
// Included by pki's own sources only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {

// UTF-8, with control characters shown as '?', since it reaches terminals; empty when there is
// none.
std::string CommonName(const X509_NAME* name);
// One line as RFC 2253 writes it, but UTF-8 as it is.
std::string OneLine(const X509_NAME* name);
// A name of one commonName, 1 to 64 characters (ub-common-name). InvalidArgument.
absl::StatusOr<ossl::Name> MakeName(absl::string_view common_name);

// Names in one certificate: institutions put aliases there. Beyond it, InvalidArgument.
inline constexpr int kMaxAlternativeNames = 32;
// The addresses among `names`, normalised; others are passed over.
absl::StatusOr<std::vector<std::string>> EmailsOf(const GENERAL_NAMES* names);
// `email` is normalised. An rfc822Name, or SmtpUTF8Mailbox when it is not ASCII.
absl::StatusOr<ossl::GeneralNames> NamesWithEmail(absl::string_view email);

}  // namespace p2pd::pki
