#include "libcore/archive/lt/engine_impl.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <libtorrent/announce_entry.hpp>
#include <libtorrent/deadline_timer.hpp>
#include <libtorrent/extensions/smart_ban.hpp>
#include <libtorrent/extensions/ut_metadata.hpp>
#include <libtorrent/extensions/ut_pex.hpp>
#include <libtorrent/session_params.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/archive/lt/address_guard.h"
#include "libcore/archive/lt/convert.h"
#include "libcore/archive/lt/settings.h"
#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/check.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/pki/sha1.h"

namespace p2pd::archive::lt {

namespace lts = libtorrent;
using pieces::Piece;
using pieces::PieceState;

// Loads sleeping torrents that a peer asks for.
class Engine::Impl::WakePlugin final : public lts::plugin {
 public:
  explicit WakePlugin(Impl& engine) : engine_(engine) {}
  bool on_unknown_torrent(const lts::info_hash_t& hash, const lts::peer_connection_handle&,
                          lts::add_torrent_params& params) override {
    // What a peer says is one hash of 20 bytes, v1 or the beginning of v2.
    const torrent::InfoHashes said = FromLibtorrent(hash);
    return (said.v1 || said.v2) && engine_.Wake(said.Best(), params);
  }

 private:
  Impl& engine_;
};

namespace {

std::vector<torrent::InfoHash> NamesOf(const torrent::InfoHashes& hashes) {
  std::vector<torrent::InfoHash> out;
  if (hashes.v1) out.push_back(*hashes.v1);
  if (hashes.v2) out.push_back(Truncate(*hashes.v2));
  return out;
}

// Threads that libtorrent makes meanwhile get no signals.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    P2PD_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

constexpr int kMaxPriority = 7;
constexpr uint8_t kDefaultPriority = 4;

std::vector<uint8_t> PrioritiesOf(uint32_t pieces,
                                  const std::optional<std::vector<WantedPiece>>& wanted) {
  std::vector<uint8_t> out(pieces, wanted ? uint8_t{0} : kDefaultPriority);
  if (!wanted) return out;
  for (const WantedPiece& one : *wanted) {
    if (one.piece.value() < pieces) {
      out[one.piece.value()] = std::min<uint8_t>(one.priority, kMaxPriority);
    }
  }
  return out;
}

// libtorrent turns peers away at the door while it has no torrent, and then none could be woken: a
// magnet that nobody seeks stands there.
void KeepDoorOpen(lts::session& session) {
  const pki::Sha1Digest digest = pki::Sha1(AsBytes("the door of an archive that sleeps"));
  lts::add_torrent_params params;
  params.info_hashes.v1 = lts::sha1_hash(reinterpret_cast<const char*>(digest.view().data()));
  params.save_path = "none";
  params.flags = lts::torrent_flags::disable_dht | lts::torrent_flags::disable_lsd |
                 lts::torrent_flags::disable_pex | lts::torrent_flags::default_dont_download;
  session.add_torrent(params);
}

// Each of `wanted` becomes one or more of `listening`, or a part of `failure`; an unspecified
// address stands for all of its family. False when none can be listened on.
bool TakeListening(lts::session& session, const std::vector<net::Endpoint>& wanted,
                   std::vector<net::Endpoint>& listening, std::string& failure) {
  std::vector<lts::alert*> alerts;
  std::vector<net::IpAddress> failed;
  const auto settled = [&](const net::Endpoint& one) {
    const auto stands_for = [&](const net::IpAddress& address) {
      return one.address == address ||
             (one.address.IsUnspecified() && one.address.is_v4() == address.is_v4());
    };
    return std::any_of(failed.begin(), failed.end(), stands_for) ||
           std::any_of(listening.begin(), listening.end(),
                       [&](const net::Endpoint& bound) { return stands_for(bound.address); });
  };
  constexpr auto kPatience = std::chrono::seconds(10);
  while (!std::all_of(wanted.begin(), wanted.end(), settled)) {
    if (session.wait_for_alert(kPatience) == nullptr) break;
    session.pop_alerts(&alerts);
    for (const lts::alert* const alert : alerts) {
      if (const auto* good = lts::alert_cast<lts::listen_succeeded_alert>(alert)) {
        if (good->socket_type == lts::socket_type_t::tcp) {
          listening.push_back(
              FromLibtorrent(lts::tcp::endpoint(good->address, static_cast<uint16_t>(good->port))));
        }
      } else if (const auto* bad = lts::alert_cast<lts::listen_failed_alert>(alert)) {
        failed.push_back(FromLibtorrent(lts::tcp::endpoint(bad->address, 0)).address);
        absl::StrAppend(&failure, failure.empty() ? "" : "; ", bad->message());
      }
    }
  }
  return !listening.empty();
}

}  // namespace

Engine::Impl::Impl(EngineOptions options)
    : options_(std::move(options)),
      events_(kMaxEvents, options_.wake),
      threads_(std::max(options_.io_threads, 1u)) {
  const MutexLock lock(&mutex_);
  limits_ = options_.limits;
}

Engine::Impl::~Impl() {
  // Pieces that were proved reach the disk with the lanes; libtorrent's end waits for them.
  ending_ = true;
  session_.reset();
  threads_.Drain();
  std::map<torrent::InfoHash, Loaded> last;
  {
    const MutexLock lock(&mutex_);
    std::swap(last, loaded_);
  }
  last.clear();
  threads_.Drain();
}

absl::Status Engine::Impl::Start() {
  P2PD_CHECK(options_.store != nullptr);
  if (options_.listen.empty()) return absl::InvalidArgumentError("nothing to listen on");
  const NoSignals no_signals;
  try {
    lts::session_params params(SettingsOf(options_), {});
    params.disk_io_constructor = [this](lts::io_context& context, const lts::settings_interface&,
                                        lts::counters&) {
      context_ = &context;
      DiskIo::Hooks hooks;
      hooks.find = [this](const lts::sha1_hash& hash) {
        const auto id = torrent::InfoHash::FromView(
            ByteView(reinterpret_cast<const uint8_t*>(hash.data()), torrent::InfoHash::kSize));
        const absl::StatusOr<Loaded> found = Find(*id);
        return found.ok() ? DiskTorrent{(*found)->id, (*found)->holding, (*found)->board}
                          : DiskTorrent{};
      };
      hooks.lost = [this](const torrent::InfoHash& hash, const absl::Status& status) {
        OnLost(hash, status);
      };
      return std::make_unique<DiskIo>(
          context, threads_,
          DiskIo::Options{std::max(options_.io_threads, 1u), options_.read_buffers,
                          options_.write_buffers},
          std::move(hooks), disk_counts_);
    };
    session_ = std::make_unique<lts::session>(std::move(params));
    handle_ = *session_;
    session_->set_peer_class_filter(PeerClasses());
    session_->add_extension(&lts::create_ut_metadata_plugin);
    session_->add_extension(&lts::create_smart_ban_plugin);
    if (options_.peer_exchange) session_->add_extension(&lts::create_ut_pex_plugin);
    session_->add_extension(std::make_shared<WakePlugin>(*this));
    KeepDoorOpen(*session_);
    std::string failure;
    if (!TakeListening(*session_, options_.listen, listening_, failure)) {
      return absl::UnavailableError(absl::StrCat("cannot listen: ", failure));
    }
    session_->set_alert_notify([this] { Post([this] { TakeAlerts(); }); });
  } catch (const std::exception& thrown) {
    return absl::InternalError(absl::StrCat("libtorrent does not start: ", thrown.what()));
  }
  return absl::OkStatus();
}

void Engine::Impl::Post(Task task) {
  boost::asio::post(*context_, [this, task = std::move(task)]() mutable { Run(task); });
}

void Engine::Impl::PostAfter(absl::Duration delay, Task task) {
  Post([this, delay, task = std::move(task)]() mutable {
    const auto timer = std::make_shared<lts::deadline_timer>(*context_);
    timer->expires_after(absl::ToChronoNanoseconds(delay));
    timer->async_wait([this, timer, task = std::move(task)](const lts::error_code& error) mutable {
      if (!error) Run(task);
    });
  });
}

void Engine::Impl::Run(Task& task) {
  if (ending_) return;
  try {
    task();
  } catch (const std::exception& thrown) {
    // A handle whose torrent went meanwhile, in nearly all cases.
    P2PD_LOG(archive, kDebug, "libtorrent: ", thrown.what());
  }
}

// ---- the table of torrents ----

absl::StatusOr<Engine::Impl::Loaded> Engine::Impl::Find(const torrent::InfoHash& hash) const {
  const MutexLock lock(&mutex_);
  const auto at = loaded_.find(hash);
  if (at == loaded_.end()) {
    return absl::NotFoundError(absl::StrCat(ToHex(hash), " is not loaded"));
  }
  return at->second;
}

absl::Status Engine::Impl::Register(const Loaded& torrent) {
  const MutexLock lock(&mutex_);
  for (const torrent::InfoHash& name : NamesOf(torrent->hashes)) {
    if (loaded_.contains(name)) {
      return absl::AlreadyExistsError(absl::StrCat(ToHex(name), " is loaded already"));
    }
  }
  for (const torrent::InfoHash& name : NamesOf(torrent->hashes)) {
    loaded_[name] = torrent;
  }
  NoteAwake(torrent->hashes);
  return absl::OkStatus();
}

void Engine::Impl::Unregister(const LoadedTorrent& torrent) {
  const MutexLock lock(&mutex_);
  for (const torrent::InfoHash& name : NamesOf(torrent.hashes)) loaded_.erase(name);
}

std::shared_ptr<pieces::Holding> Engine::Impl::Share(std::unique_ptr<pieces::Holding> holding,
                                                     const torrent::InfoHash& id) {
  return {holding.release(), [this, id](pieces::Holding* last) {
            threads_.PushKeep([this, id, last] {
              // Nobody is left who could have been told of what is hidden.
              last->Punch(pieces::PieceSet::Full(last->layout().pieces()).List()).IgnoreError();
              delete last;
              events_.Put(TorrentGone{id});
            });
          }};
}

// What a stranger's torrent may make us ask (issue, 'SSRF guard').
bool Engine::Impl::MayAsk(const std::string& url, bool private_addresses) {
  if (private_addresses || !LeadsInside(url)) return true;
  ++private_refused_;
  return false;
}

bool Engine::Impl::IsTrusted(const std::string& tracker) const {
  const absl::string_view at = torrent::AuthorityOf(tracker);
  const MutexLock lock(&mutex_);
  return trusted_.count(std::string(at)) != 0;
}

void Engine::Impl::SetTrusted(const std::vector<std::string>& trackers) {
  const MutexLock lock(&mutex_);
  trusted_.clear();
  for (const std::string& url : trackers) {
    const absl::string_view at = torrent::AuthorityOf(url);
    if (!at.empty()) trusted_.insert(std::string(at));
  }
}

TrackerTiers Engine::Impl::Allowed(const TrackerTiers& tiers, bool private_addresses) {
  TrackerTiers out;
  for (const std::vector<std::string>& tier : tiers) {
    std::vector<std::string> good;
    for (const std::string& url : tier) {
      if (!IsTrackerUrl(url)) continue;
      if (IsTrusted(url) || MayAsk(url, private_addresses)) good.push_back(url);
    }
    if (!good.empty()) out.push_back(std::move(good));
  }
  return out;
}

void Engine::Impl::Guard(const AddRequest& request, LoadedTorrent& torrent) {
  torrent.private_addresses = request.private_addresses;
  TrackerTiers tiers = request.trackers;
  std::vector<std::string> web_seeds = request.web_seeds;
  if (torrent.info && tiers.empty()) {
    for (const lts::announce_entry& entry : torrent.info->trackers()) {
      if (tiers.size() <= entry.tier) tiers.resize(entry.tier + 1);
      tiers[entry.tier].push_back(entry.url);
    }
  }
  if (torrent.info && web_seeds.empty()) {
    for (const lts::web_seed_entry& entry : torrent.info->web_seeds()) {
      if (entry.type == lts::web_seed_entry::url_seed) web_seeds.push_back(entry.url);
    }
  }
  torrent.trackers = Allowed(tiers, request.private_addresses);
  for (const std::string& url : web_seeds) {
    if (!IsWebSeedUrl(url) || !MayAsk(url, request.private_addresses)) continue;
    torrent.web_seeds.push_back(url);
  }
}

absl::Status Engine::Impl::OpenPlace(LoadedTorrent& torrent, const AddRequest& request) {
  P2PD_ASSIGN_OR_RETURN(const pieces::Layout layout, LayoutOf(*torrent.info, request.paths));
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<pieces::Holding> holding,
                        options_.store->Open({ToHex(torrent.id), request.folder}, layout));
  torrent.holding = Share(std::move(holding), torrent.id);
  torrent.offered = torrent.holding->have();
  return absl::OkStatus();
}

