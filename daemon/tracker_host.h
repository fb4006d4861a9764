// TrackerHost: the BitTorrent tracker on its sockets: UDP workers with a Tracker each, HTTP on a
// loop of its own, and the file that keeps swarms over a restart.
//
// Rules: UDP and TCP have the same port number. Workers share the swarm table and meet nobody else;
// the core thread is not asked by any announce. Swarms are written every kSaveEvery and at the end.
// Threads: all methods from any, after Start. Limits: those of archive/tracker, runtime::UdpFan and
// runtime::TcpServer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "daemon/config.h"
#include "libcore/archive/tracker/tracker.h"
#include "libcore/base/mutex.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/system_rng.h"
#include "libcore/runtime/tcp_server.h"
#include "libcore/runtime/thread.h"
#include "libcore/runtime/udp_fan.h"

namespace p2pd::daemon {

class TrackerHost {
 public:
  // What a crash can cost: announces of five minutes, of 30 that pass between two of a client.
  static constexpr absl::Duration kSaveEvery = absl::Minutes(5);

  // `config.listen` is set; swarms are kept in `folder`, which is made. Errors are one line for a
  // person.
  static absl::StatusOr<std::unique_ptr<TrackerHost>> Start(const TrackerConfig& config,
                                                            const std::string& folder);
  // Stops answering, then writes the swarms.
  ~TrackerHost();

  // Reads mode and lists again; an error leaves all as it was.
  absl::Status Reload(const TrackerConfig& config) ABSL_LOCKS_EXCLUDED(lists_mutex_);
  // Of UDP and TCP.
  const net::Endpoint& listen_endpoint() const { return udp_->local(); }
  // Whether the list `allow` names it, whatever the mode.
  bool Allows(const archive::torrent::InfoHash& hash) const {
    return access_.Get()->allowed.contains(hash);
  }
  // Whether the list `deny` names it.
  bool Denies(const archive::torrent::InfoHash& hash) const {
    return access_.Get()->denied.contains(hash);
  }
  // What the archive denies, in place of what it denied before: served no more than what the list
  // `deny` names.
  void SetDeniedByArchive(absl::flat_hash_set<archive::torrent::InfoHash> denied)
      ABSL_LOCKS_EXCLUDED(lists_mutex_);
  // What the archive tells and hears.
  archive::tracker::SwarmTable& table() { return table_; }
  archive::tracker::TrackerEvents& events() { return events_; }
  // Of all workers together, "tracker.…".
  void AddCounters(std::map<std::string, uint64_t>& out) const;

 private:
  class Worker;
  TrackerHost(const TrackerConfig& config, std::string folder);
  absl::Status Open(const TrackerConfig& config);
  absl::Status Listen(const net::Endpoint& bind);
  void Restore();
  void Save();

  const std::string folder_;
  runtime::SystemRng rng_;
  archive::tracker::SwarmTable table_;
  Mutex lists_mutex_;  // who changes a part of the lists keeps the rest
  archive::tracker::AccessBoard access_;
  archive::tracker::TrackerEvents events_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<archive::tracker::Tracker> http_tracker_;
  runtime::Loop http_loop_;
  runtime::Loop save_loop_;
  std::unique_ptr<runtime::TcpServer> tcp_;
  std::unique_ptr<runtime::UdpFan> udp_;
  std::unique_ptr<runtime::Timer> save_timer_;
  // The threads go first: they use everything above.
  std::unique_ptr<runtime::Thread> http_thread_;
  std::unique_ptr<runtime::Thread> save_thread_;
};

}  // namespace p2pd::daemon
