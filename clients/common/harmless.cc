#include "clients/common/harmless.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace p2pd::clients {
namespace {

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: no UTF-8
};

// RFC 3629 §4: the shortest form, no surrogates, at most U+10FFFF. `text` is not empty.
Character First(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xf0 ? 4 : (lead >= 0xe0 ? 3 : 2);
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  uint32_t code = lead & (0xffu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  const bool shortest = code >= (bytes == 4 ? 0x10000u : (bytes == 3 ? 0x800u : 0x80u));
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (!shortest || surrogate || code > 0x10ffff) return {};
  return {code, bytes};
}

bool IsControl(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
         // Line and paragraph separators; marks, embeddings, overrides and isolates.
         code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string Harmless(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character first = First(text);
    const absl::string_view bytes = text.substr(0, first.bytes == 0 ? 1 : first.bytes);
    text.remove_prefix(bytes.size());
    if (bytes == "\n" || bytes == "\r" || bytes == "\t") {
      out.push_back(' ');
    } else if (first.bytes > 0 && !IsControl(first.code)) {
      absl::StrAppend(&out, bytes);
    } else {
      for (const char c : bytes) {
        absl::StrAppend(&out, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
      }
    }
  }
  return out;
}

}  // namespace p2pd::clients
