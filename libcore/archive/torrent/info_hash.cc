#include "libcore/archive/torrent/info_hash.h"

#include <algorithm>

#include "libcore/base/check.h"
#include "libcore/base/hex.h"

namespace p2pd::archive::torrent {
namespace {

constexpr absl::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr size_t kBase32Digits = 32;

// RFC 4648 §6; 32 digits of 5 bits are 20 bytes, without padding.
std::optional<InfoHash> FromBase32(absl::string_view text) {
  InfoHash out;
  uint64_t bits = 0;
  int held = 0;
  size_t at = 0;
  for (const char c : text) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const size_t digit = kBase32.find(upper);
    if (digit == absl::string_view::npos) return std::nullopt;
    bits = bits << 5 | digit;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    out.mutable_view()[at++] = static_cast<uint8_t>(bits >> held);
  }
  return out;
}

}  // namespace

InfoHash Truncate(const InfoHashV2& hash) {
  return *InfoHash::FromView(hash.view().subspan(0, InfoHash::kSize));
}

InfoHash InfoHashes::Best() const {
  P2PD_CHECK(v1 || v2);
  return v1 ? *v1 : Truncate(*v2);
}

bool InfoHashes::Has(const InfoHash& hash) const {
  return (v1 && *v1 == hash) || (v2 && Truncate(*v2) == hash);
}

std::vector<InfoHash> InfoHashes::Names() const {
  std::vector<InfoHash> out;
  if (v1) out.push_back(*v1);
  if (v2) out.push_back(Truncate(*v2));
  return out;
}

std::string ToHex(const InfoHash& hash) { return Hex(hash.view()); }

std::optional<InfoHash> ParseInfoHash(absl::string_view text) {
  if (text.size() == kBase32Digits) return FromBase32(text);
  if (text.size() != 2 * InfoHash::kSize) return std::nullopt;
  const std::optional<Bytes> bytes = FromHex(text);
  return bytes ? InfoHash::FromView(*bytes) : std::nullopt;
}

std::optional<InfoHash> ParseTorrentHash(absl::string_view text) {
  if (text.size() != 2 * InfoHashV2::kSize) return ParseInfoHash(text);
  const std::optional<Bytes> bytes = FromHex(text);
  return bytes ? std::optional(Truncate(*InfoHashV2::FromView(*bytes))) : std::nullopt;
}

}  // namespace p2pd::archive::torrent
