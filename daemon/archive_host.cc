#include "daemon/archive_host.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/version.h"
#include "libcore/archive/lt/torrent_maker.h"
#include "libcore/archive/pieces/disk_piece_store.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/local_addresses.h"

namespace p2pd::daemon {
namespace {

using archive::torrent::InfoHash;

constexpr size_t kMaxTorrentFile = 12 << 20;
constexpr uint8_t kUrgent = 7;
constexpr uint8_t kOrdinary = 4;
// Of this machine, by which somebody may know our tracker.
constexpr size_t kMaxAddresses = 64;
constexpr size_t kMaxListed = archive::tracker::ArchiveListing::kMaxEndpoints;

// By how SQLite's files begin; true where it cannot be opened.
bool IsDatabase(const std::string& path) {
  constexpr absl::string_view kBegins("SQLite format 3\0", 16);
  std::ifstream file(path, std::ios::binary);
  std::string begins(kBegins.size(), ' ');
  if (!file) return true;
  file.read(begins.data(), static_cast<std::streamsize>(begins.size()));
  return begins == kBegins;
}

std::vector<std::string> PathsOf(const archive::torrent::Metainfo& metainfo) {
  std::vector<std::string> out;
  for (const archive::torrent::MetainfoFile& file : metainfo.files) {
    if (!file.padding) out.push_back(absl::StrJoin(file.path, "/"));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArchiveHost>> ArchiveHost::Start(const ArchiveConfig& config,
                                                                const std::string& folder,
                                                                TrackerHost* tracker,
                                                                const std::string& announce) {
  std::unique_ptr<ArchiveHost> host(new ArchiveHost(config, folder, tracker));
  P2PD_RETURN_IF_ERROR(host->Open(announce));
  return host;
}

ArchiveHost::ArchiveHost(const ArchiveConfig& config, std::string folder, TrackerHost* tracker)
    : config_(config),
      folder_(std::move(folder)),
      tracker_(tracker),
      limits_(config.limits, absl::StrCat(folder_, "/sent")),
      epoch_(rng_.Next()) {}

ArchiveHost::~ArchiveHost() {
  loop_.PostAlways([this] {
    tick_.reset();
    loop_.Stop();
  });
  thread_.reset();
  scrub_.reset();
  if (engine_ != nullptr) {
    ApplyLimits();
    limits_.Save();
  }
  // After the thread that reads its events; it waits for the disk.
  engine_.reset();
}

absl::Time ArchiveHost::wall() const { return runtime::WallNow(); }

std::string ArchiveHost::TorrentPath(const std::string& file) const {
  return absl::StrCat(folder_, "/Torrents/", file);
}

archive::ArchiveOptions ArchiveHost::OptionsWith(const std::string& announce) const {
  archive::ArchiveOptions options;
  options.keeper.quota = config_.quota;
  options.keeper.holding_time = config_.holding_time;
  options.same_name = config_.same_name;
  options.announced = config_.announced;
  options.shared = !config_.federation.empty();
  if (options.shared) options.keeper.copies = config_.copies;
  options.idle = config_.idle;
  if (tracker_ == nullptr) return options;
  if (!announce.empty()) options.trackers.push_back(announce);
  for (const net::Endpoint& at : runtime::ReachableEndpoints(
           tracker_->listen_endpoint(), runtime::LocalAddresses(), kMaxAddresses)) {
    options.trackers.push_back(absl::StrCat("http://", at.ToString(), "/announce"));
  }
  return options;
}

absl::Status ArchiveHost::Open(const std::string& announce) {
  P2PD_RETURN_IF_ERROR(MakeFolder(absl::StrCat(folder_, "/Torrents")));
  P2PD_RETURN_IF_ERROR(OpenLibrary());
  P2PD_RETURN_IF_ERROR(CheckFolder());
  archive::pieces::DiskPieceStoreOptions disk;
  disk.files_folder = absl::StrCat(folder_, "/Files");
  disk.have_folder = absl::StrCat(folder_, "/have");
  P2PD_ASSIGN_OR_RETURN(
      store_, archive::pieces::OpenDiskPieceStore(disk, archive::pieces::SystemFileLayer()));
  archive::lt::EngineOptions options;
  options.store = store_.get();
  options.user_agent = absl::StrCat("p2pd/", kVersion);
  options.limits = limits_.EngineLimitsAt(wall());
  options.wake = [this] { loop_.PostAlways([this] { Pump(); }); };
  options.loader = [this](const InfoHash& hash) { return Wake(hash); };
  P2PD_RETURN_IF_ERROR(StartEngine(std::move(options)));
  archive_ =
      std::make_unique<archive::Archive>(OptionsWith(announce), *library_, counters_, loop_.now());
  TrustTrackers();
  archive_->Load(loop_.now(), [this](const std::string& file) {
    return ReadFile(TorrentPath(file), kMaxTorrentFile);
  });
  TakeDenyList();
  scrub_ = std::make_unique<ArchiveScrub>(config_.scrub, absl::StrCat(folder_, "/scrub"), *archive_,
                                          *engine_, counters_, loop_.now(), wall());
  FindTorrents();
  tick_ = std::make_unique<runtime::Timer>(loop_, [this] { OnTick(); });
  tick_->Set(loop_.now());
  thread_ = std::make_unique<runtime::Thread>("p2pd-archive", [this] { loop_.Run(); });
  return absl::OkStatus();
}

absl::Status ArchiveHost::OpenLibrary() {
  const std::string path = absl::StrCat(folder_, "/library.db");
  absl::StatusOr<std::unique_ptr<archive::Library>> library = archive::Library::Open(path);
  // Another program's database is left alone; what is none was ours before the disk lost it.
  if (absl::IsDataLoss(library.status()) || (!library.ok() && !IsDatabase(path))) {
    const std::string aside = absl::StrCat(path, ".damaged-", absl::ToUnixSeconds(wall()));
    P2PD_LOG(daemon, kError, "archive: ", library.status().message(), "; it is ", aside,
             " now, and a new one is made from the folder Torrents, without denials and history");
    for (const absl::string_view part : {"", "-wal", "-shm"}) {
      std::error_code error;
      std::filesystem::rename(absl::StrCat(path, part), absl::StrCat(aside, part), error);
    }
    library = archive::Library::Open(path);
  }
  P2PD_RETURN_IF_ERROR(library.status());
  library_ = *std::move(library);
  return absl::OkStatus();
}

void ArchiveHost::FindTorrents() {
  const std::set<std::string> known = archive_->Files();
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(TorrentPath(""), error)) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() == ".torrent" && known.count(file) == 0) files.push_back(file);
  }
  // A file's name begins with the torrent's and says when it came. Of two of one name the first has
  // the folder of that name.
  std::sort(files.begin(), files.end());
  found_.assign(files.begin(), files.end());
  if (!found_.empty()) {
    P2PD_LOG(daemon, kInfo, "archive: ", found_.size(), " torrents in ", TorrentPath(""),
             " are new to it, and are taken one after the other");
    loop_.PostAlways([this] { TakeNextFound(); });
  }
}

// Each is a task of its own: whoever asks has his turn between them.
void ArchiveHost::TakeNextFound() {
  const std::string file = std::move(found_.front());
  found_.pop_front();
  const absl::Status status = TakeFound(file);
  if (!status.ok()) P2PD_LOG(daemon, kWarn, "archive: ", TorrentPath(file), ": ", status.message());
  if (!found_.empty()) {
    loop_.PostAlways([this] { TakeNextFound(); });
  } else {
    P2PD_LOG(daemon, kInfo, "archive: all that was found in Torrents is taken");
  }
}

absl::Status ArchiveHost::TakeFound(const std::string& file) {
  const std::string path = TorrentPath(file);
  P2PD_ASSIGN_OR_RETURN(const Bytes metainfo, ReadFile(path, kMaxTorrentFile));
  std::error_code error;
  const auto written =
      std::chrono::file_clock::to_sys(std::filesystem::last_write_time(path, error));
  const absl::Time came =
      error ? wall()
            : absl::FromChrono(
                  std::chrono::time_point_cast<std::chrono::system_clock::duration>(written));
  P2PD_ASSIGN_OR_RETURN(const InfoHash hash,
                        archive_->Submit(loop_.now(), came, metainfo, archive::Source::kSubmitted));
  Pump();
  // It is saved under the name that it would have now.
  const auto view = archive_->Find(hash);
  if (view && view->row.file != file) std::filesystem::remove(path, error);
  return absl::OkStatus();
}

absl::Status ArchiveHost::StartEngine(archive::lt::EngineOptions options) {
  // The two families have a socket each, and one of them may not be there.
  options.listen = {{net::IpAddress::V4({}), kUsualPort}, {net::IpAddress::V6({}), kUsualPort}};
  if (config_.peer) options.listen = {*config_.peer};
  // Households and carriers have many behind one address.
  options.many_per_address = true;
  absl::StatusOr<std::unique_ptr<archive::lt::Engine>> engine = archive::lt::Engine::Start(options);
  const auto has_v4 = [&] {
    const std::vector<net::Endpoint> bound = (*engine)->Listening();
    return std::any_of(bound.begin(), bound.end(),
                       [](const net::Endpoint& at) { return at.address.is_v4(); });
  };
  // Where somebody has the usual port any other does.
  if (!config_.peer && (!engine.ok() || !has_v4())) {
    engine = absl::UnavailableError("");
    for (net::Endpoint& endpoint : options.listen) endpoint.port = 0;
    engine = archive::lt::Engine::Start(options);
  }
  if (!engine.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot take peers at ", options.listen[0].ToString(), ": ",
                     engine.status().message(), "; name another port with --peer"));
  }
  engine_ = *std::move(engine);
  ListEndpoints(options.listen);
  return absl::OkStatus();
}

