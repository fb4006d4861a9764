// What names a torrent: the SHA-1 of its info dictionary (BEP 3), or the SHA-256 of it (BEP 52),
// which trackers, peers and we know by its first 20 bytes. A hybrid torrent has both, and they name
// the same files.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::torrent {

struct InfoHashTag;
// v1, or the first 20 bytes of v2: what stands in an announce (BEP 52, "upgrade path").
using InfoHash = FixedBytes<InfoHashTag, 20>;
struct InfoHashV2Tag;
using InfoHashV2 = FixedBytes<InfoHashV2Tag, 32>;

InfoHash Truncate(const InfoHashV2& hash);

// One torrent's names; at least one of them is there.
struct InfoHashes {
  std::optional<InfoHash> v1;
  std::optional<InfoHashV2> v2;

  // By which we know the torrent: v1 where there is one, since that is what most clients announce.
  InfoHash Best() const;
  bool Has(const InfoHash& hash) const;
  // As announces name it: one, or two of a hybrid, Best first.
  std::vector<InfoHash> Names() const;
  friend bool operator==(const InfoHashes&, const InfoHashes&) = default;
};

// 40 digits in lower case.
std::string ToHex(const InfoHash& hash);
// Takes 40 hexadecimal digits, or 32 of base32 as in old magnet links (BEP 9); nullopt for the
// rest.
std::optional<InfoHash> ParseInfoHash(absl::string_view text);
// The same, or v2 in its 64 digits: what a person names a torrent by.
std::optional<InfoHash> ParseTorrentHash(absl::string_view text);

}  // namespace p2pd::archive::torrent
