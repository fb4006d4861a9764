#include "clients/cli/torrent/tracker_urls.h"

#include "absl/strings/str_cat.h"
#include "libcore/archive/lt/address_guard.h"

namespace p2pd::cli {

absl::Status CheckTrackers(const std::vector<std::string>& urls) {
  for (const std::string& url : urls) {
    if (archive::lt::IsTrackerUrl(url)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", url, "' is no tracker: one begins with http://, https:// or udp://"));
  }
  return absl::OkStatus();
}

}  // namespace p2pd::cli
