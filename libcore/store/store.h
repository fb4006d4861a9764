// Store: puts and gets of objects over the overlay, and this node's share of keeping them:
// replicas, repair, expiry, quotas, subscriptions.
//
// Rules: 8 replicas around the root; a put is acknowledged by 5, fewer only where the ring has
// fewer, and then said. A storing node verifies before it keeps or forwards. Immutable kinds
// (authentication, raw): the first copy that verifies is the answer. Mutable kinds: all replicas
// are asked at once and the newest of 4 distinct answers counts, never older than `at_least`. Any
// holder may put an object again unchanged until it expires. Threads: one owner (core). The owner
// hands in the overlay's events for Service::kStore. Sources: Rhea et al. 2005 (OpenDHT); design
// §4.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"
#include "libcore/overlay/node.h"
#include "libcore/store/object.h"
#include "libcore/store/object_table.h"

namespace p2pd::store {

struct OperationIdTag;
using OperationId = Strong<OperationIdTag, uint64_t>;

struct StoreOptions {
  size_t max_bytes = 256 << 20;  // of the table
  size_t max_bytes_per_network = 4 << 20;
  int wanted_acks = 5;
};

struct PutDone {
  OperationId id;
  absl::Status status;  // OK also with fewer acks than wanted where the ring has fewer nodes
  int acks = 0;         // copies that stand
  int replicas = 0;     // how many the ring should have had: min(8, nodes known around the key)
};
struct GetDone {
  OperationId id;
  absl::Status status;          // NotFound when enough replicas answered that there is none
  std::vector<Object> objects;  // newest of each slot, verified, not expired
  int hops = 0;                 // of the routed request
  int answers = 0;              // replicas that answered
  std::optional<overlay::NodeRecord> from;  // the node whose copy came first
  int invalid = 0;   // values in the answers that did not validate: forged or damaged
  int outdated = 0;  // valid ones older than `at_least`; both are not in `objects`
};
struct RemoveDone {
  OperationId id;
  absl::Status status;
};
// An object under a key that we subscribed to came or was replaced.
struct Notification {
  Key key;
  Object object;
};
using Event = std::variant<PutDone, GetDone, RemoveDone, Notification>;

struct GetOptions {
  std::optional<ObjectKind> kind;  // nullopt: all kinds
  std::vector<pki::CertificateHash>
      roots;  // authentication only: which roots the reader trusts; empty: all
  std::map<Bytes, Sequence> at_least;  // by slot: older ones are not accepted
  absl::Duration timeout = absl::Seconds(4);
  // Raw values only: the one whose data has this digest, and none that a stranger put beside it.
  std::optional<pki::Sha256Digest> data_digest;
};

class Store {
 public:
  // All references outlive the store.
  Store(const StoreOptions& options, overlay::Node& overlay, ObjectTable& table,
        const WallClock& wall, Rng& rng, Counters& counters);
  ~Store();

  // Overlay events of Service::kStore, and every LeafSetChanged.
  void OnRequest(Instant now, const overlay::IncomingRequest& request);
  void OnResponse(Instant now, const overlay::Response& response);
  void OnRequestFailed(Instant now, const overlay::RequestFailed& failed);
  void OnReplicasFound(Instant now, const overlay::ReplicasFound& found);
  void OnLeafSetChanged(Instant now, const overlay::LeafSetChanged& changed);
  // True when the store sent this request: how the owner tells whose response it is.
  bool Owns(overlay::RequestId id) const;
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Event> PollEvent();

  // Exactly one PutDone, GetDone, RemoveDone follows each.
  OperationId Put(Instant now, const Object& object);
  OperationId Get(Instant now, const Key& key, const GetOptions& options);
  // Removes the raw value with this data digest by its secret.
  OperationId RemoveRaw(Instant now, const Key& key, const pki::Sha256Digest& data_digest,
                        ByteView secret);

  // Asks the replicas of `key` to tell us of new objects of this kind until `Unsubscribe`; kept up
  // (leases of 10 min and more, renewed at half) whatever comes and goes. At most
  // kMaxSubscriptions.
  static constexpr size_t kMaxSubscriptions = 4096;
  absl::Status Subscribe(Instant now, const Key& key, ObjectKind kind);
  void Unsubscribe(const Key& key, ObjectKind kind);

  // Puts the object again before copies fade (leaf sets change, replicas die) until it expires or a
  // newer one of the same slot is kept: the owner's refresh.
  void KeepAlive(Instant now, const Object& object);
  void StopKeepingAlive(const Key& key, ObjectKind kind, ByteView slot);

  // Roots whose users' objects are charged to the certificate.
  void SetTrustedRoots(std::vector<pki::CertificateHash> roots);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::store
