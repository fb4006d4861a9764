#include "daemon/tracker_host.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/udp_counters.h"
#include "libcore/archive/tracker/http_conversation.h"
#include "libcore/archive/tracker/swarm_state.h"
#include "libcore/archive/tracker/udp_tracker.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/runtime/clock.h"

namespace p2pd::daemon {
namespace {

using archive::tracker::Access;
using archive::tracker::AccessMode;
using archive::tracker::Count;
using archive::tracker::SwarmTable;
using archive::tracker::TrackerOptions;

// A list of the most entries with comments.
constexpr size_t kMaxListFile = size_t{128} << 20;
// A free TCP port may be taken for UDP: then another one.
constexpr int kPortTries = 8;

SwarmTable::Options TableOptions(const TrackerConfig& config) {
  return {.max_bytes = config.max_memory, .peer_life = 2 * config.interval};
}

absl::StatusOr<std::string> ReadList(const std::string& path) {
  if (path.empty()) return std::string();
  P2PD_ASSIGN_OR_RETURN(const Bytes content, ReadFile(path, kMaxListFile));
  return ToText(content);
}

absl::StatusOr<Access> ReadAccess(const TrackerConfig& config) {
  Access access;
  access.mode = config.mode;
  P2PD_ASSIGN_OR_RETURN(const std::string allow, ReadList(config.allow));
  P2PD_ASSIGN_OR_RETURN(access.allowed, archive::tracker::ParseHashList(allow, config.allow));
  P2PD_ASSIGN_OR_RETURN(const std::string deny, ReadList(config.deny));
  P2PD_ASSIGN_OR_RETURN(access.denied, archive::tracker::ParseHashList(deny, config.deny));
  P2PD_ASSIGN_OR_RETURN(const std::string keys, ReadList(config.keys));
  P2PD_ASSIGN_OR_RETURN(access.keys, archive::tracker::ParseKeyList(keys, config.keys));
  return access;
}

// An HttpConversation for runtime, which knows no trackers.
class HttpClient final : public runtime::TcpConversation {
 public:
  HttpClient(archive::tracker::Tracker& tracker, const net::Endpoint& peer)
      : http_(tracker), conversation_(http_, peer.address) {}
  void OnBytes(Instant now, ByteView bytes) override { conversation_.OnBytes(now, bytes); }
  ByteView pending() const override { return conversation_.pending(); }
  void OnSent(Instant now, size_t size) override { conversation_.OnSent(now, size); }
  bool wants_bytes() const override { return conversation_.wants_bytes(); }
  bool ended() const override { return conversation_.ended(); }

 private:
  archive::tracker::HttpTracker http_;
  archive::tracker::HttpConversation conversation_;
};

}  // namespace

// One UDP thread's part.
class TrackerHost::Worker final : public runtime::UdpResponder {
 public:
  // Of all workers one sweeps the table, a shard a tick: each shard once in about a minute.
  Worker(TrackerHost& host, const TrackerOptions& options, bool sweeps)
      : table_(host.table_),
        tracker_(options, host.table_, host.access_, &host.events_, host.rng_),
        udp_(tracker_),
        sweeps_(sweeps) {}
  size_t OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram,
                    MutableByteView out) override {
    return udp_.Answer(now, from, datagram, out);
  }
  void OnTick(Instant now) override {
    if (sweeps_) table_.Sweep(now, next_shard_++ % SwarmTable::kShards);
  }
  const archive::tracker::Tally& tally() const { return tracker_.tally(); }

 private:
  SwarmTable& table_;
  archive::tracker::Tracker tracker_;
  archive::tracker::UdpTracker udp_;
  const bool sweeps_;
  size_t next_shard_ = 0;
};

absl::StatusOr<std::unique_ptr<TrackerHost>> TrackerHost::Start(const TrackerConfig& config,
                                                                const std::string& folder) {
  std::unique_ptr<TrackerHost> host(new TrackerHost(config, folder));
  P2PD_RETURN_IF_ERROR(host->Open(config));
  return host;
}

TrackerHost::TrackerHost(const TrackerConfig& config, std::string folder)
    : folder_(std::move(folder)),
      table_(TableOptions(config), runtime::MonotonicNow(), rng_),
      access_(Access()),
      events_(archive::tracker::kMaxEvents) {}

TrackerHost::~TrackerHost() {
  udp_.reset();
  http_loop_.PostAlways([this] {
    tcp_.reset();
    http_loop_.Stop();
  });
  save_loop_.PostAlways([this] {
    save_timer_.reset();
    save_loop_.Stop();
  });
  // Nothing was opened where there is no thread.
  if (save_thread_ == nullptr) return;
  http_thread_.reset();
  save_thread_.reset();
  Save();
}

