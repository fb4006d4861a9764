// Upkeep: objects that are to be put again: an owner's own, now and then, until they expire or a
// newer one is kept; and rows that lie here although this node is no longer among their replicas,
// once, before they are dropped.
//
// Rules: a row leaves only after a put of it succeeded where it belongs, or was refused because
// something newer stands there; and only while the leaf set has been quiet, since a ring in motion
// takes it back. Threads: one owner. Limits: below.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/store/carrier.h"
#include "libcore/store/local_store.h"
#include "libcore/store/put_operation.h"

namespace p2pd::store {

class Upkeep {
 public:
  // An owner's objects; beyond it KeepAlive counts and does nothing.
  static constexpr size_t kMaxKept = 4096;
  // Between two puts of one object: the replicas keep it among themselves, this is for the day when
  // all of them went at once.
  static constexpr absl::Duration kRefresh = absl::Minutes(15);
  static constexpr absl::Duration kRetry = absl::Seconds(30);
  // Rows on their way to where they belong, and how many places are looked at how often.
  static constexpr size_t kMaxHandOffs = 8;
  static constexpr size_t kPlacesPerScan = 32;
  static constexpr absl::Duration kScan = absl::Seconds(5);
  static constexpr absl::Duration kQuiet = absl::Minutes(1);
  // Places known to be ours; beyond it they are looked at again.
  static constexpr size_t kMaxOurs = 1 << 16;

  Upkeep(LocalStore& local, Rng& rng, Counters& counters)
      : local_(local), rng_(rng), counters_(counters) {}

  void KeepAlive(Instant now, const Object& object);
  void StopKeepingAlive(const Key& key, ObjectKind kind, ByteView slot);
  void OnLeafSetChanged(Instant now) {
    quiet_since_ = now;
    ours_.clear();
  }
  void OnTimeout(Instant now, absl::Time wall, const Carrier& carrier);
  std::optional<Instant> PollTimeout() const;

  // A put that is due. `hand_off` is the row that may go when it succeeded.
  struct Job {
    Object object;
    Key place;
    std::optional<StoredRow> hand_off;
  };
  std::optional<Job> PollJob();
  void OnDone(Instant now, const Job& job, const PutResult& result);

 private:
  using Name = std::tuple<Key, ObjectKind, Bytes>;
  struct Kept {
    Object object;
    Instant next;
    bool under_way = false;
  };
  static Name NameOf(const Object& object) { return {object.key(), object.kind(), object.slot()}; }
  void Scan(Instant now, absl::Time wall, const Carrier& carrier);

  LocalStore& local_;
  Rng& rng_;
  Counters& counters_;
  std::map<Name, Kept> kept_;
  std::deque<Job> jobs_;
  Instant quiet_since_;
  std::optional<Instant> next_scan_;
  Key cursor_;
  // Places that are ours by the leaf set and the record of ourselves as they are: at rest a scan
  // costs next to nothing. Nobody walks through it: its order is chance.
  absl::flat_hash_set<Key> ours_;
  std::optional<overlay::NodeRecord> ours_by_;
  size_t hand_offs_ = 0;
};

}  // namespace p2pd::store
