#include "libcore/archive/tracker/tracker.h"

#include <algorithm>

namespace p2pd::archive::tracker {

Tracker::Tracker(const TrackerOptions& options, SwarmTable& table, const AccessBoard& access,
                 TrackerEvents* events, Rng& rng)
    : options_(options), table_(table), board_(access), events_(events), random_(rng.Next()) {}

std::optional<Refusal> Tracker::Judge(const InfoHash& hash, absl::string_view key) {
  const uint64_t version = board_.version();
  if (version != access_version_) {
    access_ = board_.Get();
    access_version_ = version;
  }
  const auto refusal = access_->Judge(hash, key);
  if (refusal) tally_.Add(Count::kRefused);
  return refusal;
}

std::optional<Refusal> Tracker::MayScrape(const InfoHash& hash, absl::string_view key) {
  return Judge(hash, key);
}

std::optional<Refusal> Tracker::Announce(Instant now, const PeerAnnounce& announce,
                                         absl::string_view key, AnnounceAnswer& answer) {
  if (const auto refusal = Judge(announce.hash, key)) return refusal;
  table_.Announce(now, announce, random_, answer.swarm);
  SetIntervals(answer);
  tally_.Add(Count::kPeersGiven, answer.swarm.v4.count() + answer.swarm.v6.count());
  if (answer.swarm.archive_given) tally_.Add(Count::kArchiveGiven);
  if (answer.swarm.tell_seed) Tell(TrackerEvent::Kind::kSeedAnnounced, announce);
  const bool leecher = !announce.seed && announce.event != AnnounceEvent::kStopped;
  if (leecher && answer.swarm.archived && answer.swarm.scarce) {
    Tell(TrackerEvent::Kind::kLeecherAnnounced, announce);
  }
  return std::nullopt;
}

void Tracker::SetIntervals(AnnounceAnswer& answer) {
  const bool soon = answer.swarm.scarce || answer.swarm.age < options_.young;
  const absl::Duration mean =
      soon ? std::min(options_.short_interval, options_.interval) : options_.interval;
  // Whole seconds within ±10 %, since that is what both protocols can say.
  const auto seconds = static_cast<uint32_t>(absl::ToInt64Seconds(mean));
  const uint32_t tenth = seconds / 10;
  answer.interval = absl::Seconds(seconds - tenth + random_.Below(2 * tenth + 1));
  answer.min_interval = std::min(soon ? options_.short_min_interval : options_.min_interval,
                                 absl::Seconds(seconds - tenth));
}

void Tracker::Tell(TrackerEvent::Kind kind, const PeerAnnounce& announce) {
  if (events_ == nullptr) return;
  const bool told = events_->Push({.kind = kind, .hash = announce.hash, .endpoint = announce.peer});
  tally_.Add(told ? Count::kEvents : Count::kDroppedEventsFull);
}

}  // namespace p2pd::archive::tracker
