// The inside of Engine: what stands between its owner, libtorrent's thread and the disk.
//
// Threads, by method: "owner", "network" (libtorrent's own), "keep" (the last lane of IoThreads).
// What two of them touch is under a mutex.
#pragma once

#include <atomic>
#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/alert.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "libcore/archive/lt/disk_io.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/lt/event_box.h"
#include "libcore/archive/lt/io_threads.h"
#include "libcore/archive/lt/watch.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::lt {

// One torrent that is in libtorrent's memory. Owners: the table of the loaded ones, and tasks that
// are on their way to another thread.
struct LoadedTorrent {
  torrent::InfoHashes hashes;
  torrent::InfoHash id;
  // Ours, untouched; libtorrent gets its own where it would take ours apart.
  std::shared_ptr<libtorrent::torrent_info> info;  // none while the metainfo is not known
  std::shared_ptr<pieces::Holding> holding;
  std::shared_ptr<Board> board;
  std::shared_ptr<WatchedTorrent> watched;
  TrackerTiers trackers;
  std::vector<std::string> web_seeds;
  std::vector<net::Endpoint> peers;
  bool is_private = false;
  bool private_addresses = false;
  bool woken = false;

  // Network:
  libtorrent::torrent_handle handle;
  pieces::PieceSet offered;  // what libtorrent believes that we have
  bool announced = false;    // TorrentReady was said
  bool gone = false;
  bool reloading = false;
  bool stalled = false;  // the disk was full

  Mutex mutex;
  // Proved, and not kept on disk yet.
  std::vector<pieces::Piece> passed ABSL_GUARDED_BY(mutex);
  bool keeping ABSL_GUARDED_BY(mutex) = false;
  bool kept_later ABSL_GUARDED_BY(mutex) = false;      // the disk refused, and is asked again
  std::vector<uint8_t> wanted ABSL_GUARDED_BY(mutex);  // priorities, by piece
};

class Engine::Impl {
 public:
  using Loaded = std::shared_ptr<LoadedTorrent>;
  using Pieces = std::vector<pieces::Piece>;

  explicit Impl(EngineOptions options);
  ~Impl();
  absl::Status Start();

  // Owner.
  absl::Status Add(AddRequest request);
  absl::Status Remove(const torrent::InfoHash& hash, bool sleep);
  void AddSleeping(absl::Span<const torrent::InfoHashes> hashes);
  absl::Status SetWanted(const torrent::InfoHash& hash, absl::Span<const WantedPiece> wanted);
  absl::Status Drop(const torrent::InfoHash& hash, absl::Span<const pieces::Piece> pieces);
  absl::Status Scrub(const torrent::InfoHash& hash, pieces::Piece piece);
  absl::Status Read(const torrent::InfoHash& hash, absl::Span<const pieces::Range> ranges,
                    uint64_t id);
  absl::Status Probe(const torrent::InfoHash& hash, const net::Endpoint& peer,
                     const pieces::Range& block);
  absl::Status SetTrackers(const torrent::InfoHash& hash, const TrackerTiers& trackers);
  absl::Status ConnectPeer(const torrent::InfoHash& hash, const net::Endpoint& peer);
  void SetLimits(const EngineLimits& limits);
  absl::Status SetServed(const torrent::InfoHash& hash, bool served);
  void SetMembers(std::vector<net::Endpoint> members);
  void SetTrusted(const std::vector<std::string>& trackers);
  absl::StatusOr<TorrentSnapshot> Snapshot(const torrent::InfoHash& hash) const;
  absl::Status CheckFiles(const torrent::InfoHash& hash);
  absl::StatusOr<int64_t> Overhead(const torrent::InfoHash& hash) const;
  EngineCounters Counters() const;
  std::optional<Event> PollEvent() { return events_.Take(); }
  const std::vector<net::Endpoint>& listening() const { return listening_; }

 private:
  class WakePlugin;

