// Scrubber: when which piece that is kept is read and hashed again, so that what rotted, was edited
// or vanished is found while others still have it.
//
// Rules: rounds over all torrents in the order of their hashes and all their kept pieces, one after
// the other, spread evenly over the period; a round that fell behind (the machine was off) catches
// up at the highest rate and no faster. Where it is outlives a restart (Save, Restore), so that a
// machine that is off at night still comes to the end. Wall time decides, since a period is longer
// than a run; a clock that jumps makes a round faster, never beyond the rate, or later. Sans-I/O:
// Poll says what to hash, OnScrubbed what came of it. Threads: one owner. Limits: below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/bytes.h"
#include "libcore/base/counters.h"
#include "libcore/base/time.h"

namespace p2pd::archive {

struct ScrubOptions {
  // Of one round; zero: nothing is scrubbed.
  absl::Duration period = absl::Hours(24 * 30);
  // Bytes a second that it reads at most.
  uint64_t rate = 10 << 20;
};

// A torrent as the scrubber sees it.
struct ScrubTorrent {
  torrent::InfoHash hash;
  uint32_t piece_length = 0;
  std::vector<bool> have;  // empty: it cannot be read now
};

struct ScrubOrder {
  torrent::InfoHash hash;
  uint32_t piece = 0;
};

// What a round came to.
struct ScrubView {
  absl::Time began;
  std::optional<absl::Time> whole;  // when the last round came to its end
  uint64_t bytes = 0;               // of this round, hashed
  uint64_t pieces = 0;
  uint64_t rotted = 0;  // pieces that were not what they should be, in all rounds
};

class Scrubber {
 public:
  // An answer that does not come (the torrent went meanwhile) is waited for so long.
  static constexpr absl::Duration kPatience = absl::Minutes(10);
  // What may be hashed at once after a pause, at the highest rate.
  static constexpr absl::Duration kBurst = absl::Seconds(1);
  // Torrents without anything to hash that one Poll goes past.
  static constexpr int kMaxPassed = 1000;

  // `counters` outlives it.
  Scrubber(const ScrubOptions& options, Counters& counters, Instant now, absl::Time wall);

  // What Save gave, of an earlier run. InvalidArgument: it is something else, and nothing changed.
  absl::Status Restore(ByteView saved, absl::Time wall);
  Bytes Save() const;

  // The torrent behind this one in the order of hashes; nullopt: the first. No answer: there is
  // none.
  using Next =
      absl::FunctionRef<std::optional<ScrubTorrent>(const std::optional<torrent::InfoHash>&)>;
  // What to hash now; `all` are the bytes that are kept of all torrents. Not before OnScrubbed of
  // the last one.
  std::optional<ScrubOrder> Poll(Instant now, absl::Time wall, uint64_t all, Next next);
  // `rotted`: it was not what it should be.
  void OnScrubbed(const ScrubOrder& order, bool rotted);

  ScrubView view() const { return {began_, whole_, bytes_, pieces_, rotted_}; }

 private:
  // Bytes that should have been hashed by now.
  double Due(absl::Time wall, uint64_t all) const;
  void EndRound(absl::Time wall);
  bool FindPiece();

  const ScrubOptions options_;
  Counters& counters_;
  absl::Time began_;
  std::optional<absl::Time> whole_;
  uint64_t bytes_ = 0;
  uint64_t pieces_ = 0;
  uint64_t rotted_ = 0;
  // The torrent that it is in, or the last one that it went through, and the next piece.
  std::optional<torrent::InfoHash> at_;
  uint32_t piece_ = 0;
  std::optional<ScrubTorrent> torrent_;  // at_, as far as it was looked up
  bool resumed_ = false;                 // at_ is of an earlier run
  bool over_ = false;                    // all were hashed; the round waits for its end

  double allowance_ = 0;  // bytes
  Instant allowed_at_;
  std::optional<ScrubOrder> asked_;
  Instant asked_at_;
};

}  // namespace p2pd::archive
