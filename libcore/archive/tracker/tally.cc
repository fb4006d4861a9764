#include "libcore/archive/tracker/tally.h"

namespace p2pd::archive::tracker {

absl::string_view NameOf(Count count) {
  switch (count) {
    case Count::kUdpConnects:
      return "tracker.udp_connects";
    case Count::kUdpAnnounces:
      return "tracker.udp_announces";
    case Count::kUdpScrapes:
      return "tracker.udp_scrapes";
    case Count::kHttpAnnounces:
      return "tracker.http_announces";
    case Count::kHttpScrapes:
      return "tracker.http_scrapes";
    case Count::kPeersGiven:
      return "tracker.peers_given";
    case Count::kArchiveGiven:
      return "tracker.archive_given";
    case Count::kEvents:
      return "tracker.events";
    case Count::kDroppedEventsFull:
      return "tracker.dropped_events_full";
    case Count::kRefused:
      return "tracker.refused";
    case Count::kDroppedMalformed:
      return "tracker.dropped_malformed";
    case Count::kDroppedNotConnected:
      return "tracker.dropped_not_connected";
    case Count::kErrorsMalformed:
      return "tracker.errors_malformed";
    case Count::kHttpNotFound:
      return "tracker.http_not_found";
    case Count::kHttpMalformed:
      return "tracker.http_malformed";
  }
  return "";
}

}  // namespace p2pd::archive::tracker