// Where peers reach us: of an unspecified address, which the engine takes apart, what the machine
// has of its family.
void ArchiveHost::ListEndpoints(const std::vector<net::Endpoint>& wanted) {
  const std::vector<net::IpAddress> local = runtime::LocalAddresses();
  for (const net::Endpoint& one : wanted) {
    std::vector<net::IpAddress> of_family;
    std::copy_if(local.begin(), local.end(), std::back_inserter(of_family),
                 [&](const net::IpAddress& at) { return at.is_v4() == one.address.is_v4(); });
    for (const net::Endpoint& bound : engine_->Listening()) {
      const bool any = one.address.IsUnspecified();
      if (any ? bound.address.is_v4() != one.address.is_v4() : bound.address != one.address)
        continue;
      const net::Endpoint whole{one.address, bound.port};
      for (const net::Endpoint& at : runtime::ReachableEndpoints(whole, of_family, kMaxListed)) {
        if (endpoints_.size() < kMaxListed) endpoints_.push_back(at);
      }
      break;
    }
  }
}

bool ArchiveHost::Post(absl::AnyInvocable<void(ArchiveHost&)> task) {
  return loop_.Post([this, task = std::move(task)]() mutable {
    task(*this);
    Pump();
  });
}

void ArchiveHost::PostAlways(absl::AnyInvocable<void(ArchiveHost&)> task) {
  loop_.PostAlways([this, task = std::move(task)]() mutable {
    task(*this);
    Pump();
  });
}

