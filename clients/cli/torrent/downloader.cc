#include "clients/cli/torrent/downloader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/torrent/tracker_urls.h"
#include "libcore/archive/availability.h"
#include "libcore/archive/lt/address_guard.h"
#include "libcore/archive/lt/piece_check.h"
#include "libcore/archive/lt/torrent_maker.h"
#include "libcore/archive/pieces/disk_piece_store.h"
#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::cli {
namespace {

namespace fs = std::filesystem;
namespace lt = archive::lt;

using Clock = std::chrono::steady_clock;

constexpr char kStopped[] = "stopped; the same command goes on from here";

absl::StatusOr<net::Endpoint> ParsePeer(const std::string& text) {
  const std::optional<net::Endpoint> peer = net::Endpoint::Parse(text);
  if (!peer || peer->port == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' is no peer: ADDR:PORT, such as 192.0.2.1:6881 or [2001:db8::1]:6881"));
  }
  return *peer;
}

}  // namespace

// A folder that nobody else reads, gone at the end.
class Downloader::TempFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TempFolder>> Make() {
    std::error_code error;
    const fs::path above = fs::temp_directory_path(error);
    if (error) return FileError(error.value(), "use", "$TMPDIR");
    std::string path = (above / "p2pctl-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) return FileError(errno, "make", path);
    return std::unique_ptr<TempFolder>(new TempFolder(std::move(path)));
  }
  ~TempFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TempFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

absl::StatusOr<std::unique_ptr<Downloader>> Downloader::Start(const DownloadOptions& options) {
  std::unique_ptr<Downloader> out(new Downloader(options));
  P2PD_RETURN_IF_ERROR(out->Judge());
  P2PD_RETURN_IF_ERROR(out->OpenFolder());
  P2PD_RETURN_IF_ERROR(out->StartEngine());
  return out;
}

Downloader::Downloader(DownloadOptions options) : options_(std::move(options)) {}
Downloader::~Downloader() {
  engine_.reset();
  if (marked_ && !files_.HasFiles()) files_.Unmark();
}

absl::Status Downloader::Judge() {
  for (const std::string& text : options_.peers) {
    P2PD_ASSIGN_OR_RETURN(const net::Endpoint peer, ParsePeer(text));
    peers_.push_back(peer);
  }
  P2PD_RETURN_IF_ERROR(CheckTrackers(options_.trackers));
  trackers_ = options_.trackers;
  if (!absl::StartsWithIgnoreCase(options_.torrent, "magnet:")) {
    return TakeMetainfo(Bytes(AsBytes(options_.torrent).begin(), AsBytes(options_.torrent).end()));
  }
  P2PD_ASSIGN_OR_RETURN(const archive::torrent::Magnet magnet,
                        archive::torrent::ParseMagnet(options_.torrent));
  hashes_ = magnet.hashes;
  state_.hash = ToHex(hashes_.Best());
  state_.name = magnet.name;
  trackers_.insert(trackers_.end(), magnet.trackers.begin(), magnet.trackers.end());
  web_seeds_ = magnet.web_seeds;
  for (const std::string& text : magnet.peers) {
    // Names of hosts are passed by: the others lead to the same swarm.
    if (const auto peer = net::Endpoint::Parse(text)) peers_.push_back(*peer);
  }
  return absl::OkStatus();
}

// A .torrent file, the caller's or, behind a magnet, the peers'.
absl::Status Downloader::TakeMetainfo(Bytes metainfo) {
  P2PD_ASSIGN_OR_RETURN(const archive::torrent::Metainfo info,
                        archive::torrent::ParseMetainfo(metainfo));
  const std::string name = archive::torrent::PlainName(info.name);
  for (const archive::torrent::MetainfoFile& file : info.files) {
    if (file.padding) continue;
    const std::string below = absl::StrJoin(file.path, "/");
    request_.paths.push_back(info.folder ? absl::StrCat(name, "/", below) : below);
  }
  P2PD_ASSIGN_OR_RETURN(const lt::TorrentFacts facts, lt::ReadTorrent(metainfo, request_.paths));
  hashes_ = facts.hashes;
  layout_ = facts.layout;
  for (const std::vector<std::string>& tier : facts.trackers) {
    trackers_.insert(trackers_.end(), tier.begin(), tier.end());
  }
  web_seeds_.insert(web_seeds_.end(), facts.web_seeds.begin(), facts.web_seeds.end());
  place_ = absl::StrCat(options_.folder, "/", info.folder ? name : request_.paths.at(0));
  state_.hash = ToHex(hashes_.Best());
  state_.name = info.name;
  state_.bytes = layout_.total();
  state_.piece_length = layout_.piece_length();
  state_.pieces = layout_.pieces();
  metainfo_ = std::move(metainfo);
  return absl::OkStatus();
}

// The store opens each part of a path below its root by itself and follows no link there. The
// caller's own folder may be one, and is resolved here.
absl::Status Downloader::OpenFolder() {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  fs::path folder;
  if (!error) folder = fs::canonical(options_.folder, error);
  if (error) return FileError(error.value(), "use the folder", options_.folder);
  if (folder == folder.root_path()) {
    return absl::InvalidArgumentError("name a folder below the root with --dir");
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return FileError(errno, "write into the folder", options_.folder);
  }
  root_ = folder.parent_path();
  base_ = folder.filename();
  P2PD_ASSIGN_OR_RETURN(have_, TempFolder::Make());
  P2PD_ASSIGN_OR_RETURN(store_, archive::pieces::OpenDiskPieceStore(
                                    {root_, have_->path()}, archive::pieces::SystemFileLayer()));
  return absl::OkStatus();
}

absl::Status Downloader::StartEngine() {
  const net::Endpoint v4, v6{net::IpAddress::V6({}), 0};
  // A machine may have one family of addresses only.
  std::vector<std::vector<net::Endpoint>> tries = {{v4, v6}, {v4}, {v6}};
  if (!options_.listen.empty()) {
    const std::optional<net::Endpoint> at = net::Endpoint::Parse(options_.listen);
    if (!at) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", options_.listen, "' is nothing to listen on: ADDR:PORT"));
    }
    tries = {{*at}};
  }
  absl::Status failed;
  for (const std::vector<net::Endpoint>& listen : tries) {
    lt::EngineOptions options;
    options.store = store_.get();
    options.listen = listen;
    options.wake = [this] { Ring(); };
    options.utp = !options_.lan;
    options.dial_by_utp = !options_.lan;
    options.dht = options_.discover;
    options.local_discovery = options_.discover;
    options.many_per_address = options_.lan;
    options.user_agent = absl::StrCat("p2pctl/", P2PD_VERSION);
    auto engine = lt::Engine::Start(std::move(options));
    if (engine.ok()) {
      engine_ = *std::move(engine);
      return absl::OkStatus();
    }
    failed = engine.status();
  }
  return failed;
}