absl::StatusOr<Engine::Impl::Loaded> Engine::Impl::Load(AddRequest request) {
  if (request.metainfo.size() > kMaxMetainfo) {
    return absl::InvalidArgumentError("a metainfo of more than 10 MiB");
  }
  if (!request.hashes.v1 && !request.hashes.v2) {
    return absl::InvalidArgumentError("a torrent without a hash");
  }
  auto torrent = std::make_shared<LoadedTorrent>();
  torrent->hashes = request.hashes;
  torrent->is_private = request.is_private;
  torrent->peers = request.peers;
  uint32_t count = 0;
  if (!request.metainfo.empty()) {
    P2PD_ASSIGN_OR_RETURN(torrent->info, ParseMetainfo(request.metainfo));
    const torrent::InfoHashes real = FromLibtorrent(torrent->info->info_hashes());
    if ((request.hashes.v1 && request.hashes.v1 != real.v1) ||
        (request.hashes.v2 && request.hashes.v2 != real.v2)) {
      return absl::InvalidArgumentError("the metainfo is another torrent's");
    }
    torrent->hashes = real;
    torrent->is_private = request.is_private || torrent->info->priv();
    count = static_cast<uint32_t>(torrent->info->num_pieces());
  }
  torrent->id = torrent->hashes.Best();
  torrent->board = std::make_shared<Board>(count);
  if (torrent->info) P2PD_RETURN_IF_ERROR(OpenPlace(*torrent, request));
  Guard(request, *torrent);
  {
    const MutexLock lock(&torrent->mutex);
    torrent->wanted = PrioritiesOf(count, request.wanted);
  }
  torrent->watched = std::make_shared<WatchedTorrent>();
  torrent->watched->id = torrent->id;
  torrent->watched->board = torrent->board;
  torrent->watched->events = &events_;
  torrent->watched->counts = &watch_counts_;
  torrent->watched->is_member = [this](const net::Endpoint& endpoint) {
    const MutexLock lock(&mutex_);
    return members_.contains(endpoint);
  };
  torrent->watched->passed = [this, weak = std::weak_ptr(torrent)](Piece piece) {
    if (const Loaded strong = weak.lock()) OnPassed(strong, piece);
  };
  torrent->watched->probe_patience = options_.probe_patience;
  torrent->watched->probed = [this, weak = std::weak_ptr(torrent)](const net::Endpoint& peer,
                                                                   const pieces::Range& block,
                                                                   std::optional<Bytes> given) {
    if (const Loaded strong = weak.lock()) OnProbed(strong, peer, block, std::move(given));
  };
  return torrent;
}