  absl::StatusOr<Loaded> Find(const torrent::InfoHash& hash) const;
  // Any thread: metainfo and store become a torrent that nobody knows of yet.
  absl::StatusOr<Loaded> Load(AddRequest request);
  absl::Status OpenPlace(LoadedTorrent& torrent, const AddRequest& request);
  void Guard(const AddRequest& request, LoadedTorrent& torrent);
  bool MayAsk(const std::string& url, bool private_addresses);
  bool IsTrusted(const std::string& tracker) const;
  TrackerTiers Allowed(const TrackerTiers& tiers, bool private_addresses);
  absl::Status Register(const Loaded& torrent);
  void Unregister(const LoadedTorrent& torrent);
  void NoteAwake(const torrent::InfoHashes& hashes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Closes on the keep lane, since it waits for the disk, and says TorrentGone.
  std::shared_ptr<pieces::Holding> Share(std::unique_ptr<pieces::Holding> holding,
                                         const torrent::InfoHash& id);

  // Runs on libtorrent's thread, at once or after a while. What libtorrent throws there ends there.
  using Task = absl::AnyInvocable<void()>;
  void Post(Task task);
  void PostAfter(absl::Duration delay, Task task);
  void Run(Task& task);

  // Network.
  libtorrent::add_torrent_params ParamsOf(const Loaded& torrent);
  void Enter(const Loaded& torrent);
  void Leave(const Loaded& torrent);
  void Reload(const Loaded& torrent);
  void Withdraw(const Loaded& torrent, const Pieces& hidden);
  void OnPassed(const Loaded& torrent, pieces::Piece piece);
  void OnLost(const torrent::InfoHash& hash, const absl::Status& status);
  bool Wake(const torrent::InfoHash& hash, libtorrent::add_torrent_params& params);
  void TakeAlerts();
  void OnAlert(const libtorrent::alert& alert);
  void OnMetadata(const Loaded& torrent,
                  const std::shared_ptr<const libtorrent::torrent_info>& info);
  void OnConflict(const Loaded& torrent, const libtorrent::torrent_conflict_alert& conflict);
  Loaded LoadedOf(const libtorrent::torrent_handle& handle) const;
  void ApplyWanted(const Loaded& torrent);
  // engine_probe.cc.
  void OnProbed(const Loaded& torrent, const net::Endpoint& peer, const pieces::Range& block,
                std::optional<Bytes> given);

  // Keep.
  void KeepPassed(const Loaded& torrent);
  void DropKept(const Loaded& torrent, const Pieces& pieces);
  void PunchHidden(const Loaded& torrent, const Pieces& pieces);
  void ScrubDoubtful(const Loaded& torrent, const Pieces& pieces);
  void ScrubOne(const Loaded& torrent, pieces::Piece piece);

  const EngineOptions options_;
  EventBox events_;
  WatchCounts watch_counts_;
  DiskIo::Counts disk_counts_;
  std::atomic<uint64_t> woken_ = 0;
  std::atomic<uint64_t> private_refused_ = 0;
  IoThreads threads_;
  std::vector<net::Endpoint> listening_;

  mutable Mutex mutex_;
  // By each hash that a peer or tracker may say.
  std::map<torrent::InfoHash, Loaded> loaded_ ABSL_GUARDED_BY(mutex_);
  std::map<torrent::InfoHash, torrent::InfoHash> sleeping_
      ABSL_GUARDED_BY(mutex_);  // to its Best()
  size_t sleeping_torrents_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<net::Endpoint> members_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> trusted_ ABSL_GUARDED_BY(mutex_);  // "HOST:PORT" of trackers
  EngineLimits limits_ ABSL_GUARDED_BY(mutex_);

  std::atomic<bool> ending_ = false;
  libtorrent::io_context* context_ = nullptr;  // of the session, and as long as it is there
  libtorrent::session_handle handle_;          // for tasks that run while the session ends
  // Gone first: its threads use all of the above.
  std::unique_ptr<libtorrent::session> session_;
};

}  // namespace p2pd::archive::lt
