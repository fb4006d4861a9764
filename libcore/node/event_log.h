// EventLog: what changed, in order, each with a revision. Watch streams read it: a client that
// comes back with the last revision it saw gets what it missed, or is told that this is gone and
// starts from a snapshot.
//
// The log holds names, not values: a reader looks up the resource as it is now, so a slow reader
// sees the newest state once instead of every state late. Threads: one owner (core). Limits: kKept
// changes; older revisions are gone.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/strong.h"

namespace p2pd::node {

struct RevisionTag;
using Revision = Strong<RevisionTag, uint64_t>;

enum class Topic { kIdentity, kContact, kCall, kOverlay };

struct Change {
  Revision revision;
  Topic topic = Topic::kOverlay;
  std::string name;    // identity e-mail; "identity/contact"; call id in hex; empty for the overlay
  std::string detail;  // one short sentence for `p2pctl events`, such as "joined" or "ringing"
  absl::Time time;
};

class EventLog {
 public:
  static constexpr size_t kKept = 4096;

  // Revisions of one run are told from those of another by `epoch` in resume tokens.
  explicit EventLog(uint64_t epoch) : epoch_(epoch) {}

  void Add(Topic topic, std::string name, std::string detail, absl::Time time);
  Revision last() const { return last_; }
  uint64_t epoch() const { return epoch_; }
  // What came after `since`, oldest first; nullopt when some of it is no longer kept.
  std::optional<std::vector<Change>> Since(Revision since) const;

  // "epoch-revision" in decimal, opaque to clients; nullopt from another run or malformed.
  std::string TokenFor(Revision revision) const;
  std::optional<Revision> ParseToken(const std::string& token) const;

 private:
  uint64_t epoch_;
  Revision last_;
  std::deque<Change> changes_;
};

}  // namespace p2pd::node