absl::Status Downloader::Run(const std::function<void(const DownloadState&)>& tell) {
  tell_ = tell;
  P2PD_RETURN_IF_ERROR(CheckWhomToAsk());
  if (metainfo_.empty()) P2PD_RETURN_IF_ERROR(FetchMetainfo());
  P2PD_RETURN_IF_ERROR(Check());
  P2PD_RETURN_IF_ERROR(Fetch());
  return Seed();
}

absl::Status Downloader::CheckWhomToAsk() const {
  const auto open = [this](const std::string& url) {
    return options_.lan || !lt::LeadsInside(url);
  };
  if (options_.discover || !peers_.empty() ||
      std::any_of(trackers_.begin(), trackers_.end(), open) ||
      std::any_of(web_seeds_.begin(), web_seeds_.end(), open)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      trackers_.empty() && web_seeds_.empty()
          ? "the torrent names no tracker: name one with --tracker, or a peer with --peer"
          : "its trackers lie within private networks: --lan asks them");
}

bool Downloader::Wait() {
  const MutexLock lock(&mutex_);
  const auto something = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return rang_ || stopped_; };
  mutex_.AwaitWithTimeout(absl::Condition(&something), kLook);
  rang_ = false;
  return !stopped_;
}

void Downloader::Ring() {
  const MutexLock lock(&mutex_);
  rang_ = true;
}

void Downloader::Stop() {
  const MutexLock lock(&mutex_);
  stopped_ = true;
}

absl::Status Downloader::OnEvent(const lt::Event& event) {
  if (const auto* got = std::get_if<lt::MetadataReceived>(&event)) {
    return TakeMetainfo(got->metainfo);
  }
  if (const auto* told = std::get_if<lt::TrackerAnswered>(&event)) {
    state_.trouble = told->status.ok() ? "" : absl::StrCat(told->url, ": ", told->status.message());
  } else if (const auto* error = std::get_if<lt::TorrentError>(&event)) {
    // Of files that vanished under our hands the rest is fetched again.
    if (!absl::IsDataLoss(error->status)) return error->status;
    state_.trouble = std::string(error->status.message());
  }
  return absl::OkStatus();
}

absl::Status Downloader::TakeEvents() {
  while (const auto event = engine_->PollEvent()) P2PD_RETURN_IF_ERROR(OnEvent(*event));
  return absl::OkStatus();
}