absl::Status TrackerHost::Open(const TrackerConfig& config) {
  P2PD_RETURN_IF_ERROR(Reload(config));
  P2PD_RETURN_IF_ERROR(MakeFolder(folder_));
  Restore();
  TrackerOptions options;
  options.interval = config.interval;
  options.min_interval = config.interval / 2;
  rng_.Fill(MutableByteView(options.connection_key.data(), options.connection_key.size()));
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t count =
      config.workers > 0 ? config.workers : std::min(cores, runtime::UdpFan::kMaxWorkers);
  for (size_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, options, i == 0));
  }
  http_tracker_ =
      std::make_unique<archive::tracker::Tracker>(options, table_, access_, &events_, rng_);
  P2PD_RETURN_IF_ERROR(Listen(*config.listen));
  save_timer_ = std::make_unique<runtime::Timer>(save_loop_, [this] {
    Save();
    save_timer_->Set(save_loop_.now() + kSaveEvery);
  });
  save_timer_->Set(save_loop_.now() + kSaveEvery);
  http_thread_ = std::make_unique<runtime::Thread>("p2pd-trk-http", [this] { http_loop_.Run(); });
  save_thread_ = std::make_unique<runtime::Thread>("p2pd-trk-disk", [this] { save_loop_.Run(); });
  return absl::OkStatus();
}

// TCP first: it has one owner, while a UDP fan would join one that is there.
absl::Status TrackerHost::Listen(const net::Endpoint& bind) {
  std::vector<runtime::UdpResponder*> responders;
  for (const auto& worker : workers_) responders.push_back(worker.get());
  for (int attempt = 1;; ++attempt) {
    P2PD_ASSIGN_OR_RETURN(
        tcp_, runtime::TcpServer::Open(http_loop_, bind, {},
                                       [this](const net::Endpoint& peer, runtime::ConnectionId) {
                                         return std::make_unique<HttpClient>(*http_tracker_, peer);
                                       }));
    auto udp = runtime::UdpFan::Open({.address = bind.address, .port = tcp_->local().port},
                                     "p2pd-trk-", responders);
    if (udp.ok()) {
      udp_ = *std::move(udp);
      return absl::OkStatus();
    }
    tcp_.reset();
    if (bind.port != 0 || attempt == kPortTries) return udp.status();
  }
}

absl::Status TrackerHost::Reload(const TrackerConfig& config) {
  P2PD_ASSIGN_OR_RETURN(Access access, ReadAccess(config));
  // Their swarms go at once, not an hour later.
  for (const auto& hash : access.denied) table_.Remove(hash);
  const MutexLock lock(&lists_mutex_);
  access.denied_by_archive = access_.Get()->denied_by_archive;
  access_.Set(std::move(access));
  return absl::OkStatus();
}

void TrackerHost::SetDeniedByArchive(absl::flat_hash_set<archive::torrent::InfoHash> denied) {
  const MutexLock lock(&lists_mutex_);
  Access access = *access_.Get();
  std::swap(access.denied_by_archive, denied);
  const auto now_denied = access.denied_by_archive;
  access_.Set(std::move(access));
  // Nobody comes in any more when they go.
  for (const auto& hash : now_denied) {
    if (!denied.contains(hash)) table_.Remove(hash);
  }
}

void TrackerHost::Restore() {
  const std::string path = absl::StrCat(folder_, "/swarms");
  const auto state = ReadFile(path, archive::tracker::kMaxStateBytes);
  if (absl::IsNotFound(state.status())) return;
  const auto swarms = state.ok() ? archive::tracker::RestoreState(*state, runtime::MonotonicNow(),
                                                                  runtime::WallNow(), table_)
                                 : absl::StatusOr<size_t>(state.status());
  if (swarms.ok()) {
    P2PD_LOG(daemon, kInfo, "tracker: ", *swarms, " swarms from ", path);
  } else {
    P2PD_LOG(daemon, kWarn, path, ": ", swarms.status().message());
  }
}

void TrackerHost::Save() {
  const Bytes state =
      archive::tracker::EncodeState(table_, runtime::MonotonicNow(), runtime::WallNow());
  const absl::Status status =
      WriteFileAtomically(absl::StrCat(folder_, "/swarms"), state, FileMode::kSecret);
  if (!status.ok()) P2PD_LOG(daemon, kError, "tracker: swarms not written: ", status.message());
}

void TrackerHost::AddCounters(std::map<std::string, uint64_t>& out) const {
  for (size_t i = 0; i < archive::tracker::kCounts; ++i) {
    const auto count = static_cast<Count>(i);
    uint64_t& sum = out[std::string(NameOf(count))];
    sum = http_tracker_->tally().Get(count);
    for (const auto& worker : workers_) sum += worker->tally().Get(count);
  }
  const SwarmTable::Stats table = table_.stats();
  out["tracker.bytes"] = table.bytes;
  out["tracker.swarms"] = table.swarms;
  out["tracker.peers_ipv4"] = table.peers_v4;
  out["tracker.peers_ipv6"] = table.peers_v6;
  out["tracker.archive_listings"] = table.listings;
  out["tracker.expired_peers"] = table.expired_peers;
  out["tracker.evicted_swarms"] = table.evicted_swarms;
  out["tracker.evicted_peers"] = table.evicted_peers;
  AddUdpCounters("tracker", udp_->stats(), out);
  const runtime::TcpStats tcp = tcp_->stats();
  out["tracker.http_connections"] = tcp.accepted;
  out["tracker.http_refused_full"] = tcp.refused_full;
  out["tracker.http_refused_address"] = tcp.refused_address;
  out["tracker.http_closed_impatient"] = tcp.closed_impatient;
}

}  // namespace p2pd::daemon
