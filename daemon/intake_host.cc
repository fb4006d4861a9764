#include "daemon/intake_host.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/config.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

// OK when all of it is known now; else what the archive said of the first that is not.
absl::Status Submit(ArchiveHost& host, const archive::intake::Dropped& dropped) {
  constexpr auto kSource = archive::Source::kWatched;
  if (dropped.magnets.empty()) {
    return host.Submit(dropped.metainfo, kSource).status();
  }
  absl::Status out;
  for (const archive::torrent::Magnet& magnet : dropped.magnets) {
    const absl::Status status = host.Submit(magnet, kSource).status();
    if (out.ok() && !status.ok()) {
      out = absl::Status(status.code(), absl::StrCat(archive::torrent::ToHex(magnet.hashes.Best()),
                                                     ": ", status.message()));
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<IntakeHost>> IntakeHost::Start(const std::string& watch_folder,
                                                              ArchiveHost& archive) {
  std::unique_ptr<IntakeHost> host(new IntakeHost(watch_folder, archive));
  P2PD_RETURN_IF_ERROR(host->Open());
  IntakeHost* const raw = host.get();
  host->timer_ = std::make_unique<runtime::Timer>(host->loop_, [raw] { raw->Work(); });
  host->timer_->Set(host->loop_.now());
  host->thread_ = std::make_unique<runtime::Thread>("p2pd-intake", [raw] { raw->loop_.Run(); });
  return host;
}

void IntakeHost::Stop() {
  if (thread_ == nullptr) return;
  loop_.PostAlways([this] {
    watch_.reset();
    timer_.reset();
    loop_.Stop();
  });
  thread_.reset();
}

absl::Status IntakeHost::Open() {
  P2PD_ASSIGN_OR_RETURN(folder_, archive::intake::DropFolder::Open(path_));
  auto watch = runtime::FolderWatch::Open(
      loop_, path_, [this] { timer_->Set(Earliest(timer_->at(), loop_.now() + kGather)); });
  if (watch.ok()) {
    watch_ = *std::move(watch);
  } else {
    P2PD_LOG(daemon, kWarn, "archive: the watch folder is looked at each ",
             absl::FormatDuration(kLook), " only: ", OneLine(watch.status().message()));
  }
  return absl::OkStatus();
}

void IntakeHost::OpenAgain() {
  const uint64_t taken = folder_->taken();
  const uint64_t refused = folder_->refused();
  watch_.reset();
  const absl::Status status = Open();
  if (status.ok()) {
    taken_before_ += taken;
    refused_before_ += refused;
  }
  if (lost_ == !status.ok()) return;
  lost_ = !status.ok();
  P2PD_LOG(daemon, kWarn, "archive: the watch folder is ",
           lost_ ? absl::StrCat("gone: ", OneLine(status.message())) : "there again");
}

void IntakeHost::Work() {
  if (busy_) return;
  if (!folder_->InPlace()) OpenAgain();
  const Instant now = loop_.now();
  folder_->Scan(now);
  auto dropped = folder_->Next(now);
  for (const std::string& trouble : folder_->TakeTroubles()) {
    P2PD_LOG(daemon, kWarn, "archive: the watch folder: ", OneLine(trouble));
  }
  {
    const MutexLock lock(&mutex_);
    taken_ = taken_before_ + folder_->taken();
    refused_ = refused_before_ + folder_->refused();
  }
  timer_->Set(Earliest(folder_->PollTimeout(), now + kLook));
  if (dropped) HandOver(*std::move(dropped));
}

void IntakeHost::HandOver(archive::intake::Dropped dropped) {
  busy_ = true;
  const std::string name = dropped.name;
  const bool posted = archive_.Post([this, dropped = std::move(dropped)](ArchiveHost& host) {
    loop_.PostAlways(
        [this, name = dropped.name, status = Submit(host, dropped)] { OnAnswer(name, status); });
  });
  if (posted) return;
  busy_ = false;
  folder_->Postpone(name);
  timer_->Set(loop_.now() + archive::intake::DropFolder::kSettled);
}

void IntakeHost::OnAnswer(const std::string& name, const absl::Status& status) {
  busy_ = false;
  P2PD_LOG(daemon, kInfo, "archive: ", OneLine(name),
           " of the watch folder: ", status.ok() ? "taken" : OneLine(status.message()));
  folder_->Finish(loop_.now(), name, status);
  Work();
}

void IntakeHost::AddCounters(std::map<std::string, uint64_t>& out) const {
  const MutexLock lock(&mutex_);
  out["archive.watched_taken"] = taken_;
  out["archive.watched_refused"] = refused_;
}

}  // namespace p2pd::daemon
