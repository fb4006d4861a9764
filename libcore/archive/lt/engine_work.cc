// What the engine does on libtorrent's thread and on the keep lane.
#include <algorithm>
#include <libtorrent/announce_entry.hpp>
#include <libtorrent/create_torrent.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/archive/lt/convert.h"
#include "libcore/archive/lt/engine_impl.h"
#include "libcore/archive/torrent/bencode.h"
#include "libcore/base/status.h"

namespace p2pd::archive::lt {

namespace lts = libtorrent;
using pieces::Piece;
using pieces::PieceState;

namespace {

// From dont-have to the end of the connections: so long do the words take to their readers.
constexpr absl::Duration kSight = absl::Milliseconds(300);
// From a piece that was lost to loading the torrent anew: others are lost at the same time.
constexpr absl::Duration kGather = absl::Milliseconds(500);

// The .torrent file around an info dictionary.
Bytes MetainfoOf(const lts::torrent_info& info) {
  const auto section = info.info_section();
  torrent::BencodeWriter writer;
  writer.OpenDictionary().String("info");
  writer.Raw(ByteView(reinterpret_cast<const uint8_t*>(section.data()),
                      static_cast<size_t>(section.size())));
  return writer.Close().Take();
}

absl::Status StatusOf(const lts::error_code& error) {
  if (!error) return absl::OkStatus();
  if (error == boost::system::errc::no_space_on_device) {
    return absl::ResourceExhaustedError("the disk is full");
  }
  return absl::UnavailableError(error.message());
}

}  // namespace

// ---- libtorrent's thread ----

lts::add_torrent_params Engine::Impl::ParamsOf(const Loaded& torrent) {
  lts::add_torrent_params params;
  params.save_path = "files";  // the store knows better
  params.flags = lts::torrent_flags::override_trackers | lts::torrent_flags::override_web_seeds;
  if (torrent->is_private) {
    params.flags |= lts::torrent_flags::disable_dht | lts::torrent_flags::disable_lsd |
                    lts::torrent_flags::disable_pex;
  }
  params.info_hashes = ToLibtorrent(torrent->hashes);
  if (torrent->info) {
    // libtorrent takes v2's hashes out of what it gets.
    params.ti =
        torrent->info->v2() ? std::make_shared<lts::torrent_info>(*torrent->info) : torrent->info;
    params.have_pieces = ToLibtorrent(torrent->offered);
    const MutexLock lock(&torrent->mutex);
    for (const uint8_t priority : torrent->wanted) {
      params.piece_priorities.emplace_back(priority);
    }
  } else {
    params.flags |= lts::torrent_flags::default_dont_download;
  }
  for (size_t tier = 0; tier < torrent->trackers.size(); ++tier) {
    for (const std::string& url : torrent->trackers[tier]) {
      params.trackers.push_back(url);
      params.tracker_tiers.push_back(static_cast<int>(tier));
    }
  }
  params.url_seeds = torrent->web_seeds;
  for (const net::Endpoint& peer : torrent->peers) params.peers.push_back(ToLibtorrent(peer));
  {
    const MutexLock lock(&mutex_);
    const uint32_t most = limits_.connections_per_torrent;
    params.max_connections = most == 0 ? -1 : static_cast<int>(most);
  }
  params.extensions.emplace_back([torrent](const lts::torrent_handle& handle, lts::client_data_t) {
    torrent->handle = handle;
    return WatchTorrent(torrent->watched);
  });
  return params;
}

void Engine::Impl::Enter(const Loaded& torrent) {
  if (torrent->gone) return;
  lts::error_code error;
  handle_.add_torrent(ParamsOf(torrent), error);
  if (!error) return;
  torrent->gone = true;
  Unregister(*torrent);
  events_.Put(TorrentError{torrent->id, StatusOf(error)});
}

void Engine::Impl::Leave(const Loaded& torrent) {
  if (std::exchange(torrent->gone, true)) return;
  if (torrent->handle.is_valid()) handle_.remove_torrent(torrent->handle);
  if (!torrent->holding) {
    events_.Put(TorrentGone{torrent->id});
    return;
  }
  // What was proved in the last moment is kept before the place is closed.
  threads_.PushKeep([this, torrent] { KeepPassed(torrent); });
}

// libtorrent has no call that takes a piece away: the torrent goes and comes back without it.
void Engine::Impl::Reload(const Loaded& torrent) {
  torrent->reloading = false;
  if (torrent->gone || !torrent->holding) return;
  const std::vector<net::Endpoint> again = torrent->board->Listeners();
  if (torrent->handle.is_valid()) handle_.remove_torrent(torrent->handle);
  const pieces::PieceSet kept = torrent->holding->have();
  pieces::PieceSet offered(kept.pieces());
  for (uint32_t i = 0; i < kept.pieces(); ++i) {
    const Piece piece(i);
    // Proved, but its bit is still on its way to the disk.
    const bool passed =
        torrent->offered.Has(piece) && torrent->holding->StateOf(piece) == PieceState::kArriving;
    if (kept.Has(piece) || passed) offered.Set(piece);
  }
  torrent->offered = std::move(offered);
  Enter(torrent);
  for (const net::Endpoint& peer : again) {
    if (torrent->handle.is_valid()) torrent->handle.connect_peer(ToLibtorrent(peer));
  }
}

void Engine::Impl::Withdraw(const Loaded& torrent, const Pieces& hidden) {
  if (torrent->gone) return;
  SayDontHave(*torrent->watched, hidden);
  PostAfter(kSight, [this, torrent, hidden] {
    Reload(torrent);
    PostAfter(options_.drop_grace, [this, torrent, hidden] {
      threads_.PushKeep([this, torrent, hidden] { PunchHidden(torrent, hidden); });
    });
  });
}

void Engine::Impl::ApplyWanted(const Loaded& torrent) {
  if (!torrent->handle.is_valid() || !torrent->info) return;
  // After a full disk libtorrent asks for nothing until it is told, and never for the pieces whose
  // blocks were refused.
  if (std::exchange(torrent->stalled, false)) return Reload(torrent);
  std::vector<lts::download_priority_t> priorities;
  {
    const MutexLock lock(&torrent->mutex);
    for (const uint8_t priority : torrent->wanted) priorities.emplace_back(priority);
  }
  torrent->handle.prioritize_pieces(priorities);
}

void Engine::Impl::OnPassed(const Loaded& torrent, Piece piece) {
  // libtorrent says so of pieces that it was given, too.
  if (!torrent->holding || torrent->offered.Has(piece)) return;
  torrent->offered.Set(piece);
  {
    const MutexLock lock(&torrent->mutex);
    torrent->passed.push_back(piece);
    if (std::exchange(torrent->keeping, true)) return;
  }
  // Those that pass while the disk is busy are kept together.
  threads_.PushKeep([this, torrent] { KeepPassed(torrent); });
}

void Engine::Impl::OnLost(const torrent::InfoHash& hash, const absl::Status& status) {
  const absl::StatusOr<Loaded> torrent = Find(hash);
  if (!torrent.ok() || std::exchange((*torrent)->reloading, true)) return;
  events_.Put(TorrentError{hash, status});
  PostAfter(kGather, [this, lost = *torrent] { Reload(lost); });
}

bool Engine::Impl::Wake(const torrent::InfoHash& hash, lts::add_torrent_params& params) {
  torrent::InfoHash best;
  {
    const MutexLock lock(&mutex_);
    const auto at = sleeping_.find(hash);
    if (at == sleeping_.end() || !options_.loader) return false;
    best = at->second;
  }
  absl::StatusOr<AddRequest> request = options_.loader(best);
  if (!request.ok()) return false;
  const absl::StatusOr<Loaded> torrent = Load(*std::move(request));
  if (!torrent.ok() || !(*torrent)->info || !Register(*torrent).ok()) return false;
  (*torrent)->woken = true;
  params = ParamsOf(*torrent);
  ++woken_;
  return true;
}

// ---- alerts ----

void Engine::Impl::TakeAlerts() {
  std::vector<lts::alert*> alerts;
  handle_.pop_alerts(&alerts);
  for (const lts::alert* const alert : alerts) OnAlert(*alert);
}

Engine::Impl::Loaded Engine::Impl::LoadedOf(const lts::torrent_handle& handle) const {
  if (!handle.is_valid()) return nullptr;
  const torrent::InfoHashes hashes = FromLibtorrent(handle.info_hashes());
  if (!hashes.v1 && !hashes.v2) return nullptr;
  for (const auto& name :
       {hashes.v1, hashes.v2 ? std::optional(Truncate(*hashes.v2)) : std::nullopt}) {
    if (!name) continue;
    const absl::StatusOr<Loaded> found = Find(*name);
    if (found.ok() && (*found)->handle == handle) return *found;
  }
  return nullptr;
}

void Engine::Impl::OnAlert(const lts::alert& alert) {
  const auto* const of_torrent = dynamic_cast<const lts::torrent_alert*>(&alert);
  if (of_torrent == nullptr) return;
  const Loaded torrent = LoadedOf(of_torrent->handle);
  if (!torrent) return;
  if (lts::alert_cast<lts::torrent_checked_alert>(&alert) != nullptr) {
    if (!torrent->info || std::exchange(torrent->announced, true)) return;
    events_.Put(TorrentReady{torrent->id, torrent->board->pieces(), torrent->offered.Count(),
                             torrent->woken});
    const Pieces doubtful = torrent->holding->Doubtful();
    if (doubtful.empty()) return;
    threads_.PushKeep([this, torrent, doubtful] { ScrubDoubtful(torrent, doubtful); });
  } else if (lts::alert_cast<lts::metadata_received_alert>(&alert) != nullptr) {
    OnMetadata(torrent, torrent->handle.torrent_file());
  } else if (const auto* both = lts::alert_cast<lts::torrent_conflict_alert>(&alert)) {
    OnConflict(torrent, *both);
  } else if (const auto* file = lts::alert_cast<lts::file_error_alert>(&alert)) {
    // A refused read is the peer's affair, and DiskIo said so where it was a loss.
    if (file->op == lts::operation_t::file_read) return;
    if (std::exchange(torrent->stalled, true)) return;
    events_.Put(TorrentError{torrent->id, StatusOf(file->error)});
  } else if (const auto* error = lts::alert_cast<lts::torrent_error_alert>(&alert)) {
    events_.Put(TorrentError{torrent->id, StatusOf(error->error)});
  } else if (const auto* reply = lts::alert_cast<lts::tracker_reply_alert>(&alert)) {
    events_.Put(TrackerAnswered{torrent->id, reply->tracker_url(), absl::OkStatus()});
  } else if (const auto* refused = lts::alert_cast<lts::tracker_error_alert>(&alert)) {
    const absl::string_view reason = refused->failure_reason();
    events_.Put(
        TrackerAnswered{torrent->id, refused->tracker_url(),
                        absl::UnavailableError(absl::StrCat(refused->error.message(),
                                                            reason.empty() ? "" : ": ", reason))});
  }
}

// A hybrid was sought by both its names, as if it were two.
void Engine::Impl::OnConflict(const Loaded& torrent, const lts::torrent_conflict_alert& conflict) {
  const Loaded other = LoadedOf(conflict.conflicting_torrent);
  if (other && !other->info && !other->gone) {
    other->gone = true;
    handle_.remove_torrent(other->handle);
    Unregister(*other);
    events_.Put(TorrentGone{other->id});
  }
  OnMetadata(torrent, conflict.metadata);
}

void Engine::Impl::OnMetadata(const Loaded& torrent,
                              const std::shared_ptr<const lts::torrent_info>& info) {
  if (torrent->info || torrent->gone || !info) return;
  torrent->gone = true;
  handle_.remove_torrent(torrent->handle);
  Unregister(*torrent);
  events_.Put(MetadataReceived{torrent->id, MetainfoOf(*info)});
}

// ---- the keep lane ----

void Engine::Impl::KeepPassed(const Loaded& torrent) {
  Pieces now;
  {
    const MutexLock lock(&torrent->mutex);
    std::swap(now, torrent->passed);
    torrent->keeping = false;
  }
  if (now.empty()) return;
  const absl::Status kept = torrent->holding->Keep(now);
  if (!kept.ok()) {
    // They are served from what is there, and tried again with the next one, or in a while.
    events_.Put(TorrentError{torrent->id, kept});
    const MutexLock lock(&torrent->mutex);
    torrent->passed.insert(torrent->passed.end(), now.begin(), now.end());
    if (std::exchange(torrent->kept_later, true)) return;
    PostAfter(options_.keep_again, [this, torrent] {
      {
        const MutexLock again(&torrent->mutex);
        torrent->kept_later = false;
      }
      if (!torrent->gone) threads_.PushKeep([this, torrent] { KeepPassed(torrent); });
    });
    return;
  }
  for (const Piece piece : now) events_.Put(PieceFinished{torrent->id, piece});
  const pieces::PieceSet have = torrent->holding->have();
  {
    const MutexLock lock(&torrent->mutex);
    for (uint32_t i = 0; i < torrent->wanted.size(); ++i) {
      if (torrent->wanted[i] > 0 && !have.Has(Piece(i))) return;
    }
  }
  // From now on each change of its files is somebody else's.
  const absl::Status closed = torrent->holding->Close();
  if (!closed.ok()) events_.Put(TorrentError{torrent->id, closed});
  events_.Put(WantedFinished{torrent->id});
}

void Engine::Impl::DropKept(const Loaded& torrent, const Pieces& pieces) {
  KeepPassed(torrent);
  const absl::Status hidden = torrent->holding->Hide(pieces);
  if (!hidden.ok()) {
    events_.Put(PiecesDropped{torrent->id, {}, hidden});
    return;
  }
  Pieces gone;
  {
    const MutexLock lock(&torrent->mutex);
    for (const Piece piece : pieces) {
      if (piece.value() >= torrent->wanted.size()) continue;
      torrent->wanted[piece.value()] = 0;
      if (torrent->holding->StateOf(piece) == PieceState::kHidden) gone.push_back(piece);
    }
  }
  Post([this, torrent, gone] { Withdraw(torrent, gone); });
}

void Engine::Impl::PunchHidden(const Loaded& torrent, const Pieces& pieces) {
  events_.Put(PiecesDropped{torrent->id, pieces, torrent->holding->Punch(pieces)});
}

// Files that were there before us, or that somebody touched: what is right in them is offered.
void Engine::Impl::ScrubDoubtful(const Loaded& torrent, const Pieces& pieces) {
  bool any = false;
  for (const Piece piece : pieces) {
    if (ending_) return;
    any |= torrent->holding->Scrub(piece, ProofOf(*torrent->info, piece)).value_or(false);
  }
  if (!any) return;
  Post([this, torrent] {
    torrent->announced = false;
    Reload(torrent);
  });
}

void Engine::Impl::ScrubOne(const Loaded& torrent, Piece piece) {
  const absl::StatusOr<bool> good = torrent->holding->Scrub(piece, ProofOf(*torrent->info, piece));
  if (!good.ok() || *good) {
    events_.Put(Scrubbed{torrent->id, piece, good.status()});
    return;
  }
  Post([this, torrent, piece] {
    Reload(torrent);
    events_.Put(Scrubbed{torrent->id, piece, absl::DataLossError("the piece had rotted")});
  });
}

}  // namespace p2pd::archive::lt
