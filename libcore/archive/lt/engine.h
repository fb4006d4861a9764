// Engine: the archive as a peer of BitTorrent. libtorrent stands behind this one class; what it
// stores goes through a PieceStore.
//
// Rules:
//   - A piece is offered to peers only while its bytes are there and proved. Drop takes it out of
//   their sight
//     first (lt_donthave to who speaks BEP 54, then the torrent is loaded anew without it, which
//     ends every connection; those whose port we know are dialled again), and its bytes go when
//     `drop_grace` is over.
//   - PieceFinished is said when the piece is proved and its bit is on disk, not before.
//   - Nothing is fetched that is not wanted: a torrent starts with what SetWanted or its AddRequest
//     names.
//   - A torrent without metainfo fetches the metainfo and nothing else; the owner judges it, picks
//     the folder and adds it again.
//   - Trackers and web seeds in private ranges are refused unless the request says otherwise.
//
// Threads: one owner calls everything here; no call waits for disk or network but where it says so.
// libtorrent's own thread and `io_threads` of ours do the work and leave events; `wake` is called,
// from any of them, when PollEvent has something after it had nothing. The destructor waits until
// the disk has everything. Limits: below. Sources: BEP 3, 6, 9, 10, 11, 12, 27, 40, 52, 54;
// libtorrent 2.0.8.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libcore/archive/lt/events.h"
#include "libcore/archive/lt/snapshot.h"
#include "libcore/archive/pieces/piece_store.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::lt {

// Changed while running; 0 is no limit.
struct EngineLimits {
  uint64_t upload_rate = 0;    // bytes a second
  uint64_t download_rate = 0;  // bytes a second
  uint32_t upload_slots = 0;
  uint32_t connections = 4000;
  uint32_t connections_per_torrent = 200;
  friend bool operator==(const EngineLimits&, const EngineLimits&) = default;
};

// Announce URLs, best tier first (BEP 12).
using TrackerTiers = std::vector<std::vector<std::string>>;

struct WantedPiece {
  pieces::Piece piece;
  // 1 to 7: higher ones first; pieces that only the submitter has stand at 7. 0: not wanted.
  uint8_t priority = 4;
};

struct AddRequest {
  torrent::InfoHashes hashes;
  // The whole .torrent file; empty: fetch it from peers (BEP 9).
  Bytes metainfo;
  TrackerTiers trackers;
  std::vector<net::Endpoint> peers;
  std::vector<std::string> web_seeds;  // BEP 19
  // Where the files go (pieces/piece_store.h); with metainfo only.
  std::string folder;
  // Paths in the order of the metainfo's files without padding; empty: the metainfo's own, with
  // what no path may hold replaced.
  std::vector<std::string> paths;
  // What is wanted beside what is kept; nullopt: everything.
  std::optional<std::vector<WantedPiece>> wanted;
  // No DHT, PEX or local discovery (BEP 27). Metainfo with private=1 sets it by itself.
  bool is_private = false;
  // Trackers and web seeds may lie in private ranges: the torrent came from a private peer.
  bool private_addresses = false;
};

// How a sleeping torrent is loaded when a peer asks for it. Called by libtorrent's thread, and
// allowed to read a small file.
using Loader = std::function<absl::StatusOr<AddRequest>(const torrent::InfoHash&)>;

struct EngineOptions {
  pieces::PieceStore* store = nullptr;  // outlives the engine
  // Port 0: any; Listening says which. TCP, and UDP where uTP is on. Where all of them name an
  // address, peers are dialled from there, too.
  std::vector<net::Endpoint> listen;
  std::function<void()> wake;
  Loader loader;  // empty: nobody wakes by being asked for
  EngineLimits limits;
  bool utp = true;
  // Peers are dialled by uTP, and by TCP when nobody answers for 4 s; else by TCP alone. Meanwhile
  // libtorrent hangs up on a peer that dials us: not for who dials everybody that announces.
  bool dial_by_utp = false;
  bool dht = false;
  bool local_discovery = false;
  bool port_mapping = false;  // UPnP and NAT-PMP
  bool peer_exchange = true;
  // Says neither our program nor our addresses to peers and trackers.
  bool anonymous = false;
  // Many peers behind one address, as in a test or a household.
  bool many_per_address = false;
  uint32_t io_threads = 2;
  // Blocks read ahead and blocks not yet written, in bytes each.
  size_t read_buffers = 64 << 20;
  size_t write_buffers = 32 << 20;
  // How long a dropped piece is still there for whoever asked before.
  absl::Duration drop_grace = absl::Seconds(30);
  // How soon pieces that the disk had no room to note are tried again.
  absl::Duration keep_again = absl::Seconds(30);
  // How long a peer has time to show a block, in whole seconds: an honest client opens a slot for
  // who waits within a few rounds of 30 s.
  absl::Duration probe_patience = absl::Minutes(2);
  // "name/version", as peers show it.
  std::string user_agent = "p2pd/0.1";
};

