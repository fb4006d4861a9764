// NormaliseEmail of certificate.h: NFC and full case folding by utf8proc.
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/status.h"
#include "libcore/pki/certificate.h"

namespace p2pd::pki {
namespace {

// Bytes: RFC 5321 §4.5.3.1.3 leaves 254 for an address between the angle brackets of a path.
constexpr size_t kMinEmail = 3;
constexpr size_t kMaxEmail = 254;
// Bytes of what is no address that its error repeats, escaped.
constexpr size_t kShown = 64;

absl::Status Refuse(absl::string_view why) { return absl::InvalidArgumentError(why); }

// Characters that no address has unquoted (RFC 5322 §3.2.3), and whatever does not show or turns
// the direction of writing, so that two addresses that look the same are the same.
bool Forbidden(int32_t character) {
  if (character < 0x80) {
    const char c = static_cast<char>(character);
    return !absl::ascii_isgraph(static_cast<unsigned char>(c)) ||
           absl::string_view("\"(),:;<>[\\]").find(c) != absl::string_view::npos;
  }
  constexpr utf8proc_category_t kUnseen[] = {
      UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CF, UTF8PROC_CATEGORY_CN, UTF8PROC_CATEGORY_CO,
      UTF8PROC_CATEGORY_CS, UTF8PROC_CATEGORY_ZL, UTF8PROC_CATEGORY_ZP, UTF8PROC_CATEGORY_ZS};
  return std::find(std::begin(kUnseen), std::end(kUnseen), utf8proc_category(character)) !=
         std::end(kUnseen);
}

absl::Status CheckCharacters(absl::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto rest = static_cast<utf8proc_ssize_t>(text.size());
  while (rest > 0) {
    utf8proc_int32_t character = 0;
    const utf8proc_ssize_t size = utf8proc_iterate(at, rest, &character);
    if (size < 1) return Refuse("not UTF-8");
    if (Forbidden(character)) return Refuse("it holds a character that addresses do not have");
    at += size;
    rest -= size;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FoldAndCompose(absl::string_view text) {
  constexpr auto kOptions =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  utf8proc_uint8_t* folded = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &folded, kOptions);
  if (size < 0) return Refuse("not UTF-8");
  std::string out(reinterpret_cast<const char*>(folded), static_cast<size_t>(size));
  std::free(folded);
  return out;
}

// local@domain; no part empty, no dot at an end or beside another.
absl::Status CheckForm(absl::string_view email) {
  if (email.size() < kMinEmail || email.size() > kMaxEmail) {
    return Refuse("it has not 3 to 254 bytes");
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(email, '@');
  if (parts.size() != 2) return Refuse("it is not of the form local@domain");
  for (const absl::string_view part : parts) {
    for (const absl::string_view word : absl::StrSplit(part, '.')) {
      if (word.empty()) return Refuse("it has an empty part");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Normalise(absl::string_view email) {
  P2PD_RETURN_IF_ERROR(CheckForm(email));
  P2PD_RETURN_IF_ERROR(CheckCharacters(email));
  P2PD_ASSIGN_OR_RETURN(std::string folded, FoldAndCompose(email));
  P2PD_RETURN_IF_ERROR(CheckForm(folded));
  // Folding can leave what folds again (a few combining letters); such an address has no normal
  // form that everybody would agree on.
  P2PD_ASSIGN_OR_RETURN(const std::string again, FoldAndCompose(folded));
  if (again != folded) return Refuse("it has no normal form");
  return folded;
}

}  // namespace

absl::StatusOr<std::string> NormaliseEmail(absl::string_view email) {
  absl::StatusOr<std::string> normal = Normalise(email);
  if (normal.ok()) return normal;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(email.substr(0, kShown)),
                   "\" is not an e-mail address: ", normal.status().message()));
}

}  // namespace p2pd::pki
