#include "daemon/daemon.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/archive_host.h"
#include "daemon/catalogue_host.h"
#include "daemon/control_server.h"
#include "daemon/data_dir.h"
#include "daemon/federation_host.h"
#include "daemon/feed_host.h"
#include "daemon/intake_host.h"
#include "daemon/metrics_host.h"
#include "daemon/node_host.h"
#include "daemon/sd_notify.h"
#include "daemon/services/call_service.h"
#include "daemon/services/contact_service.h"
#include "daemon/services/identity_service.h"
#include "daemon/services/node_service.h"
#include "daemon/services/overlay_service.h"
#include "daemon/services/torrent_service.h"
#include "daemon/settings.h"
#include "daemon/submission_host.h"
#include "daemon/tracker_host.h"
#include "daemon/version.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/signals.h"

namespace p2pd::daemon {
namespace {

// For calls, farewells and offline states at SIGTERM; below systemd's and Docker's patience.
constexpr absl::Duration kGrace = absl::Seconds(5);
// For gRPC calls that still run after the drain.
constexpr absl::Duration kServerPatience = absl::Milliseconds(500);
constexpr absl::Duration kWatchdogDefault = absl::Seconds(10);

// What the main thread holds; all methods run on it.
class Process {
 public:
  Process(const Config& config, const std::function<absl::StatusOr<Config>()>& read_again)
      : config_(config),
        read_again_(read_again),
        notify_(SdNotify::FromEnvironment()),
        signals_(loop_, {SIGTERM, SIGINT, SIGHUP}, [this](int number) { OnSignal(number); }) {}