bool Downloader::Look() {
  const auto seen = engine_->Snapshot(hashes_.Best());
  if (!seen.ok()) return false;
  const DownloadState before = state_;
  std::vector<uint32_t> copies = seen->organic;
  for (uint32_t i = 0; i < copies.size(); ++i) {
    copies[i] += seen->member[i] + (seen->have.Has(archive::pieces::Piece(i)) ? 1 : 0);
  }
  state_.availability = archive::Count(copies).value();
  state_.peers = seen->peers.size();
  state_.done = 0;
  state_.done_bytes = 0;
  for (const archive::pieces::Piece piece : seen->have.List()) {
    ++state_.done;
    state_.done_bytes += layout_.SizeOf(piece);
  }
  state_.down_rate = state_.up_rate = 0;
  for (const lt::PeerSnapshot& peer : seen->peers) {
    state_.down_rate += peer.down_rate;
    state_.up_rate += peer.up_rate;
  }
  // A torrent's own are told once a second only.
  const lt::EngineCounters counters = engine_->Counters();
  state_.downloaded = counters.downloaded;
  state_.uploaded = counters.uploaded;
  return state_.downloaded != before.downloaded || state_.done != before.done;
}

absl::Status Downloader::GaveUp() const {
  return absl::DeadlineExceededError(absl::StrCat(
      "nothing came for ", absl::FormatDuration(options_.give_up_after), " (", state_.peers,
      state_.peers == 1 ? " peer" : " peers", state_.trouble.empty() ? "" : "; ", state_.trouble,
      "); the same command goes on from here"));
}

absl::Status Downloader::Add() {
  request_.hashes = hashes_;
  request_.metainfo = metainfo_;
  request_.folder = base_;
  request_.trackers.clear();
  for (const std::string& url : trackers_) request_.trackers.push_back({url});
  request_.web_seeds = web_seeds_;
  request_.peers = peers_;
  request_.private_addresses = options_.lan;
  return engine_->Add(request_);
}

absl::Status Downloader::FetchMetainfo() {
  state_.phase = DownloadState::Phase::kMetadata;
  P2PD_RETURN_IF_ERROR(Add());
  const auto start = Clock::now();
  while (metainfo_.empty()) {
    if (!Wait()) return absl::CancelledError(kStopped);
    P2PD_RETURN_IF_ERROR(TakeEvents());
    Look();
    tell_(state_);
    if (absl::FromChrono(Clock::now() - start) > options_.give_up_after) return GaveUp();
  }
  return absl::OkStatus();
}

absl::Status Downloader::Check() {
  state_.phase = DownloadState::Phase::kChecking;
  tell_(state_);
  files_ = DownloadPlace(absl::StrCat(root_, "/", base_), state_.hash, layout_);
  P2PD_RETURN_IF_ERROR(files_.CheckNames());
  if (options_.overwrite) P2PD_RETURN_IF_ERROR(files_.CutFiles());
  P2PD_ASSIGN_OR_RETURN(const auto holding, store_->Open({ToHex(hashes_.Best()), base_}, layout_));
  const auto kept = lt::CheckPieces(metainfo_, *holding, [this](uint32_t done, uint32_t all) {
    state_.done = done + state_.pieces - all;
    tell_(state_);
    const MutexLock lock(&mutex_);
    return !stopped_;
  });
  if (absl::IsCancelled(kept.status())) return absl::CancelledError(kStopped);
  P2PD_RETURN_IF_ERROR(kept.status());
  if (!options_.overwrite) P2PD_RETURN_IF_ERROR(files_.CheckFiles(holding->have()));
  // From here on files are written that the next run has to know as ours.
  if (*kept < layout_.pieces()) P2PD_RETURN_IF_ERROR(files_.Mark());
  marked_ = files_.marked();
  return holding->Close();
}

absl::Status Downloader::Fetch() {
  state_.phase = DownloadState::Phase::kFetching;
  state_.done = 0;
  P2PD_RETURN_IF_ERROR(Add());
  auto came = Clock::now();
  do {
    P2PD_RETURN_IF_ERROR(TakeEvents());
    if (Look()) came = Clock::now();
    tell_(state_);
    if (state_.done == state_.pieces) {
      files_.Unmark();
      return absl::OkStatus();
    }
    if (absl::FromChrono(Clock::now() - came) > options_.give_up_after) return GaveUp();
  } while (Wait());
  return absl::CancelledError(kStopped);
}

absl::Status Downloader::Seed() {
  state_.phase = DownloadState::Phase::kSeeding;
  const auto start = Clock::now();
  do {
    P2PD_RETURN_IF_ERROR(TakeEvents());
    Look();
    tell_(state_);
  } while (absl::FromChrono(Clock::now() - start) < options_.seed_for && Wait());
  return absl::OkStatus();
}

}  // namespace p2pd::cli