void ArchiveHost::Drain() {
  PostAlways([](ArchiveHost& host) {
    host.draining_ = true;
    host.watchers_.Tell(&Watcher::OnDrain);
  });
}

absl::Status ArchiveHost::AddWatcher(Watcher* watcher) {
  if (draining_) return absl::UnavailableError("the daemon is ending");
  if (!watchers_.Add(watcher)) return absl::ResourceExhaustedError("too many streams are open");
  return absl::OkStatus();
}

void ArchiveHost::NotifyWatchers() {
  if (archive_->changes().last() == notified_) return;
  notified_ = archive_->changes().last();
  watchers_.Tell(&Watcher::OnChange);
}

void ArchiveHost::AddCounters(std::map<std::string, uint64_t>& out) const {
  const MutexLock lock(&mutex_);
  for (const auto& [name, value] : shown_) out[name] += value;
}

absl::StatusOr<InfoHash> ArchiveHost::Submit(ByteView metainfo, archive::Source source) {
  // What the engine could not load is not taken.
  P2PD_ASSIGN_OR_RETURN(const archive::torrent::Metainfo parsed,
                        archive::torrent::ParseMetainfo(metainfo));
  P2PD_RETURN_IF_ERROR(archive::lt::ReadTorrent(metainfo, PathsOf(parsed)).status());
  unsaved_.reset();
  P2PD_ASSIGN_OR_RETURN(const InfoHash hash,
                        archive_->Submit(loop_.now(), wall(), metainfo, source));
  Pump();
  if (!unsaved_ || unsaved_->first != hash) return hash;
  archive_->Remove(loop_.now(), hash).IgnoreError();
  return absl::FailedPreconditionError(absl::StrCat(
      unsaved_->second.message(),
      absl::IsResourceExhausted(unsaved_->second) ? ": make room there, and submit it again" : ""));
}

