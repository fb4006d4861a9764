#include "libcore/archive/catalogue/escape.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace p2pd::archive::catalogue {
namespace {

constexpr absl::string_view kReplacement = "\xef\xbf\xbd";

// The length of the well-formed UTF-8 sequence at the start (RFC 3629 §4), and its character; 0:
// there is none.
size_t Decode(absl::string_view text, uint32_t& character) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) {
    character = first;
    return 1;
  }
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  character = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xd800 && character <= 0xdfff;
  return character < kLeast[length] || character > 0x10ffff || surrogate ? 0 : length;
}

bool Good(uint32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  const bool control = c >= 0x7f && c <= 0x9f;
  const bool turns = c == 0x200e || c == 0x200f || c == 0x061c || (c >= 0x202a && c <= 0x202e) ||
                     (c >= 0x2066 && c <= 0x2069);
  const bool separator = c == 0x2028 || c == 0x2029;
  const bool none = (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
  return !control && !turns && !separator && !none;
}

// Calls `put` with each good character's bytes, or the replacement for what is none.
template <class Put>
void ForEach(absl::string_view text, const Put& put) {
  while (!text.empty()) {
    uint32_t character = 0;
    const size_t length = Decode(text, character);
    put(length > 0 && Good(character) ? text.substr(0, length) : kReplacement);
    text.remove_prefix(length > 0 ? length : 1);
  }
}

}  // namespace

std::string PlainText(absl::string_view text) {
  std::string out;
  ForEach(text, [&out](absl::string_view c) { out.append(c.data(), c.size()); });
  return out;
}

bool IsPlainText(absl::string_view text) { return PlainText(text) == text; }

std::string Markup(absl::string_view text) {
  std::string out;
  ForEach(text, [&out](absl::string_view c) {
    switch (c[0]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.append(c.data(), c.size());
    }
  });
  return out;
}

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  ForEach(text, [&out](absl::string_view c) {
    const auto byte = static_cast<uint8_t>(c[0]);
    const bool escaped = byte < 0x20 || c == "\"" || c == "\\" || c == "<" || c == ">" || c == "&";
    if (escaped) {
      out += absl::StrFormat("\\u%04x", byte);
    } else {
      out.append(c.data(), c.size());
    }
  });
  out += '"';
  return out;
}

}  // namespace p2pd::archive::catalogue