// ---- owner ----

absl::Status Engine::Impl::Add(AddRequest request) {
  for (const torrent::InfoHash& name : NamesOf(request.hashes)) {
    if (Find(name).ok()) {
      return absl::AlreadyExistsError(absl::StrCat(ToHex(name), " is loaded already"));
    }
  }
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Load(std::move(request)));
  P2PD_RETURN_IF_ERROR(Register(torrent));
  Post([this, torrent] { Enter(torrent); });
  return absl::OkStatus();
}

absl::Status Engine::Impl::Remove(const torrent::InfoHash& hash, bool sleep) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  Unregister(*torrent);
  if (sleep) AddSleeping({&torrent->hashes, 1});
  Post([this, torrent] { Leave(torrent); });
  return absl::OkStatus();
}

void Engine::Impl::AddSleeping(absl::Span<const torrent::InfoHashes> hashes) {
  const MutexLock lock(&mutex_);
  for (const torrent::InfoHashes& one : hashes) {
    sleeping_torrents_ += sleeping_.contains(one.Best()) ? 0 : 1;
    for (const torrent::InfoHash& name : NamesOf(one)) sleeping_[name] = one.Best();
  }
}

void Engine::Impl::NoteAwake(const torrent::InfoHashes& hashes) {
  sleeping_torrents_ -= sleeping_.contains(hashes.Best()) ? 1 : 0;
  for (const torrent::InfoHash& name : NamesOf(hashes)) sleeping_.erase(name);
}