absl::StatusOr<InfoHash> ArchiveHost::Submit(const archive::torrent::Magnet& magnet,
                                             archive::Source source) {
  return archive_->Submit(loop_.now(), wall(), magnet, source);
}

const archive::LimitsInForce& ArchiveHost::ApplyLimits() {
  ApplyLimits(engine_->Counters().uploaded);
  return limits_.in_force();
}

void ArchiveHost::ApplyLimits(uint64_t sent) {
  const auto limits = limits_.Apply(loop_.now(), wall(), sent);
  if (limits) engine_->SetLimits(*limits);
}

void ArchiveHost::OnTick() {
  AddBlocked();
  CheckDisk();
  for (const auto& [hash, name] : loaded_) LookAt(hash);
  archive_->OnTimeout(loop_.now());
  scrub_->Go(loop_.now(), wall());
  Pump();
  const archive::lt::EngineCounters engine = engine_->Counters();
  ApplyLimits(engine.uploaded);
  {
    const MutexLock lock(&mutex_);
    wakes_left_ = archive_->WakesLeft();
    for (const auto& [name, value] : counters_.Snapshot()) shown_[name] = value;
    shown_["archive.bytes_uploaded"] = engine.uploaded;
    shown_["archive.bytes_downloaded"] = engine.downloaded;
    shown_["archive.connections"] = engine.connections;
    shown_["archive.hash_failures"] = engine.hash_failures;
    shown_["archive.events_lost"] = engine.events_lost;
    shown_["archive.woken_by_peers"] = engine.woken;
    shown_["archive.requests_held_back"] = engine.requests_held_back;
    shown_["archive.up_limit_bytes_per_second"] = limits_.in_force().up;
    shown_["archive.down_limit_bytes_per_second"] = limits_.in_force().down;
    shown_["archive.budget_bytes"] = limits_.in_force().budget;
    shown_["archive.sent_in_month_bytes"] = limits_.in_force().sent;
    shown_["archive.budget_used_up"] = limits_.in_force().used_up ? 1 : 0;
  }
  if (loop_.now() - bookmarked_ >= Watchers::kIdle) {
    bookmarked_ = loop_.now();
    watchers_.Tell(&Watcher::OnIdle);
  }
  tick_->Set(loop_.now() + kLook);
}

void ArchiveHost::LookAt(const InfoHash& hash) {
  const auto snapshot = engine_->Snapshot(hash);
  if (!snapshot.ok() || !snapshot->has_metainfo) return;
  archive::Look look;
  look.hash = hash;
  const uint32_t pieces = snapshot->have.pieces();
  look.have.resize(pieces);
  for (uint32_t i = 0; i < pieces; ++i)
    look.have[i] = snapshot->have.Has(archive::pieces::Piece(i));
  look.organic = snapshot->organic;
  look.members = snapshot->member;
  for (const archive::lt::PeerSnapshot& peer : snapshot->peers) {
    archive::Holder holder;
    holder.at = peer.endpoint;
    holder.member = peer.member;
    holder.incoming = peer.incoming;
    holder.given = peer.down_total;
    holder.taken = peer.up_total;
    holder.up_rate = peer.up_rate;
    holder.down_rate = peer.down_rate;
    holder.pieces = peer.pieces;
    look.holders.push_back(holder);
  }
  look.overhead = Measure(hash);
  look.uploaded = snapshot->uploaded;
  look.downloaded = snapshot->downloaded;
  archive_->OnLook(loop_.now(), wall(), std::move(look));
  // With the budget used up only what nobody else has whole is sent.
  const bool held_back = limits_.in_force().used_up && archive_->OthersGive(loop_.now(), hash);
  engine_->SetServed(hash, !held_back).IgnoreError();
}

