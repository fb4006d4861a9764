// Magnet links (BEP 9, 53): a torrent's name, and where to ask for the rest.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/archive/torrent/info_hash.h"

namespace p2pd::archive::torrent {

struct Magnet {
  // A longer link, or more addresses in one, are refused.
  static constexpr size_t kMaxLink = 8192;
  static constexpr size_t kMaxAddresses = 32;

  InfoHashes hashes;
  std::string name;                    // what the link calls it; may be empty
  std::vector<std::string> trackers;   // tr
  std::vector<std::string> web_seeds;  // ws
  std::vector<std::string> peers;      // x.pe: host:port
};

// Whether a link is one, by its scheme alone.
bool IsMagnet(absl::string_view link);
// InvalidArgument says in words for a person what is wrong.
absl::StatusOr<Magnet> ParseMagnet(absl::string_view link);
std::string ToLink(const Magnet& magnet);

}  // namespace p2pd::archive::torrent