absl::Status Engine::Impl::ConnectPeer(const torrent::InfoHash& hash, const net::Endpoint& peer) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  Post([torrent, peer] {
    if (torrent->handle.is_valid()) torrent->handle.connect_peer(ToLibtorrent(peer));
  });
  return absl::OkStatus();
}

absl::Status Engine::Impl::SetWanted(const torrent::InfoHash& hash,
                                     absl::Span<const WantedPiece> wanted) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  {
    const MutexLock lock(&torrent->mutex);
    torrent->wanted = PrioritiesOf(torrent->board->pieces(),
                                   std::vector<WantedPiece>(wanted.begin(), wanted.end()));
  }
  Post([this, torrent] { ApplyWanted(torrent); });
  return absl::OkStatus();
}

absl::Status Engine::Impl::Drop(const torrent::InfoHash& hash, absl::Span<const Piece> pieces) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (!torrent->holding) return absl::FailedPreconditionError("a torrent without metainfo");
  threads_.PushKeep(
      [this, torrent, list = Pieces(pieces.begin(), pieces.end())] { DropKept(torrent, list); });
  return absl::OkStatus();
}

absl::Status Engine::Impl::Scrub(const torrent::InfoHash& hash, Piece piece) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (!torrent->holding) return absl::FailedPreconditionError("a torrent without metainfo");
  threads_.PushKeep([this, torrent, piece] { ScrubOne(torrent, piece); });
  return absl::OkStatus();
}

