// Downloader: what `p2pctl torrent download` does. Fetches one torrent into a folder of the
// caller's with an engine of its own, without a daemon.
//
// Rules: what is there already is hashed first and not fetched again, so that a download that was
// broken off goes on; a piece counts when it was proved and is on disk. What is there and is no
// earlier part (DownloadPlace) is refused before anything is asked for its pieces. Files are laid
// out as any client does, DIR/NAME for one file and DIR/NAME/… for a folder, and nothing is written
// outside of DIR, whatever the torrent says. Trackers and web seeds within private networks are
// asked only when the caller says so: a stranger's torrent is no reason to knock at a router. Which
// pieces are here is kept in a folder of its own under $TMPDIR, which is gone at the end.
//
// Threads: one owner; Stop from any. Sources: BEP 3, 5, 9, 12, 15, 19.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cli/torrent/download_place.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/pieces/piece_store.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/bytes.h"
#include "libcore/base/mutex.h"

namespace p2pd::cli {

struct DownloadOptions {
  std::string torrent;                // the bytes of a .torrent file, or a magnet link
  std::string folder;                 // made where missing
  std::vector<std::string> trackers;  // beside the torrent's own
  std::vector<std::string> peers;     // ADDR:PORT
  std::string listen;                 // ADDR:PORT; empty: any port of all addresses
  // We are on a network of our own: its addresses may be asked, many peers may share one, and uTP,
  // which steps back behind everything else, is left out.
  bool lan = false;
  // Files that are there and no earlier part of this download are overwritten, not refused.
  bool overwrite = false;
  // By DHT and local discovery, too.
  bool discover = true;
  absl::Duration seed_for;                                  // once everything is here
  absl::Duration give_up_after = absl::InfiniteDuration();  // without a byte
};

struct DownloadState {
  enum class Phase : uint8_t { kMetadata, kChecking, kFetching, kSeeding };
  Phase phase = Phase::kMetadata;
  std::string hash;  // 40 hex digits
  std::string name;  // empty while unknown
  uint64_t bytes = 0;
  uint32_t piece_length = 0;
  uint32_t pieces = 0;
  // Of kChecking: looked at; else those that are here.
  uint32_t done = 0;
  uint64_t done_bytes = 0;
  size_t peers = 0;
  // Of all whom we are connected to, and us.
  double availability = 0;
  uint64_t down_rate = 0;  // payload, bytes a second
  uint64_t up_rate = 0;
  uint64_t downloaded = 0;  // payload bytes of this run
  uint64_t uploaded = 0;
  // What a tracker said last when it had nothing for us.
  std::string trouble;
};

class Downloader {
 public:
  // How often the state is told, at least.
  static constexpr absl::Duration kLook = absl::Milliseconds(500);

  // Judges the torrent, makes the folder, opens the ports. InvalidArgument for what the caller got
  // wrong; FailedPrecondition when there is nobody whom the torrent could be asked of.
  static absl::StatusOr<std::unique_ptr<Downloader>> Start(const DownloadOptions& options);
  // Waits until the disk has everything. A mark stays where a part of the torrent does.
  ~Downloader();
  Downloader(const Downloader&) = delete;
  Downloader& operator=(const Downloader&) = delete;

  // Until everything is here and was seeded for as long as it should. InvalidArgument when a file
  // of the caller's own is in the way; Cancelled after Stop, which
  // is OK while seeding; DeadlineExceeded when nothing came for too long; ResourceExhausted when
  // the disk is full.
  absl::Status Run(const std::function<void(const DownloadState&)>& tell);
  // Any thread.
  void Stop();

  // Trackers and web seeds that were left out, being in private networks. After Run.
  uint64_t left_out() const { return engine_->Counters().private_address_refused; }
  // Where it is or was going to be, once the name is known.
  const std::string& place() const { return place_; }

 private:
  class TempFolder;

  explicit Downloader(DownloadOptions options);
  absl::Status Judge();
  absl::Status OpenFolder();
  absl::Status StartEngine();
  absl::Status TakeMetainfo(Bytes metainfo);
  absl::Status FetchMetainfo();
  absl::Status Check();
  absl::Status Fetch();
  absl::Status Seed();
  absl::Status Add();
  absl::Status CheckWhomToAsk() const;
  // Waits for an event, or a moment; false when it was stopped.
  bool Wait();
  void Ring();
  // True when something came since the last look.
  bool Look();
  absl::Status OnEvent(const archive::lt::Event& event);
  absl::Status TakeEvents();
  absl::Status GaveUp() const;

  DownloadOptions options_;
  archive::torrent::InfoHashes hashes_;
  std::vector<std::string> trackers_;
  std::vector<std::string> web_seeds_;
  std::vector<net::Endpoint> peers_;
  Bytes metainfo_;
  archive::lt::AddRequest request_;
  std::string place_;
  archive::pieces::Layout layout_;
  DownloadState state_;
  std::function<void(const DownloadState&)> tell_;

  Mutex mutex_;
  bool rang_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  std::unique_ptr<TempFolder> have_;
  std::string root_;  // the folder above options_.folder
  std::string base_;  // its last part
  DownloadPlace files_;
  bool marked_ = false;  // by this run or an earlier one
  std::unique_ptr<archive::pieces::PieceStore> store_;
  // Gone first: it uses all of the above.
  std::unique_ptr<archive::lt::Engine> engine_;
};

}  // namespace p2pd::cli