std::optional<int64_t> ArchiveHost::Measure(const InfoHash& hash) {
  const auto layout = layouts_.find(hash);
  if (layout == layouts_.end()) return std::nullopt;
  Instant& next = measures_[hash];
  if (loop_.now() < next) return std::nullopt;
  next = loop_.now() + kMeasure + kMeasureFile * layout->second.files().size();
  engine_->CheckFiles(hash).IgnoreError();
  const absl::StatusOr<int64_t> overhead = engine_->Overhead(hash);
  return overhead.ok() ? std::optional(*overhead) : std::nullopt;
}

void ArchiveHost::Pump() {
  if (tracker_ != nullptr) {
    while (const auto event = tracker_->events().Pop()) {
      if (event->kind == archive::tracker::TrackerEvent::Kind::kSeedAnnounced) {
        archive_->OnSeedAnnounced(loop_.now(), wall(), event->hash, event->endpoint,
                                  tracker_->Allows(event->hash));
      } else {
        archive_->OnLeecherAnnounced(loop_.now(), event->hash, event->endpoint);
      }
    }
  }
  while (auto event = engine_->PollEvent()) OnEvent(*std::move(event));
  PumpFederation();
  while (auto order = archive_->PollOrder()) Obey(*std::move(order));
  NotifyWatchers();
}

void ArchiveHost::OnEvent(archive::lt::Event event) {
  if (const auto* got = std::get_if<archive::lt::MetadataReceived>(&event)) {
    loaded_.erase(got->hash);
    archive_->OnMetainfo(loop_.now(), wall(), got->hash, got->metainfo);
  } else if (const auto* gone = std::get_if<archive::lt::TorrentGone>(&event)) {
    OnGone(gone->hash);
  } else if (const auto* error = std::get_if<archive::lt::TorrentError>(&event)) {
    archive_->OnTrouble(error->hash, error->status);
    RunWaiting(error->hash);
  } else if (const auto* finished = std::get_if<archive::lt::WantedFinished>(&event)) {
    LookAt(finished->hash);
  } else if (const auto* ready = std::get_if<archive::lt::TorrentReady>(&event)) {
    OnReady(*ready);
  } else if (const auto* scrubbed = std::get_if<archive::lt::Scrubbed>(&event)) {
    scrub_->OnScrubbed(loop_.now(), wall(), *scrubbed);
  } else if (const auto* touched = std::get_if<archive::lt::FilesTouched>(&event)) {
    P2PD_LOG(daemon, kWarn, "archive: somebody else removed or changed files of ",
             archive::torrent::ToHex(touched->hash), "; what is left of them is found out");
    archive_->OnTouched(loop_.now(), touched->hash);
  } else if (const auto* probed = std::get_if<archive::lt::PeerProbed>(&event)) {
    OnProbed(*probed);
  } else if (const auto* read = std::get_if<archive::lt::RangesRead>(&event)) {
    if (federation_ == nullptr) return;
    federation_->OnRead(loop_.now(), archive::federation::ReadId(read->id), read->bytes);
  }
}

void ArchiveHost::OnReady(const archive::lt::TorrentReady& ready) {
  if (ready.woken) {
    // It was removed while a peer woke it.
    if (!archive_->Find(ready.hash)) return engine_->Remove(ready.hash).IgnoreError();
    archive_->OnWoken(loop_.now(), ready.hash);
  }
  LookAt(ready.hash);
  RunWaiting(ready.hash);
}

bool ArchiveHost::WhenLoaded(const InfoHash& hash, absl::AnyInvocable<void()> task) {
  const auto found = roused_.find(hash);
  if (found == roused_.end() && !archive_->Rouse(loop_.now(), hash)) return false;
  roused_[hash].push_back(std::move(task));
  return true;
}

void ArchiveHost::Fail(const InfoHash& hash, const absl::Status& status) {
  archive_->OnNotLoaded(hash, status);
  RunWaiting(hash);
}

void ArchiveHost::RunWaiting(const InfoHash& hash) {
  scrub_->OnLoaded(loop_.now(), wall(), hash);
  auto waiting = roused_.extract(hash);
  if (!waiting) return;
  for (absl::AnyInvocable<void()>& task : waiting.mapped()) task();
}