absl::Status Engine::Impl::SetTrackers(const torrent::InfoHash& hash,
                                       const TrackerTiers& trackers) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  Post([torrent, trackers = Allowed(trackers, torrent->private_addresses)] {
    torrent->trackers = trackers;
    std::vector<lts::announce_entry> entries;
    for (size_t tier = 0; tier < trackers.size(); ++tier) {
      for (const std::string& url : trackers[tier]) {
        entries.emplace_back(url).tier = static_cast<uint8_t>(std::min<size_t>(tier, 255));
      }
    }
    if (torrent->handle.is_valid()) torrent->handle.replace_trackers(entries);
  });
  return absl::OkStatus();
}

void Engine::Impl::SetLimits(const EngineLimits& limits) {
  lts::settings_pack pack;
  ApplyLimits(limits, pack);
  session_->apply_settings(std::move(pack));
  std::vector<Loaded> all;
  {
    const MutexLock lock(&mutex_);
    limits_ = limits;
    for (const auto& [hash, torrent] : loaded_) all.push_back(torrent);
  }
  Post([all = std::move(all), limits] {
    const int most =
        limits.connections_per_torrent == 0 ? -1 : static_cast<int>(limits.connections_per_torrent);
    for (const Loaded& torrent : all) {
      if (torrent->handle.is_valid()) torrent->handle.set_max_connections(most);
    }
  });
}

