// SubmissionHost: takes torrents that people hand to this S-tracker over the overlay.
//
// Rules: it offers itself under the service's name as long as it lives, judges requests on the core
// thread (submission_desk.h), where trust is, and hands what is good to the archive's. Stop comes
// before the node ends, which comes before this. Threads: as marked.
#pragma once

#include <memory>

#include "daemon/archive_host.h"
#include "daemon/node_host.h"
#include "libcore/archive/submission/submission_desk.h"
#include "libcore/base/counters.h"
#include "libcore/runtime/loop.h"

namespace p2pd::daemon {

class SubmissionHost {
 public:
  static constexpr absl::Duration kRecordLife = absl::Minutes(30);
  static constexpr absl::Duration kOfferEvery = absl::Minutes(10);

  // Main thread. Both outlive it.
  SubmissionHost(ArchiveHost& archive, NodeHost& node);
  // Main thread; waits until neither thread knows of it any more.
  void Stop();

 private:
  // Core thread.
  void Begin();
  void Offer();
  void OnRequest(const overlay::IncomingRequest& request);
  void Answer(overlay::AnswerToken token, const archive::submission::Answer& answer);

  ArchiveHost& archive_;
  NodeHost& node_;
  // Core thread.
  Counters counters_;
  std::unique_ptr<archive::submission::SubmissionDesk> desk_;  // none: nothing is taken
  std::unique_ptr<runtime::Timer> timer_;
};

}  // namespace p2pd::daemon