  // Where a start fails, too, the threads that use the archive end before that.
  ~Process() { StopIntake(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  absl::Status Run();

 private:
  absl::Status Start();
  absl::Status StartTracker();
  void Ready();
  void OnSignal(int number);
  void Reload();
  // Nothing is handed to the archive by itself any more.
  void StopIntake();
  void Drain(absl::Duration grace);
  void PingWatchdog();

  const Config& config_;
  const std::function<absl::StatusOr<Config>()>& read_again_;
  const SdNotify notify_;
  runtime::Loop loop_;
  runtime::Signals signals_;
  std::unique_ptr<DataDir> data_dir_;
  // Before the node, whose counters show theirs.
  std::unique_ptr<TrackerHost> tracker_;
  std::unique_ptr<FederationHost> federation_;
  std::unique_ptr<SubmissionHost> submissions_;
  // Before the archive, whose answers it takes.
  std::unique_ptr<IntakeHost> intake_;
  std::unique_ptr<FeedHost> feeds_;
  std::unique_ptr<ArchiveHost> archive_;
  std::unique_ptr<CatalogueHost> catalogue_;
  std::unique_ptr<NodeHost> host_;
  std::unique_ptr<MetricsHost> metrics_;
  std::unique_ptr<NodeService> node_service_;
  std::unique_ptr<IdentityService> identity_service_;
  std::unique_ptr<ContactService> contact_service_;
  std::unique_ptr<CallService> call_service_;
  std::unique_ptr<OverlayService> overlay_service_;
  std::unique_ptr<TorrentService> torrent_service_;
  std::unique_ptr<ArchiveService> archive_service_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<runtime::Timer> watchdog_;
  bool draining_ = false;
};

absl::Status Process::Run() {
  P2PD_RETURN_IF_ERROR(Start());
  Ready();
  loop_.Run();
  // The core thread still runs: it is what ends the calls that the server waits for.
  server_->Shutdown(kServerPatience);
  server_.reset();
  call_service_.reset();
  metrics_.reset();
  if (federation_ != nullptr) federation_->Leave();
  if (submissions_ != nullptr) submissions_->Stop();
  host_.reset();
  catalogue_.reset();
  StopIntake();
  archive_.reset();
  intake_.reset();
  feeds_.reset();
  federation_.reset();
  submissions_.reset();
  tracker_.reset();
  P2PD_LOG(daemon, kInfo, "ended");
  return absl::OkStatus();
}

void Process::StopIntake() {
  if (intake_ != nullptr) intake_->Stop();
  if (feeds_ != nullptr) feeds_->Stop();
}

absl::Status Process::Start() {
  SetLogLevel(config_.log_level);
  // Nothing that we make is for others, and no core file carries keys.
  umask(0077);
  prctl(PR_SET_DUMPABLE, 0);
  P2PD_ASSIGN_OR_RETURN(data_dir_, DataDir::Open(config_.data_dir));
  // The doors before the node: what is taken, unreadable or damaged shows before the overlay hears
  // of us. Nobody is let in before Serve, since the loop does not run.
  runtime::SystemRng rng;
  P2PD_ASSIGN_OR_RETURN(server_, ControlServer::Open(loop_, config_, rng));
  P2PD_RETURN_IF_ERROR(StartTracker());
  std::optional<archive::federation::FederationKey> federation_key;
  if (!config_.archive.federation.empty()) {
    P2PD_ASSIGN_OR_RETURN(federation_key, ReadFederationKey(config_.archive));
  }
  P2PD_ASSIGN_OR_RETURN(host_, NodeHost::Start(config_));
  if (config_.metrics) {
    P2PD_ASSIGN_OR_RETURN(metrics_, MetricsHost::Start(*config_.metrics, *host_, archive_.get()));
  }
  node_service_ = std::make_unique<NodeService>(
      *host_, [this](absl::Duration grace) { loop_.PostAlways([this, grace] { Drain(grace); }); });
  identity_service_ = std::make_unique<IdentityService>(*host_);
  contact_service_ = std::make_unique<ContactService>(*host_);
  call_service_ = std::make_unique<CallService>(*host_);
  overlay_service_ = std::make_unique<OverlayService>(*host_);
  torrent_service_ = std::make_unique<TorrentService>(archive_.get(), *host_);
  archive_service_ = std::make_unique<ArchiveService>(archive_.get(), feeds_.get());
  P2PD_RETURN_IF_ERROR(server_->Serve(
      {node_service_.get(), identity_service_.get(), contact_service_.get(), call_service_.get(),
       overlay_service_.get(), torrent_service_.get(), archive_service_.get()},
      {v1::NodeService::service_full_name(), v1::IdentityService::service_full_name(),
       v1::ContactService::service_full_name(), v1::CallService::service_full_name(),
       v1::OverlayService::service_full_name(), v1::TorrentService::service_full_name(),
       v1::ArchiveService::service_full_name()}));
  host_->PostAlways([this, endpoints = server_->endpoints()](NodeHost& host) {
    node_service_->SetControlEndpoints(endpoints);
    host.AddCounters([this](std::map<std::string, uint64_t>& out) {
      if (tracker_ != nullptr) tracker_->AddCounters(out);
      if (archive_ != nullptr) archive_->AddCounters(out);
      if (catalogue_ != nullptr) catalogue_->AddCounters(out);
      if (intake_ != nullptr) intake_->AddCounters(out);
      if (feeds_ != nullptr) feeds_->AddCounters(out);
    });
  });
  // Last: nothing may fail while two threads know of each other.
  if (federation_key && archive_ != nullptr) {
    federation_ = std::make_unique<FederationHost>(config_, *archive_, tracker_.get(), *host_,
                                                   *std::move(federation_key));
  }
  if (config_.archive.submissions == Submissions::kCertified && archive_ != nullptr) {
    submissions_ = std::make_unique<SubmissionHost>(*archive_, *host_);
  }
  return absl::OkStatus();
}

// The S-tracker's parts.
absl::Status Process::StartTracker() {
  if (config_.tracker.listen) {
    P2PD_ASSIGN_OR_RETURN(
        tracker_, TrackerHost::Start(config_.tracker, absl::StrCat(config_.data_dir, "/tracker")));
  }
  // A tracker without an archive would let files die.
  const bool archive = config_.archive.on || config_.tracker.listen;
  if (!archive) return absl::OkStatus();
  const std::string folder = config_.archive.folder.empty()
                                 ? absl::StrCat(config_.data_dir, "/archive")
                                 : config_.archive.folder;
  P2PD_ASSIGN_OR_RETURN(archive_, ArchiveHost::Start(config_.archive, folder, tracker_.get(),
                                                     config_.catalogue.announce));
  if (config_.catalogue.listen) {
    P2PD_ASSIGN_OR_RETURN(
        catalogue_,
        CatalogueHost::Start(config_.catalogue, folder, *archive_,
                             tracker_ == nullptr ? 0 : tracker_->listen_endpoint().port));
  }
  if (!config_.archive.watch_folder.empty()) {
    P2PD_ASSIGN_OR_RETURN(intake_, IntakeHost::Start(config_.archive.watch_folder, *archive_));
  }
  feeds_ = std::make_unique<FeedHost>(config_.archive, absl::StrCat(folder, "/feeds"), *archive_);
  return absl::OkStatus();
}

void Process::Ready() {
  std::string where = absl::StrCat("listening on ", host_->listen_endpoint().ToString(),
                                   ", control ", absl::StrJoin(server_->endpoints(), ", "));
  if (tracker_ != nullptr) {
    absl::StrAppend(&where, ", tracker ", tracker_->listen_endpoint().ToString());
  }
  if (archive_ != nullptr && !archive_->peer_endpoints().empty()) {
    absl::StrAppend(&where, ", peers ", archive_->peer_endpoints()[0].ToString());
  }
  if (catalogue_ != nullptr) {
    absl::StrAppend(&where, ", catalogue ", catalogue_->listen_endpoint().ToString());
  }
  if (metrics_ != nullptr) {
    absl::StrAppend(&where, ", metrics ", metrics_->listen_endpoint().ToString());
  }
  P2PD_LOG(daemon, kInfo, "p2pd ", kVersion, " ready: ", where);
  notify_.Ready(where);
  if (notify_.watchdog_interval()) {
    watchdog_ = std::make_unique<runtime::Timer>(loop_, [this] { PingWatchdog(); });
    watchdog_->Set(loop_.now());
  }
}

// The ping goes round by the core thread: systemd hears it only while that thread makes progress.
void Process::PingWatchdog() {
  (void)host_->Post([this](NodeHost&) { notify_.Watchdog(); });
  watchdog_->Set(loop_.now() + notify_.watchdog_interval().value_or(kWatchdogDefault));
}

void Process::OnSignal(int number) {
  if (number == SIGHUP) {
    Reload();
    return;
  }
  if (draining_) {
    P2PD_LOG(daemon, kInfo, "second signal: ending at once");
    loop_.Stop();
    return;
  }
  Drain(kGrace);
}

void Process::Reload() {
  notify_.Reloading(runtime::MonotonicNow());
  const absl::StatusOr<Config> again = read_again_();
  if (!again.ok()) {
    P2PD_LOG(daemon, kError, "not reloaded: ", again.status().message());
  } else {
    for (const Setting& setting : SettingTable()) {
      if (!setting.reloadable && setting.print(*again) != setting.print(config_)) {
        P2PD_LOG(daemon, kWarn, setting.key, " takes effect at the next start");
      }
    }
    SetLogLevel(again->log_level);
    const absl::Status lists =
        tracker_ != nullptr ? tracker_->Reload(again->tracker) : absl::OkStatus();
    if (archive_ != nullptr) {
      archive_->PostAlways([limits = again->archive.limits](ArchiveHost& host) {
        host.limits().Configure(limits);
        host.ApplyLimits();
        host.TakeDenyList();
      });
    }
    if (feeds_ != nullptr) feeds_->Configure(again->archive.feeds, again->archive.feed_period);
    if (lists.ok()) {
      P2PD_LOG(daemon, kInfo, "reloaded");
    } else {
      P2PD_LOG(daemon, kError, "the tracker's lists stay as they were: ", lists.message());
    }
  }
  Ready();
}

void Process::Drain(absl::Duration grace) {
  if (draining_) return;
  draining_ = true;
  notify_.Stopping();
  server_->SetServing(false);
  P2PD_LOG(daemon, kInfo, "draining");
  if (archive_ != nullptr) archive_->Drain();
  host_->Drain(grace, [this] { loop_.Stop(); });
}

}  // namespace

absl::Status RunDaemon(const Config& config,
                       const std::function<absl::StatusOr<Config>()>& read_again) {
  Process process(config, read_again);
  return process.Run();
}

}  // namespace p2pd::daemon
