// Words: figures of a torrent as a person reads them. Threads: values.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/archive/archive.h"

namespace p2pd::archive::catalogue {

// "964.5 MiB".
std::string SizeText(uint64_t bytes);
// "1.8"; three digits behind the point at most, and never rounded up to a copy that is not whole.
std::string NumberText(const Availability& availability);
// "2026-11-22 13:30 UTC", and the same for machines (RFC 3339).
std::string TimeText(absl::Time time);
std::string MachineTime(absl::Time time);
// RFC 822, as RSS wants it.
std::string MailTime(absl::Time time);
// "42 %": 100 only when it is all.
std::string ShareText(uint64_t part, uint64_t whole);
// "1 peer", "2 peers".
std::string CountText(uint64_t count, absl::string_view one, absl::string_view many);
// Of its page, which its .torrent file and its JSON stand beside.
std::string TorrentPath(const TorrentSummary& summary);
// What the state means: "all of it is in this archive".
absl::string_view StateText(TorrentState state);

// How a torrent fares, from the one who wants it.
enum class Health : uint8_t {
  kUnknown,     // nothing is known of its pieces yet
  kIncomplete,  // some piece nobody has who was met
  kOnArchives,  // whole, and but for archives it would not be
  kHealthy,     // whole without archives
};
Health HealthOf(const TorrentSummary& summary);
// "on archives alone".
absl::string_view HealthText(Health health);

}  // namespace p2pd::archive::catalogue