absl::StatusOr<archive::lt::AddRequest> ArchiveHost::Wake(const InfoHash& hash) {
  Bed bed;
  {
    const MutexLock lock(&mutex_);
    const auto found = beds_.find(hash);
    if (found == beds_.end()) return absl::NotFoundError("it does not sleep");
    if (wakes_left_ == 0) return absl::ResourceExhaustedError("too many were woken");
    --wakes_left_;
    bed = found->second;
  }
  P2PD_ASSIGN_OR_RETURN(Bytes metainfo, ReadFile(TorrentPath(bed.file), kMaxTorrentFile));
  archive::pieces::Layout layout;
  return RequestOf(std::move(metainfo), std::move(bed.folder), layout);
}

void ArchiveHost::OnGone(const InfoHash& hash) {
  const auto erasure = erasures_.find(hash);
  if (erasure != erasures_.end()) {
    const absl::Status status = store_->Erase(erasure->second.name, erasure->second.layout);
    if (!status.ok()) P2PD_LOG(daemon, kWarn, "archive: ", status.message());
    erasures_.erase(erasure);
  }
  // What stood in the way of a hybrid may have had the other of its names.
  std::vector<archive::lt::AddRequest> free;
  std::erase_if(waiting_, [&](auto& entry) {
    const std::vector<InfoHash> names = entry.second.hashes.Names();
    if (std::find(names.begin(), names.end(), hash) == names.end()) return false;
    free.push_back(std::move(entry.second));
    return true;
  });
  for (archive::lt::AddRequest& request : free) Add(std::move(request));
}

bool ArchiveHost::IsLoaded(const InfoHash& hash) const {
  const auto snapshot = engine_->Snapshot(hash);
  return snapshot.ok() && snapshot->has_metainfo;
}

void ArchiveHost::Dial(const InfoHash& hash, const archive::lt::AddRequest& request) {
  loaded_[hash] = {archive::torrent::ToHex(hash), request.folder};
  engine_->SetTrackers(hash, request.trackers).IgnoreError();
  for (const net::Endpoint& peer : request.peers) engine_->ConnectPeer(hash, peer).IgnoreError();
}

void ArchiveHost::Add(archive::lt::AddRequest request) {
  const InfoHash hash = request.hashes.Best();
  // A peer asked for it, and the engine loaded it already.
  if (!request.metainfo.empty() && IsLoaded(hash)) return Dial(hash, request);
  archive::lt::AddRequest again = request;
  const absl::Status status = engine_->Add(std::move(request));
  if (status.ok()) {
    loaded_[hash] = {archive::torrent::ToHex(hash), again.folder};
  } else if (!again.metainfo.empty() && IsLoaded(hash)) {
    Dial(hash, again);
  } else if (absl::IsAlreadyExists(status)) {
    // The one before it is on its way out.
    waiting_[hash] = std::move(again);
  } else {
    Fail(hash, status);
    // Until somebody takes away what stands in its way.
    blocked_[hash] = {loop_.now() + kBlockedRetry, std::move(again)};
  }
}

void ArchiveHost::AddBlocked() {
  std::vector<archive::lt::AddRequest> due;
  std::erase_if(blocked_, [this, &due](auto& entry) {
    if (entry.second.next > loop_.now()) return false;
    due.push_back(std::move(entry.second.request));
    return true;
  });
  for (archive::lt::AddRequest& request : due) Add(std::move(request));
}

// The other S-trackers.

void ArchiveHost::Join(archive::federation::FederationOptions options,
                       archive::federation::FederationKey key, Outlet outlet) {
  key_ = std::move(key);
  outlet_ = std::move(outlet);
  federation_ = std::make_unique<archive::federation::Federation>(std::move(options), *key_, rng_,
                                                                  counters_, loop_.now(), wall());
  archive_->SetFellows(loop_.now(), federation_.get());
}

void ArchiveHost::Leave() {
  archive_->SetFellows(loop_.now(), nullptr);
  federation_.reset();
  TrustTrackers();
  outlet_ = nullptr;
}

void ArchiveHost::TrustTrackers() {
  std::vector<std::string> trusted = archive_->options().trackers;
  if (federation_ != nullptr) {
    for (const std::string& url : federation_->Trackers()) trusted.push_back(url);
  }
  engine_->SetTrusted(trusted);
}

