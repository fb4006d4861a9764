// Tracker: what an announce means, whichever protocol carried it: may it be served, what comes
// back, when to come again, and what the archive is to hear. UdpTracker and HttpTracker are its two
// languages.
//
// Rules: each worker thread has a Tracker of its own around the one SwarmTable, AccessBoard and
// TrackerEvents. Clients come back after the interval ±10 %, so that they do not come all at once;
// soon, while a swarm is young or short of copies, since then a list is out of date quickly.
// Threads: one owner each. Limits: the table's; kMaxEvents events wait.
// Sources: BEP 3, 15, 31; the S-tracker paper (2017).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/archive/tracker/access.h"
#include "libcore/archive/tracker/sample.h"
#include "libcore/archive/tracker/swarm_table.h"
#include "libcore/archive/tracker/tally.h"
#include "libcore/base/bounded_queue.h"
#include "libcore/base/siphash.h"
#include "libcore/base/time.h"

namespace p2pd::archive::tracker {

// What the archive hears.
struct TrackerEvent {
  enum class Kind : uint8_t {
    // A seed of a torrent that SetArchive did not name: the archive may fetch it from there. At
    // most one each 30 s for a torrent.
    kSeedAnnounced,
    // A leecher of a torrent that the archive keeps alive (`always`): the archive may dial it.
    kLeecherAnnounced,
  };
  Kind kind;
  InfoHash hash;
  net::Endpoint endpoint;
};
using TrackerEvents = BoundedQueue<TrackerEvent>;
// Half a minute of a busy tracker's new torrents; what does not fit is announced again.
inline constexpr size_t kMaxEvents = 16'384;

struct TrackerOptions {
  absl::Duration interval = absl::Seconds(1800);  // BEP 3; what most trackers use
  // A client that comes earlier is served all the same: it may have lost its peers.
  absl::Duration min_interval = absl::Seconds(900);
  // While a swarm is younger than `young` or short of copies.
  absl::Duration short_interval = absl::Seconds(120);
  absl::Duration short_min_interval = absl::Seconds(60);
  absl::Duration young = absl::Minutes(10);
  // Of the connection ids of BEP 15; the same for all workers of a port, since the kernel may hand
  // each datagram of a client to another one.
  SipHashKey connection_key{};
};

struct AnnounceAnswer {
  SwarmReply swarm;
  absl::Duration interval;
  absl::Duration min_interval;
};

class Tracker {
 public:
  // All outlive the tracker; `events` may be null: nobody archives. `rng` is used here only.
  Tracker(const TrackerOptions& options, SwarmTable& table, const AccessBoard& access,
          TrackerEvents* events, Rng& rng);

  // nullopt: `answer` is filled. `key` is what the asker showed of itself, empty for none.
  std::optional<Refusal> Announce(Instant now, const PeerAnnounce& announce, absl::string_view key,
                                  AnnounceAnswer& answer);
  // The same judgement for a scrape.
  std::optional<Refusal> MayScrape(const InfoHash& hash, absl::string_view key);
  SwarmCounts Scrape(const InfoHash& hash) const { return table_.Scrape(hash); }

  const TrackerOptions& options() const { return options_; }
  Tally& tally() { return tally_; }
  const Tally& tally() const { return tally_; }

 private:
  std::optional<Refusal> Judge(const InfoHash& hash, absl::string_view key);
  void SetIntervals(AnnounceAnswer& answer);
  void Tell(TrackerEvent::Kind kind, const PeerAnnounce& announce);

  const TrackerOptions options_;
  SwarmTable& table_;
  const AccessBoard& board_;
  TrackerEvents* const events_;
  SampleStream random_;
  // Owners: the board, and the workers that have not seen a newer one.
  std::shared_ptr<const Access> access_;
  uint64_t access_version_ = 0;
  Tally tally_;
};

}  // namespace p2pd::archive::tracker
