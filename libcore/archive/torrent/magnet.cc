#include "libcore/archive/torrent/magnet.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/hex.h"

namespace p2pd::archive::torrent {
namespace {

constexpr absl::string_view kScheme = "magnet:?";
constexpr absl::string_view kV1 = "urn:btih:";
constexpr absl::string_view kV2 = "urn:btmh:";
// Multihash: SHA-256 of 32 bytes (BEP 9).
constexpr absl::string_view kSha256 = "1220";

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("no magnet link that we take: ", what));
}

// RFC 3986 §2.1; nullopt where a percent sign is not followed by two digits.
std::optional<std::string> PercentDecode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const std::optional<Bytes> byte = FromHex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out.push_back(static_cast<char>((*byte)[0]));
    i += 2;
  }
  return out;
}

std::string PercentEncode(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, "%", Hex(AsBytes(absl::string_view(&c, 1))));
    }
  }
  return out;
}

absl::Status AddTopic(absl::string_view topic, InfoHashes& hashes) {
  if (absl::ConsumePrefix(&topic, kV1)) {
    hashes.v1 = ParseInfoHash(topic);
    if (!hashes.v1) return Wrong("its btih is neither 40 hexadecimal digits nor 32 of base32");
  } else if (absl::ConsumePrefix(&topic, kV2)) {
    const std::optional<Bytes> digest =
        absl::ConsumePrefix(&topic, kSha256) ? FromHex(topic) : std::nullopt;
    hashes.v2 = digest ? InfoHashV2::FromView(*digest) : std::nullopt;
    if (!hashes.v2) return Wrong("its btmh is no SHA-256");
  }
  return absl::OkStatus();
}

absl::Status Add(std::vector<std::string>& list, std::string value) {
  if (list.size() >= Magnet::kMaxAddresses) return Wrong("too many addresses");
  if (!value.empty()) list.push_back(std::move(value));
  return absl::OkStatus();
}

}  // namespace

// A scheme is the same in either case (RFC 3986 §3.1).
bool IsMagnet(absl::string_view link) { return absl::StartsWithIgnoreCase(link, kScheme); }

absl::StatusOr<Magnet> ParseMagnet(absl::string_view link) {
  if (link.size() > Magnet::kMaxLink) return Wrong("too long");
  if (!IsMagnet(link)) return Wrong("it does not begin with magnet:?");
  link.remove_prefix(kScheme.size());
  Magnet out;
  for (const absl::string_view field : absl::StrSplit(link, '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    std::optional<std::string> value = PercentDecode(pair.second);
    if (!value) return Wrong("a percent sign without its digits");
    // "xt.1=" numbers what comes more than once.
    const absl::string_view key = pair.first.substr(0, pair.first.find('.'));
    absl::Status status;
    if (pair.first == "x.pe") {
      status = Add(out.peers, *std::move(value));
    } else if (key == "xt") {
      status = AddTopic(*value, out.hashes);
    } else if (key == "tr") {
      status = Add(out.trackers, *std::move(value));
    } else if (key == "ws") {
      status = Add(out.web_seeds, *std::move(value));
    } else if (key == "dn" && !value->empty()) {
      out.name = PlainName(*value);
    }
    if (!status.ok()) return status;
  }
  if (!out.hashes.v1 && !out.hashes.v2) return Wrong("it names no torrent (xt=urn:btih:…)");
  return out;
}

std::string ToLink(const Magnet& magnet) {
  std::string out(kScheme);
  const auto add = [&out](absl::string_view key, absl::string_view value) {
    absl::StrAppend(&out, out.back() == '?' ? "" : "&", key, "=", value);
  };
  if (magnet.hashes.v1) add("xt", absl::StrCat(kV1, ToHex(*magnet.hashes.v1)));
  if (magnet.hashes.v2) add("xt", absl::StrCat(kV2, kSha256, Hex(magnet.hashes.v2->view())));
  if (!magnet.name.empty()) add("dn", PercentEncode(magnet.name));
  for (const std::string& url : magnet.trackers) add("tr", PercentEncode(url));
  for (const std::string& url : magnet.web_seeds) add("ws", PercentEncode(url));
  for (const std::string& peer : magnet.peers) add("x.pe", PercentEncode(peer));
  return out;
}

}  // namespace p2pd::archive::torrent
