// LocalStore: this node's share of the store without the overlay: which objects it keeps, which it
// refuses and why, what it gives out.
//
// Rules: never roll back: a lower sequence of a slot is refused, an equal one only with an equal
// body. What a user revoked and what an owner removed is neither kept nor given out. A full place,
// a full network or a full table loses the newest of its largest account, so that nobody is pushed
// out by somebody who holds more. Expired rows are never given out. Threads: one owner. Limits:
// below. Sources: design §4; OpenDHT's fair shares (Rhea et al. 2005).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/store/account.h"
#include "libcore/store/object_table.h"

namespace p2pd::store {

// Objects and bytes in each room of a place, of which there are three: what only its owner can
// write, certificates, and what anybody can. Beyond it the room's largest account loses its newest.
inline constexpr size_t kMaxObjectsPerPlace = 64;
inline constexpr size_t kMaxBytesPerPlace = 256 * 1024;
// In which accounts are compared there.
inline constexpr size_t kWeightUnit = 4096;
// Devices of one user whose states are kept (design §4). A ninth is refused until one is revoked or
// expires.
inline constexpr size_t kMaxDevicesPerUser = 8;

// What became of an object that somebody wants kept; the names of the counters "store.kept",
// "store.refused_…".
enum class KeepResult {
  kKept,
  kAlreadyHere,      // this one, or another signature over the same body
  kStale,            // a newer one is here
  kConflict,         // another body with the same sequence is here
  kRevoked,          // state of a revoked device
  kRemoved,          // taken back by its secret
  kNothingToRemove,  // an owner's removal of what is not here
  kPlaceFull,
  kOverQuota,  // the network's share
  kTableFull,
  kWrongPlace,  // the place is neither its key nor its second place
  kFailed,      // disk
};
absl::string_view KeepResultName(KeepResult result);
// True when the object stands here now.
inline bool Stands(KeepResult result) {
  return result == KeepResult::kKept || result == KeepResult::kAlreadyHere;
}

struct LocalStoreOptions {
  size_t max_bytes = 256 << 20;
  size_t max_bytes_per_network = 4 << 20;
};

struct ReadOptions {
  std::vector<ObjectKind> kinds;            // none: all but removals
  std::vector<pki::CertificateHash> roots;  // authentication only; none: all
};

class LocalStore {
 public:
  // `table` and `counters` outlive the store.
  LocalStore(const LocalStoreOptions& options, ObjectTable& table, Counters& counters);

  struct KeepOptions {
    Key place;
    std::string account;
    // True for an owner's removal, which must find its value; replicas pass removals on in any
    // case.
    bool removal_needs_value = false;
  };
  KeepResult Keep(const Object& object, const KeepOptions& options, absl::Time now);
  // True when exactly these bytes stand there.
  bool Holds(const Key& place, const pki::Sha256Digest& digest) const {
    return table_.Holds(place, digest);
  }

  // What may be given out: not expired, not of a revoked device, of these roots.
  std::vector<StoredRow> Read(const Key& place, const ReadOptions& options, absl::Time now) const;
  // All that replicas owe each other, removals included.
  std::vector<StoredRow> ReadAll(const Key& place, absl::Time now) const;
  void Erase(const StoredRow& row);
  size_t EraseExpired(absl::Time now);

  void SetTrustedRoots(TrustedRoots roots) { roots_ = std::move(roots); }
  const TrustedRoots& trusted_roots() const { return roots_; }
  const ObjectTable& table() const { return table_; }
  // Why the table did not take the object that it was given last; OK when it did.
  const absl::Status& write_error() const { return write_error_; }

 private:
  KeepResult Decide(const Object& object, const KeepOptions& options, absl::Time now);
  KeepResult CheckSlot(const Object& object, const std::vector<StoredRow>& here) const;
  KeepResult CheckRules(const Object& object, const KeepOptions& options,
                        const std::vector<StoredRow>& here) const;
  KeepResult MakeRoomAtPlace(const Object& object, const KeepOptions& options,
                             const std::vector<StoredRow>& here);
  KeepResult MakeRoomInTable(const Object& object, const KeepOptions& options, size_t replaced);
  void ApplyConsequences(const Object& object, const std::vector<StoredRow>& here);

  LocalStoreOptions options_;
  ObjectTable& table_;
  Counters& counters_;
  TrustedRoots roots_;
  absl::Status write_error_;
};

}  // namespace p2pd::store