void ArchiveHost::PumpFederation() {
  if (federation_ == nullptr) return;
  federation_->OnTimeout(loop_.now(), wall());
  while (const auto event = federation_->PollEvent()) {
    if (const auto* promised = std::get_if<archive::federation::Promised>(&*event)) {
      archive_->OnPromised(loop_.now(), promised->group, promised->promises);
    } else {
      engine_->SetMembers(federation_->Endpoints());
      TrustTrackers();
      archive_->OnFellowsChanged(loop_.now());
    }
  }
  while (archive_->TakesHeard()) {
    const auto hash = federation_->PollHeard();
    if (!hash) break;
    archive_->OnHeard(loop_.now(), wall(), *hash);
  }
  while (auto order = federation_->PollOrder()) {
    if (const auto* read = std::get_if<archive::federation::ReadSamples>(&*order)) {
      ReadSamples(*read);
    } else {
      outlet_(*std::move(order));
    }
  }
}

// Orders.

void ArchiveHost::Obey(archive::Order order) {
  std::visit([this](auto& what) { Obey(std::move(what)); }, order);
}

void ArchiveHost::Obey(archive::FetchMetainfo fetch) {
  const InfoHash hash = fetch.hashes.Best();
  if (loaded_.count(hash) != 0) {
    // It is being asked for already; these may know it, too.
    for (const net::Endpoint& peer : fetch.peers) engine_->ConnectPeer(hash, peer).IgnoreError();
    return;
  }
  archive::lt::AddRequest request;
  request.hashes = fetch.hashes;
  for (std::string& url : fetch.trackers) request.trackers.push_back({std::move(url)});
  request.peers = std::move(fetch.peers);
  request.private_addresses = config_.lan;
  Add(std::move(request));
}

absl::StatusOr<archive::lt::AddRequest> ArchiveHost::RequestOf(
    Bytes metainfo, std::string folder, archive::pieces::Layout& layout) const {
  archive::lt::AddRequest request;
  P2PD_ASSIGN_OR_RETURN(archive::torrent::Metainfo parsed,
                        archive::torrent::ParseMetainfo(metainfo));
  request.paths = PathsOf(parsed);
  P2PD_ASSIGN_OR_RETURN(const auto facts, archive::lt::ReadTorrent(metainfo, request.paths));
  layout = facts.layout;
  request.hashes = parsed.hashes;
  request.metainfo = std::move(metainfo);
  request.folder = std::move(folder);
  request.trackers = std::move(parsed.trackers);
  request.wanted.emplace();
  request.private_addresses = config_.lan;
  return request;
}

void ArchiveHost::Obey(archive::StartTorrent start) {
  {
    const MutexLock lock(&mutex_);
    beds_.erase(start.hash);
  }
  archive::pieces::Layout layout;
  auto request = RequestOf(std::move(start.metainfo), std::move(start.folder), layout);
  if (!request.ok()) return Fail(start.hash, request.status());
  request->trackers = std::move(start.trackers);
  request->peers = std::move(start.peers);
  layouts_[start.hash] = std::move(layout);
  Add(*std::move(request));
}

void ArchiveHost::Obey(const archive::SleepTorrent& sleep) {
  const InfoHash hash = sleep.hashes.Best();
  waiting_.erase(hash);
  layouts_.erase(hash);
  measures_.erase(hash);
  loaded_.erase(hash);
  {
    const MutexLock lock(&mutex_);
    beds_[hash] = {sleep.file, sleep.folder};
  }
  // After a restart it was not loaded.
  if (!engine_->Sleep(hash).ok()) engine_->AddSleeping({&sleep.hashes, 1});
}

