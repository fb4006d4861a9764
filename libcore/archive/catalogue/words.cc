#include "libcore/archive/catalogue/words.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace p2pd::archive::catalogue {

std::string SizeText(uint64_t bytes) {
  constexpr absl::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, bytes == 1 ? " byte" : " bytes");
  auto value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat(value < 100 ? "%.1f %s" : "%.0f %s", value, kUnits[unit]);
}

std::string NumberText(const Availability& availability) {
  std::string text = absl::StrFormat("%d.%03d", availability.whole, availability.fraction / 10);
  while (text.back() == '0') text.pop_back();
  return std::string(absl::StripSuffix(text, "."));
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

std::string MachineTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string MailTime(absl::Time time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", time, absl::UTCTimeZone());
}

std::string ShareText(uint64_t part, uint64_t whole) {
  return absl::StrCat(whole == 0 ? 0 : part * 100 / whole, " %");
}

std::string CountText(uint64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

std::string TorrentPath(const TorrentSummary& summary) {
  return absl::StrCat("/torrent/", torrent::ToHex(summary.hashes.Best()));
}

absl::string_view StateText(TorrentState state) {
  switch (state) {
    case TorrentState::kKnown:
      return "known by name; nothing of it is being fetched";
    case TorrentState::kMetadata:
      return "what it is made of is being asked of peers";
    case TorrentState::kFetching:
      return "on its way here";
    case TorrentState::kArchived:
      return "all of it is in this archive";
    case TorrentState::kThinned:
      return "this archive keeps what is rarest of it";
    case TorrentState::kDormant:
      return "in this archive, and asleep until somebody asks";
    case TorrentState::kLost:
      return "some of its pieces nobody has who was met";
  }
  return "";
}

Health HealthOf(const TorrentSummary& summary) {
  if (summary.pieces == 0 || summary.state < TorrentState::kFetching) return Health::kUnknown;
  if (summary.total.whole == 0) return Health::kIncomplete;
  return summary.organic.whole == 0 ? Health::kOnArchives : Health::kHealthy;
}

absl::string_view HealthText(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "not known yet";
    case Health::kIncomplete:
      return "incomplete";
    case Health::kOnArchives:
      return "on archives alone";
    case Health::kHealthy:
      return "healthy";
  }
  return "";
}

}  // namespace p2pd::archive::catalogue
