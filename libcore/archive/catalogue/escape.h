// Escape: a stranger's text for HTML, XML and JSON, so that it stays text.
//
// Rules: what is no UTF-8, no character of XML 1.0, or turns the direction of what stands beside it
// becomes U+FFFD; blanks stay blanks. What comes out is safe as content and within double quotes.
// Threads: values. Sources: XML 1.0 §2.2; HTML, 'Attributes'; RFC 8259 §7; Unicode UAX #9.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace p2pd::archive::catalogue {

// Of good characters alone.
std::string PlainText(absl::string_view text);
// The same with &, <, >, " and ' as references: for HTML and XML.
std::string Markup(absl::string_view text);
// In double quotes; also good within HTML, since <, > and & are escaped.
std::string JsonString(absl::string_view text);
// True when it is UTF-8 and PlainText changes nothing.
bool IsPlainText(absl::string_view text);

}  // namespace p2pd::archive::catalogue
