// CallBook: the calls that were, in one SQLite file: who, when, how it ended, its figures, and
// where its recording is.
//
// Rules: a call is written when it begins and at each turn, so that a crash loses none; what was
// under way then is said to have ended with the daemon. Steps and certificates are left out. The
// latest kMaxRecords are kept; a message of the answering machine goes only when somebody says so.
// Threads: one owner (core); a db::Checkpointer empties its log. Sources: SQLite.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/db/database.h"
#include "p2pd/v1/call_service.pb.h"

namespace p2pd::daemon {

class CallBook {
 public:
  static constexpr int64_t kMaxRecords = 10'000;

  // As db::Database::Open.
  static absl::StatusOr<std::unique_ptr<CallBook>> Open(const std::string& path);
  static absl::StatusOr<std::unique_ptr<db::Checkpointer>> OpenCheckpointer(
      const std::string& path);

  // A call as it is now.
  absl::Status Put(const v1::Call& call);

  struct Filter {
    std::string identity = {};  // "identities/…"; empty: of all
    std::string peer = {};      // e-mail address; empty: with all
    bool missed = false;        // only these
    bool voicemail = false;     // only these
  };
  static constexpr int64_t kNewest = std::numeric_limits<int64_t>::max();
  // Of calls that have ended, those below `before`, the newest first. Unavailable: cannot be read.
  absl::StatusOr<std::vector<v1::CallRecord>> List(const Filter& filter, int64_t before,
                                                   size_t limit) const;
  // NotFound; Unavailable.
  absl::StatusOr<v1::CallRecord> Find(int64_t number) const;
  absl::Status Erase(int64_t number);
  // Those that ended before; messages stay.
  absl::Status EraseBefore(absl::Time time);
  // Of the answering machine.
  int messages() const;

  // "callRecords/{number}", or the number alone.
  static std::optional<int64_t> ParseName(absl::string_view name);

 private:
  explicit CallBook(db::Database database) : database_(std::move(database)) {}
  absl::Status Prepare();
  absl::Status EndWhatWasUnderWay();

  db::Database database_;
  db::Statement put_, trim_, list_, find_, erase_, erase_before_, count_messages_, under_way_;
};

}  // namespace p2pd::daemon
