// ReplicaServer: what this node does for others: keeps and gives out objects, gathers copies as the
// root of a put, compares with its neighbours, tells watchers.
//
// Rules: an object is verified before it is kept or passed on. Only places of whose replica set we
// are part are served. A neighbour's word on whom to charge is believed, a stranger is charged
// himself; comparing is for neighbours only, since it reads much. The replica nearest to the key
// tells the watchers, once.
// Threads: one owner. Limits: below, each with a counter.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/token_bucket.h"
#include "libcore/store/carrier.h"
#include "libcore/store/local_store.h"
#include "libcore/store/replica_range.h"
#include "libcore/store/watcher_handover.h"
#include "libcore/store/watchers.h"

namespace p2pd::store {

// A request as it reached us.
struct Asked {
  ReplyTo to;
  overlay::NodeRecord from;
  // As in overlay::IncomingRequest.
  net::Endpoint bearer;
  bool proved = false;
  StoreRequest request;
};

class ReplicaServer {
 public:
  // Puts whose copies we gather; more are told to come again.
  static constexpr size_t kMaxGathers = 512;
  // How long a root waits for slow replicas before it says what stands.
  static constexpr absl::Duration kGatherTime = absl::Milliseconds(1500);
  // Rows that one comparison reads.
  static constexpr size_t kMaxCompared = 16384;
  // Rows that neighbours make us read from the table, a second and at once; a summary, which an
  // index gives, is so much cheaper. Beyond it nobody is answered, and asks again later.
  static constexpr double kReadRate = 4000;
  static constexpr double kReadBurst = 20'000;
  static constexpr double kSummariesPerRow = 16;
  // Notifications on their way; a watcher that is not told finds out when it renews its lease.
  static constexpr size_t kMaxNotifications = 4096;
  // A new root hears of all watchers within this time of having become it; what it was given to
  // keep meanwhile it tells them late.
  static constexpr absl::Duration kHandoverTime = absl::Seconds(30);

  ReplicaServer(LocalStore& local, Counters& counters)
      : local_(local), counters_(counters), handover_(counters) {}

  // `wall` is civil time at `now`.
  void OnRequest(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  // Answers to what we asked of replicas and watchers.
  void OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply);
  void OnFailed(Instant now, Carrier& carrier, overlay::RequestId id);
  void OnJoined(Instant now, Carrier& carrier, const std::vector<overlay::NodeId>& joined);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;

  struct Kept {
    KeepResult result = KeepResult::kFailed;
    StoreStatus status = wire::v1::STORE_STATUS_INVALID;
    std::optional<Object> object;  // unless it was here already or is invalid
  };
  struct KeepPlan {
    Key place;
    std::string network;  // who put it, as an account
    bool removal_needs_value = false;
  };
  // Verifies and keeps; tells watchers. Also for what anti-entropy pulls.
  Kept Keep(Instant now, absl::Time wall, Carrier& carrier, ByteView encoded, const KeepPlan& plan);

  // True once after something new was kept: comparing with neighbours is due.
  bool TakeChanged() { return std::exchange(changed_, false); }
  const Watchers& watchers() const { return watchers_; }

 private:
  // A put at its root, while the copies are made.
  struct Gather {
    ReplyTo to;
    Key place;
    Bytes object;
    std::string account;
    std::set<overlay::NodeId> holders;
    std::set<overlay::RequestId> pending;
    size_t replicas = 0;
    size_t wanted = 0;
    Instant deadline;
    bool removal_waits = false;  // the value was not here; a replica may have it
    bool disk_failed = false;    // somebody's, or ours; the others may still keep it
  };
  struct Notice {
    Key place;
    ObjectKind kind{};
  };

  void OnPut(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void OnGet(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void OnReplicate(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void OnCompare(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void OnPull(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void OnSubscribe(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void PassOn(Instant now, Carrier& carrier, const Watchers::Subscription& subscription,
              uint32_t lease, const std::vector<overlay::NodeRecord>& set);
  void OnWatcher(Instant now, absl::Time wall, Carrier& carrier, const Asked& asked);
  void TellWhatCameFirst(Instant now, absl::Time wall, Carrier& carrier,
                         const Watchers::Subscription& subscription);
  void StartGather(Instant now, Carrier& carrier, Gather gather,
                   const std::vector<overlay::NodeRecord>& others);
  // Answers when enough copies stand or nobody is left to wait for; true when it is over.
  bool TryFinish(Instant now, Carrier& carrier, Gather& gather, bool late);
  void Refuse(Instant now, Carrier& carrier, const Asked& asked, StoreStatus status);
  void TellWatchers(Instant now, Carrier& carrier, const Object& object);
  // False when too many notifications are on their way.
  bool Notify(Instant now, Carrier& carrier, const Watchers::Subscription& subscription,
              const Object& object);
  bool MayRead(Instant now);
  std::string AccountOfReplica(const Carrier& carrier, const Asked& asked,
                               const std::string& claimed) const;

  LocalStore& local_;
  Counters& counters_;
  Watchers watchers_;
  WatcherHandover handover_;
  std::map<uint64_t, Gather> gathers_;
  uint64_t next_gather_ = 0;
  std::map<overlay::RequestId, uint64_t> gather_of_;
  std::map<overlay::RequestId, Notice> notices_;
  TokenBucket reads_{kReadRate, kReadBurst};
  bool changed_ = false;
};

StoreStatus StatusOf(KeepResult result);
// Rows of an arc that replicas compare: those that do not expire just now, and in a small ring only
// those that both nodes should hold.
struct ComparedRows {
  ComparedRows(const LocalStore& local, const Carrier& carrier, const overlay::NodeId& peer,
               const Arc& arc, bool whole_ring, absl::Time wall);
  std::vector<RowSummary> rows;
  // When there are more than kMaxCompared rows: the last place that was read as a whole and the
  // first one that was not.
  std::optional<Key> last;
  std::optional<Key> cut;
};

}  // namespace p2pd::store
