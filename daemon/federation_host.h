// FederationHost: carries what the archive's federation and the overlay say to each other between
// their two threads.
//
// Rules: the federation lives on the archive's thread, the overlay on the core thread; each posts
// to the other and neither waits. Leave ends the archive's side, after which the node may end, then
// this, then the archive. Threads: as marked.
#pragma once

#include <map>

#include "absl/status/statusor.h"
#include "daemon/archive_host.h"
#include "daemon/config.h"
#include "daemon/node_host.h"
#include "daemon/tracker_host.h"
#include "libcore/archive/federation/federation_key.h"

namespace p2pd::daemon {

// The secret that `config` names. Errors are one line for a person.
absl::StatusOr<archive::federation::FederationKey> ReadFederationKey(const ArchiveConfig& config);

class FederationHost {
 public:
  // What one question may take, with the way there and back.
  static constexpr absl::Duration kAskTimeout = absl::Seconds(5);
  static constexpr absl::Duration kSearchTimeout = absl::Seconds(10);
  // Nodes whose records were seen under the service's name.
  static constexpr size_t kMaxKnown = 4 * archive::federation::Federation::kMaxMembers;

  // Main thread. Joins with what `config` says of this S-tracker; all but `tracker`, which may be
  // nullptr, outlive it.
  FederationHost(const Config& config, ArchiveHost& archive, TrackerHost* tracker, NodeHost& node,
                 archive::federation::FederationKey key);
  // Main thread; waits for the archive's.
  void Leave();

 private:
  // Core thread.
  void Join(const Config& config, std::vector<std::string> trackers,
            archive::federation::FederationKey key);
  void Offer(const archive::federation::OfferRecord& offer);
  void Search();
  void Ask(archive::federation::AskMember ask);
  void Answer(const archive::federation::AnswerMember& answer);
  void OnRequest(const overlay::IncomingRequest& request);
  void OnFound(const node::Completed& completed);
  // Any thread.
  void Answer(archive::federation::AskId id, absl::StatusOr<Bytes> answer);

  ArchiveHost& archive_;
  NodeHost& node_;
  // Core thread: the name of the service, and where members are.
  std::string service_;
  std::map<archive::MemberId, overlay::NodeRecord> members_;
};

}  // namespace p2pd::daemon
