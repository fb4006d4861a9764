// Access: which torrents and which people a tracker serves.
//
// Rules: three modes: public takes each torrent that is not denied; allow-list takes what is listed
// and not denied; keys takes announces that show one of the keys (BEP 41 for UDP, the first part of
// the path for HTTP) for torrents that are not denied. A denied torrent is denied in each mode,
// whether the operator's file names it or the archive does. The
// lists are never changed, only replaced as a whole, while announces go on.
// Threads: Access is read-only; AccessBoard from any. Limits: kMaxEntries of each list.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::tracker {

enum class AccessMode : uint8_t { kPublic, kAllowList, kKeys };

// Why an announce was refused.
enum class Refusal : uint8_t { kNotAllowed, kDenied, kUnknownKey };
// One sentence for the person whose client shows it.
absl::string_view TextOf(Refusal refusal);

struct Access {
  // A list of a million hashes takes some 40 MB.
  static constexpr size_t kMaxEntries = 1'000'000;
  static constexpr size_t kMaxKey = 64;

  AccessMode mode = AccessMode::kPublic;
  absl::flat_hash_set<torrent::InfoHash> allowed;
  absl::flat_hash_set<torrent::InfoHash> denied;
  absl::flat_hash_set<torrent::InfoHash> denied_by_archive;
  absl::flat_hash_set<std::string> keys;

  bool Denies(const torrent::InfoHash& hash) const {
    return denied.contains(hash) || denied_by_archive.contains(hash);
  }

  // nullopt: serve it. `key` is what the asker showed, empty for none.
  std::optional<Refusal> Judge(const torrent::InfoHash& hash, absl::string_view key) const;
};

// One hash of 40 hexadecimal digits (32 of base32, 64 of version 2) a line; `#` begins a comment.
// InvalidArgument names `file` and the line.
absl::StatusOr<absl::flat_hash_set<torrent::InfoHash>> ParseHashList(absl::string_view text,
                                                                     absl::string_view file);
// One key a line: 8 to kMaxKey letters, digits, '-' or '_', so that it stands in a URL as it is.
absl::StatusOr<absl::flat_hash_set<std::string>> ParseKeyList(absl::string_view text,
                                                              absl::string_view file);

// Where the present Access hangs, for workers to look at.
class AccessBoard {
 public:
  explicit AccessBoard(Access access) { Set(std::move(access)); }

  void Set(Access access) ABSL_LOCKS_EXCLUDED(mutex_);
  // Grows with each Set: who sees another number takes Get anew. One load, without a lock.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // Owners: the board and each worker that has looked; the last one to look away frees it.
  std::shared_ptr<const Access> Get() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  // Owners: as of Get.
  std::shared_ptr<const Access> access_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> version_{0};
};

}  // namespace p2pd::archive::tracker