class Engine {
 public:
  // Events that wait; beyond it they are counted in EngineCounters::events_lost and the owner reads
  // Snapshot.
  static constexpr size_t kMaxEvents = 65'536;
  static constexpr size_t kMaxMetainfo = 10 << 20;
  static constexpr size_t kMaxRead = 1 << 20;

  // Waits until the ports are open or refused.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // InvalidArgument for metainfo that does not read or is not of these hashes; AlreadyExists;
  // what PieceStore::Open says. Waits for the disk: it reads the have file and looks at each file.
  // TorrentReady follows.
  absl::Status Add(AddRequest request);
  // The files stay. TorrentGone follows when the disk has everything; until then the hash cannot be
  // added again. NotFound.
  absl::Status Remove(const torrent::InfoHash& hash);
  // Out of memory but for its name: a peer that asks for it wakes it through the loader.
  absl::Status Sleep(const torrent::InfoHash& hash);
  // Names that sleep from the start, without having been loaded once: a catalogue after a restart.
  void AddSleeping(absl::Span<const torrent::InfoHashes> hashes);

  absl::Status ConnectPeer(const torrent::InfoHash& hash, const net::Endpoint& peer);
  // Replaces what was wanted.
  absl::Status SetWanted(const torrent::InfoHash& hash, absl::Span<const WantedPiece> wanted);
  // Kept pieces that shall go; they are not wanted any more either. PiecesDropped follows when the
  // space is given back.
  absl::Status Drop(const torrent::InfoHash& hash, absl::Span<const pieces::Piece> pieces);
  // Hashes a kept piece; Scrubbed follows. One that rotted is gone from the peers' sight by then.
  absl::Status Scrub(const torrent::InfoHash& hash, pieces::Piece piece);
  // Bytes of kept pieces, at most kMaxRead of them; RangesRead with this id follows. NotFound for a
  // torrent that is not loaded; InvalidArgument for more, or for what is not in its pieces.
  absl::Status Read(const torrent::InfoHash& hash, absl::Span<const pieces::Range> ranges,
                    uint64_t id);
  // Asks a connected peer for a block of a kept piece, `offset` and `length` of which are those
  // that clients ask for, as anybody who lacks it would; PeerProbed follows.
  absl::Status Probe(const torrent::InfoHash& hash, const net::Endpoint& peer,
                     const pieces::Range& block);
  // Replaces them; those that Add would refuse are left out.
  absl::Status SetTrackers(const torrent::InfoHash& hash, const TrackerTiers& trackers);
  void SetLimits(const EngineLimits& limits);
  // Whether peers get pieces of it, as they do at first; what a peer asks for while not is refused
  // as BEP 3 and 6 say, and it may ask again. Fetching goes on. NotFound.
  absl::Status SetServed(const torrent::InfoHash& hash, bool served);
  // Other members of the federation, by the endpoints that they listen on: their copies are not
  // organic.
  void SetMembers(std::vector<net::Endpoint> members);
  // Announce URLs of ours and of those whom we trust: a torrent may name these, whatever their
  // path, though they stand in our own network.
  void SetTrusted(const std::vector<std::string>& trackers);

  std::optional<Event> PollEvent();
  // Of a torrent that is loaded, as of at most a second ago. NotFound.
  absl::StatusOr<TorrentSnapshot> Snapshot(const torrent::InfoHash& hash) const;
  // Bytes that the files of a loaded torrent occupy beside its pieces, kept and arriving: more for
  // the blocks of small files, less for padding. Looks at each file. NotFound.
  absl::StatusOr<int64_t> Overhead(const torrent::InfoHash& hash) const;
  // Looks at its files, and says FilesTouched where they are not as they were. NotFound.
  absl::Status CheckFiles(const torrent::InfoHash& hash);
  EngineCounters Counters() const;
  // What we listen on, with real ports.
  std::vector<net::Endpoint> Listening() const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::archive::lt
