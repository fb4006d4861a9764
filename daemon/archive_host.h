// ArchiveHost: the S-tracker's archive with its disk, its engine and a thread of its own.
//
// Rules: archive::Archive decides, this carries out: its orders go to the engine, to the folders
// Torrents and Files, and to the tracker's table; what the engine sees and the tracker hears goes
// in. Where several S-trackers share the work, their federation lives on the same thread. The
// engine is looked at once a second. Threads: Post, AddCounters and peer_endpoints from any; what
// is marked archive from tasks only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "daemon/archive_limits.h"
#include "daemon/archive_scrub.h"
#include "daemon/config.h"
#include "daemon/tracker_host.h"
#include "daemon/watchers.h"
#include "libcore/archive/archive.h"
#include "libcore/archive/federation/federation.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/pieces/piece_store.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/system_rng.h"
#include "libcore/runtime/thread.h"

namespace p2pd::daemon {

class ArchiveHost {
 public:
  static constexpr absl::Duration kLook = absl::Seconds(1);
  // When one that could not be loaded is tried again.
  static constexpr absl::Duration kBlockedRetry = absl::Seconds(30);
  // How often is measured what the files of a torrent occupy, and how much later for each file.
  static constexpr absl::Duration kMeasure = absl::Seconds(10);
  static constexpr absl::Duration kMeasureFile = absl::Milliseconds(1);
  // Sleepers whose files are looked for each second, in the first round and in later ones.
  static constexpr size_t kChecksAtFirst = 1000;
  static constexpr size_t kChecks = 50;
  // Of those whose files are gone so many wake each second.
  static constexpr size_t kRouses = 20;
  // The archive leaves so much of its disk to others: the least of these.
  static constexpr uint64_t kReserve = uint64_t{1} << 30;
  static constexpr uint64_t kReserveShare = 20;  // a 20th
  // Ports that are tried where none was named.
  static constexpr uint16_t kUsualPort = 6881;

  // Makes its folders below `folder`. `tracker` outlives it; nullptr: beside somebody else's;
  // `announce` is the URL that people know it by, or empty. Errors are one line for a person.
  static absl::StatusOr<std::unique_ptr<ArchiveHost>> Start(const ArchiveConfig& config,
                                                            const std::string& folder,
                                                            TrackerHost* tracker,
                                                            const std::string& announce);
  // Waits until the disk has everything.
  ~ArchiveHost();

  // --- any thread ---
  // Runs `task` on the archive's thread; false when too many wait.
  [[nodiscard]] bool Post(absl::AnyInvocable<void(ArchiveHost&)> task);
  // As Post, but never refused: for answers.
  void PostAlways(absl::AnyInvocable<void(ArchiveHost&)> task);
  // Tells the watchers to end; nobody becomes one any more.
  void Drain();
  // Where peers reach us.
  const std::vector<net::Endpoint>& peer_endpoints() const { return endpoints_; }
  // "archive.…".
  void AddCounters(std::map<std::string, uint64_t>& out) const;

  // --- archive ---
  archive::Archive& archive() { return *archive_; }
  archive::Library& library() { return *library_; }
  Instant now() const { return loop_.now(); }
  archive::Limits& limits() { return limits_.limits(); }
  // What the tracker's list names is removed, and refused from now on; after each reading of it.
  void TakeDenyList();
  // What limits() says is what holds, from now on.
  const archive::LimitsInForce& ApplyLimits();
  absl::Time wall() const;
  // As Archive::Submit; its .torrent file is on disk then, a magnet is in the library.
  // FailedPrecondition: it could not be written, and nothing of it stays.
  absl::StatusOr<archive::torrent::InfoHash> Submit(ByteView metainfo, archive::Source source);
  absl::StatusOr<archive::torrent::InfoHash> Submit(const archive::torrent::Magnet& magnet,
                                                    archive::Source source);
  // Shares the work with the other members from now on. `outlet` carries what the federation wants
  // of the overlay; answers come back by Post.
  using Outlet = absl::AnyInvocable<void(archive::federation::FederationOrder)>;
  void Join(archive::federation::FederationOptions options, archive::federation::FederationKey key,
            Outlet outlet);
  // Alone again; `outlet` is not called any more.
  void Leave();
  // nullptr while alone.
  archive::federation::Federation* federation() { return federation_.get(); }
  archive::ScrubView scrub() const { return scrub_->view(); }
  // Of this run, in resume tokens.
  uint64_t epoch() const { return epoch_; }
  // Unavailable while the daemon ends, ResourceExhausted at Watchers::kMost.
  absl::Status AddWatcher(Watcher* watcher);
  void RemoveWatcher(Watcher* watcher) { watchers_.Remove(watcher); }