void ArchiveHost::Obey(const archive::StopTorrent& stop) {
  waiting_.erase(stop.hash);
  blocked_.erase(stop.hash);
  std::string slept_in;
  {
    const MutexLock lock(&mutex_);
    const auto bed = beds_.extract(stop.hash);
    if (bed) slept_in = bed.mapped().folder;
  }
  const auto loaded = loaded_.find(stop.hash);
  const auto layout = layouts_.find(stop.hash);
  if (stop.erase && layout != layouts_.end() && loaded != loaded_.end()) {
    erasures_[stop.hash] = {loaded->second, layout->second};
  } else if (stop.erase && !slept_in.empty()) {
    // Which files in its folder are its own only the .torrent says, and that could not be read.
    P2PD_LOG(daemon, kWarn, "archive: the .torrent of ", archive::torrent::ToHex(stop.hash),
             " is lost, so its files stay; what is in Files/", slept_in, " may be deleted by hand");
  }
  if (layout != layouts_.end()) layouts_.erase(layout);
  measures_.erase(stop.hash);
  if (loaded != loaded_.end()) loaded_.erase(loaded);
  engine_->Remove(stop.hash).IgnoreError();
  RunWaiting(stop.hash);
}

void ArchiveHost::Obey(const archive::WantPieces& want) {
  std::vector<archive::lt::WantedPiece> pieces;
  for (size_t i = 0; i < want.pieces.size(); ++i) {
    pieces.push_back(
        {archive::pieces::Piece(want.pieces[i]), i < want.urgent ? kUrgent : kOrdinary});
  }
  const absl::Status status = engine_->SetWanted(want.hash, pieces);
  if (!status.ok()) archive_->OnTrouble(want.hash, status);
}

void ArchiveHost::Obey(const archive::DropPieces& drop) {
  std::vector<archive::pieces::Piece> pieces;
  for (const uint32_t piece : drop.pieces) pieces.emplace_back(piece);
  const absl::Status status = engine_->Drop(drop.hash, pieces);
  if (!status.ok()) archive_->OnTrouble(drop.hash, status);
}

void ArchiveHost::Obey(const archive::DialPeer& dial) {
  engine_->ConnectPeer(dial.hash, dial.peer).IgnoreError();
}

void ArchiveHost::Obey(const archive::ListUs& list) {
  if (tracker_ == nullptr) return;
  archive::tracker::ArchiveListing listing{{}, list.always};
  // Who has the rest is as good as we are.
  const size_t others = std::min(list.others.size(), kMaxListed / 2);
  const size_t ours = list.holds ? std::min(endpoints_.size(), kMaxListed - others) : 0;
  listing.endpoints.assign(endpoints_.begin(), endpoints_.begin() + ours);
  listing.endpoints.insert(listing.endpoints.end(), list.others.begin(),
                           list.others.begin() + others);
  const bool any = !listing.endpoints.empty();
  tracker_->table().SetArchive(list.hash, any ? std::optional(std::move(listing)) : std::nullopt);
}

void ArchiveHost::Obey(const archive::TellDenied&) {
  if (tracker_ == nullptr) return;
  const std::set<InfoHash>& denied = archive_->denials();
  tracker_->SetDeniedByArchive({denied.begin(), denied.end()});
}

void ArchiveHost::TakeDenyList() {
  if (tracker_ == nullptr) return;
  archive_->SetDenyList(loop_.now(),
                        [this](const InfoHash& hash) { return tracker_->Denies(hash); });
}

void ArchiveHost::Obey(const archive::SaveMetainfo& save) {
  const absl::Status status =
      WriteFileAtomically(TorrentPath(save.file), save.metainfo, FileMode::kSecret);
  if (status.ok()) return;
  P2PD_LOG(daemon, kError, "archive: ", status.message());
  archive_->OnTrouble(save.hash, status);
  unsaved_.emplace(save.hash, status);
}

void ArchiveHost::Obey(const archive::RemoveMetainfo& remove) {
  std::error_code error;
  std::filesystem::remove(TorrentPath(remove.file), error);
}

void ArchiveHost::Obey(const archive::SetTrackers& set) {
  engine_->SetTrackers(set.hash, set.trackers).IgnoreError();
}

void ArchiveHost::Obey(archive::TellHeld tell) {
  if (federation_ != nullptr) federation_->SetHeld(tell.hash, std::move(tell.groups));
}

void ArchiveHost::Obey(const archive::TellRoom& tell) {
  if (federation_ != nullptr) federation_->SetRoom(tell.full, tell.used);
}

void ArchiveHost::Obey(const archive::AskToKeep& ask) {
  if (federation_ != nullptr) federation_->AskToKeep(loop_.now(), ask.group, ask.holders);
}

}  // namespace p2pd::daemon
