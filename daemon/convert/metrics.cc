#include "daemon/convert/metrics.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/archive/library.h"
#include "libcore/metrics/exposition.h"

namespace p2pd::daemon {
namespace {

using archive::TorrentState;
using archive::TorrentSummary;
using metrics::Exposition;
using metrics::Type;

// Of the counters these may fall, too.
const std::set<std::string, std::less<>>& Gauges() {
  static const auto& gauges =
      *new std::set<std::string, std::less<>>{"archive.budget_bytes",
                                              "archive.budget_used_up",
                                              "archive.connections",
                                              "archive.down_limit_bytes_per_second",
                                              "archive.sent_in_month_bytes",
                                              "archive.up_limit_bytes_per_second",
                                              "tracker.bytes",
                                              "tracker.peers_ipv4",
                                              "tracker.peers_ipv6",
                                              "tracker.swarms"};
  return gauges;
}

constexpr TorrentState kStates[] = {TorrentState::kKnown,    TorrentState::kMetadata,
                                    TorrentState::kFetching, TorrentState::kArchived,
                                    TorrentState::kThinned,  TorrentState::kDormant,
                                    TorrentState::kLost};

// Those of whose pieces something is known.
void WriteAvailability(const std::vector<TorrentSummary>& torrents, Exposition& out) {
  std::optional<double> least;
  double incomplete = 0;
  double on_archives = 0;
  double peers = 0;
  double seeds = 0;
  for (const TorrentSummary& torrent : torrents) {
    peers += torrent.peers;
    seeds += torrent.seeds;
    if (torrent.pieces == 0) continue;
    least = std::min(least.value_or(torrent.total.value()), torrent.total.value());
    incomplete += torrent.total.whole == 0 ? 1 : 0;
    on_archives += torrent.organic.whole == 0 && torrent.total.whole > 0 ? 1 : 0;
  }
  out.Single("p2pd_archive_torrents_incomplete", Type::kGauge,
             "Torrents with a total availability under 1: a download cannot complete.", incomplete);
  out.Single("p2pd_archive_torrents_on_archives_alone", Type::kGauge,
             "Torrents that are whole, and would not be without archives.", on_archives);
  if (least) {
    out.Single("p2pd_archive_availability_min_copies", Type::kGauge,
               "The least total availability of a torrent.", *least);
  }
  out.Single("p2pd_archive_peers", Type::kGauge, "Connected peers that are no archives.", peers);
  out.Single("p2pd_archive_seeds", Type::kGauge, "Of the peers those who have everything.", seeds);
}

void WriteArchive(const Figures::Archive& archive, Exposition& out) {
  out.Single("p2pd_archive_used_bytes", Type::kGauge, "What the archive's pieces take.",
             static_cast<double>(archive.counts.bytes));
  out.Single("p2pd_archive_quota_bytes", Type::kGauge, "What they may take.",
             static_cast<double>(archive.counts.quota));
  out.Single("p2pd_archive_uploading", Type::kGauge, "Torrents of which somebody took of late.",
             static_cast<double>(archive.counts.uploading));
  out.Family("p2pd_archive_torrents", Type::kGauge, "Torrents by state.");
  for (const TorrentState state : kStates) {
    const auto count =
        std::count_if(archive.torrents.begin(), archive.torrents.end(),
                      [state](const TorrentSummary& torrent) { return torrent.state == state; });
    out.Sample("state", archive::ToString(state), static_cast<double>(count));
  }
  WriteAvailability(archive.torrents, out);
}

void WriteProcess(const Figures& figures, Exposition& out) {
  out.Family("p2pd_build_info", Type::kGauge, "1, with the version that runs.");
  out.Sample("version", figures.version, 1);
  out.Single("p2pd_uptime_seconds", Type::kGauge, "Since the daemon started.",
             absl::ToDoubleSeconds(figures.uptime));
  out.Single("p2pd_process_cpu_seconds_total", Type::kCounter, "User and system time.",
             absl::ToDoubleSeconds(figures.cpu));
  out.Single("p2pd_process_resident_memory_bytes", Type::kGauge, "Resident memory.",
             static_cast<double>(figures.resident_bytes));
  out.Single("p2pd_overlay_known_peers", Type::kGauge, "Nodes of the overlay that this one knows.",
             static_cast<double>(figures.overlay_peers));
  out.Single("p2pd_store_objects", Type::kGauge, "Objects of others that are kept.",
             static_cast<double>(figures.stored_objects));
  out.Single("p2pd_store_bytes", Type::kGauge, "What these objects take.",
             static_cast<double>(figures.stored_bytes));
  out.Single("p2pd_calls_active", Type::kGauge, "Calls that have not ended.",
             static_cast<double>(figures.calls));
}

}  // namespace

std::string ToExposition(const Figures& figures) {
  Exposition out;
  WriteProcess(figures, out);
  if (figures.archive) WriteArchive(*figures.archive, out);
  for (const auto& [name, value] : figures.counters) {
    const bool gauge = Gauges().contains(name);
    out.Single(gauge ? metrics::GaugeName(name) : metrics::CounterName(name),
               gauge ? Type::kGauge : Type::kCounter,
               absl::StrCat(name, ", as p2pctl status shows it."), static_cast<double>(value));
  }
  return out.text();
}

}  // namespace p2pd::daemon