 private:
  ArchiveHost(const ArchiveConfig& config, std::string folder, TrackerHost* tracker);
  absl::Status Open(const std::string& announce);
  // One that is damaged is put aside, and a new one made.
  absl::Status OpenLibrary();
  // What stands in Torrents and the library does not know, since it is new or was made anew.
  void FindTorrents();
  void TakeNextFound();
  absl::Status TakeFound(const std::string& file);
  archive::ArchiveOptions OptionsWith(const std::string& announce) const;
  absl::Status StartEngine(archive::lt::EngineOptions options);
  void ListEndpoints(const std::vector<net::Endpoint>& wanted);
  // Carries orders and events to and fro until all is quiet.
  void Pump();
  void Obey(archive::Order order);
  void Obey(archive::FetchMetainfo fetch);
  void Obey(archive::StartTorrent start);
  void Obey(const archive::StopTorrent& stop);
  void Obey(const archive::WantPieces& want);
  void Obey(const archive::DropPieces& drop);
  void Obey(const archive::DialPeer& dial);
  void Obey(const archive::ListUs& list);
  void Obey(const archive::SaveMetainfo& save);
  void Obey(const archive::RemoveMetainfo& remove);
  void Obey(const archive::SetTrackers& set);
  void Obey(archive::TellHeld tell);
  void Obey(const archive::TellRoom& tell);
  void Obey(const archive::AskToKeep& ask);
  void Obey(const archive::ProbePeer& probe);
  void Obey(const archive::SleepTorrent& sleep);
  void Obey(const archive::TellDenied& tell);
  void ReadSamples(const archive::federation::ReadSamples& read);
  void OnProbed(const archive::lt::PeerProbed& probed);
  void PumpFederation();
  // Our own, and the members', wherever they stand.
  void TrustTrackers();
  absl::StatusOr<archive::lt::AddRequest> RequestOf(Bytes metainfo, std::string folder,
                                                    archive::pieces::Layout& layout) const;
  void Add(archive::lt::AddRequest request);
  // Those that could not be loaded, once more.
  void AddBlocked();
  // It is loaded by now; whoever was to be asked is dialled.
  void Dial(const archive::torrent::InfoHash& hash, const archive::lt::AddRequest& request);
  // Loaded, and not on its way out.
  bool IsLoaded(const archive::torrent::InfoHash& hash) const;
  // What a peer asks for that sleeps; on libtorrent's thread.
  absl::StatusOr<archive::lt::AddRequest> Wake(const archive::torrent::InfoHash& hash);
  void OnReady(const archive::lt::TorrentReady& ready);
  // Wakes a torrent; `task` runs when it is loaded, or will not be. False: it does not sleep.
  [[nodiscard]] bool WhenLoaded(const archive::torrent::InfoHash& hash,
                                absl::AnyInvocable<void()> task);
  void RunWaiting(const archive::torrent::InfoHash& hash);
  // It cannot be loaded: who waits for it hears so, too.
  void Fail(const archive::torrent::InfoHash& hash, const absl::Status& status);
  void OnEvent(archive::lt::Event event);
  void OnGone(const archive::torrent::InfoHash& hash);
  void OnTick();
  void ApplyLimits(uint64_t sent);
  void NotifyWatchers();
  void LookAt(const archive::torrent::InfoHash& hash);
  // nullopt: it was measured not long ago.
  std::optional<int64_t> Measure(const archive::torrent::InfoHash& hash);
  std::string TorrentPath(const std::string& file) const;
  // archive_files.cc: whether what is kept is still there, and what the disk has left.
  absl::Status CheckFolder() const;
  void CheckDisk();
  void CheckSleepers();

  const ArchiveConfig config_;
  const std::string folder_;
  TrackerHost* const tracker_;
  std::unique_ptr<archive::Library> library_;
  std::unique_ptr<archive::pieces::PieceStore> store_;
  Counters counters_;
  ArchiveLimits limits_;
  std::unique_ptr<archive::Archive> archive_;
  // Of the torrent whose file could not be written last.
  std::optional<std::pair<archive::torrent::InfoHash, absl::Status>> unsaved_;
  std::deque<std::string> found_;  // .torrent files that are to be taken
  std::vector<net::Endpoint> endpoints_;
  runtime::SystemRng rng_;
  std::optional<archive::federation::FederationKey> key_;
  std::unique_ptr<archive::federation::Federation> federation_;
  Outlet outlet_;
  // Loaded, and what waits until the engine let go of one of that name.
  std::map<archive::torrent::InfoHash, archive::pieces::HoldingName> loaded_;
  std::map<archive::torrent::InfoHash, archive::lt::AddRequest> waiting_;
  // What could not be loaded: something stands where a file should be, perhaps.
  struct Blocked {
    Instant next;
    archive::lt::AddRequest request;
  };
  std::map<archive::torrent::InfoHash, Blocked> blocked_;
  // What is erased when the engine let go of it.
  struct Erasure {
    archive::pieces::HoldingName name;
    archive::pieces::Layout layout;
  };
  std::map<archive::torrent::InfoHash, Erasure> erasures_;
  std::map<archive::torrent::InfoHash, archive::pieces::Layout> layouts_;
  // When they are measured again.
  std::map<archive::torrent::InfoHash, Instant> measures_;
  // The sleepers whose files were looked at go up to here; and rounds that were ended.
  std::optional<archive::torrent::InfoHash> checked_;
  size_t rounds_ = 0;
  // What is done when they are loaded; as many as a federation reads at once.
  std::map<archive::torrent::InfoHash, std::vector<absl::AnyInvocable<void()>>> roused_;

  const uint64_t epoch_;
  Watchers watchers_;
  archive::Revision notified_;
  Instant bookmarked_;
  bool draining_ = false;

  // Where what sleeps has its .torrent file and its files.
  struct Bed {
    std::string file;
    std::string folder;
  };
  mutable Mutex mutex_;
  std::map<archive::torrent::InfoHash, Bed> beds_ ABSL_GUARDED_BY(mutex_);
  size_t wakes_left_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, uint64_t> shown_ ABSL_GUARDED_BY(mutex_);

  runtime::Loop loop_;
  std::unique_ptr<runtime::Timer> tick_;
  std::unique_ptr<archive::lt::Engine> engine_;
  std::unique_ptr<ArchiveScrub> scrub_;
  std::unique_ptr<runtime::Thread> thread_;
};

}  // namespace p2pd::daemon