absl::Status Engine::Impl::SetServed(const torrent::InfoHash& hash, bool served) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (torrent->watched->served.exchange(served) == served || !served) return absl::OkStatus();
  Post([torrent] { ServeAgain(*torrent->watched); });
  return absl::OkStatus();
}

void Engine::Impl::SetMembers(std::vector<net::Endpoint> members) {
  std::vector<Loaded> all;
  {
    const MutexLock lock(&mutex_);
    members_ = {members.begin(), members.end()};
    for (const auto& [hash, torrent] : loaded_) all.push_back(torrent);
  }
  Post([all = std::move(all)] {
    for (const Loaded& torrent : all) RefreshMembers(*torrent->watched);
  });
}

absl::StatusOr<TorrentSnapshot> Engine::Impl::Snapshot(const torrent::InfoHash& hash) const {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  TorrentSnapshot out;
  out.hashes = torrent->hashes;
  out.has_metainfo = torrent->info != nullptr;
  torrent->board->Fill(out);
  if (!torrent->holding) return out;
  out.have = torrent->holding->have();
  const MutexLock lock(&torrent->mutex);
  for (uint32_t i = 0; i < torrent->wanted.size() && !out.downloading; ++i) {
    out.downloading = torrent->wanted[i] > 0 && !out.have.Has(Piece(i));
  }
  return out;
}

absl::StatusOr<int64_t> Engine::Impl::Overhead(const torrent::InfoHash& hash) const {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (!torrent->holding) return 0;
  const pieces::Holding& holding = *torrent->holding;
  P2PD_ASSIGN_OR_RETURN(const uint64_t on_disk, holding.BytesOnDisk());
  uint64_t expected = 0;
  for (uint32_t i = 0; i < holding.layout().pieces(); ++i) {
    const PieceState state = holding.StateOf(Piece(i));
    const bool absent = state == PieceState::kAbsent;
    if (!absent) expected += holding.layout().SizeOf(Piece(i));
  }
  return static_cast<int64_t>(on_disk) - static_cast<int64_t>(expected);
}

absl::Status Engine::Impl::CheckFiles(const torrent::InfoHash& hash) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (!torrent->holding) return absl::OkStatus();
  threads_.PushKeep([this, torrent] {
    if (torrent->holding->Touched()) events_.Put(FilesTouched{torrent->id});
  });
  return absl::OkStatus();
}

EngineCounters Engine::Impl::Counters() const {
  EngineCounters out;
  {
    const MutexLock lock(&mutex_);
    std::set<const LoadedTorrent*> different;
    for (const auto& [hash, torrent] : loaded_) different.insert(torrent.get());
    out.torrents = different.size();
    out.sleeping = sleeping_torrents_;
  }
  out.woken = woken_;
  out.connections = watch_counts_.connections;
  out.uploaded = watch_counts_.uploaded;
  out.downloaded = watch_counts_.downloaded;
  out.hash_failures = watch_counts_.hash_failures;
  out.requests_held_back = watch_counts_.held_back;
  out.blocks_read = disk_counts_.blocks_read;
  out.reads_refused = disk_counts_.reads_refused;
  out.bytes_waiting = disk_counts_.bytes_waiting;
  out.private_address_refused = private_refused_;
  out.events_lost = events_.lost();
  return out;
}

}  // namespace p2pd::archive::lt
