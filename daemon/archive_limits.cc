#include "daemon/archive_limits.h"

#include <utility>

#include "libcore/base/file.h"
#include "libcore/base/log.h"

namespace p2pd::daemon {
namespace {

archive::lt::EngineLimits ToEngine(const archive::LimitsInForce& at) {
  archive::lt::EngineLimits out;
  out.upload_rate = at.up;
  out.download_rate = at.down;
  out.upload_slots = at.slots;
  out.connections = at.connections;
  return out;
}

}  // namespace

ArchiveLimits::ArchiveLimits(const archive::LimitSettings& settings, std::string file)
    : file_(std::move(file)), limits_(settings, absl::LocalTimeZone()) {
  const auto content = ReadFile(file_, archive::Limits::kMaxEncoded);
  if (absl::IsNotFound(content.status())) return;
  const absl::Status status = content.ok() ? limits_.Restore(AsText(*content)) : content.status();
  if (!status.ok()) {
    P2PD_LOG(daemon, kWarn, "archive: the month's count begins anew: ", file_, ": ",
             status.message());
  }
}

archive::lt::EngineLimits ArchiveLimits::EngineLimitsAt(absl::Time wall) const {
  return ToEngine(limits_.At(wall));
}

std::optional<archive::lt::EngineLimits> ArchiveLimits::Apply(Instant now, absl::Time wall,
                                                              uint64_t sent) {
  limits_.OnSent(wall, sent);
  const bool was_used_up = in_force_.used_up;
  in_force_ = limits_.At(wall);
  if (in_force_.used_up != was_used_up) {
    P2PD_LOG(daemon, kWarn, "archive: ",
             in_force_.used_up ? "the month's budget is used up: only what nobody else has whole "
                                 "is sent now"
                               : "there is a budget to send from again");
  }
  if (!next_save_) next_save_ = now + kSaveEvery;
  if (now >= *next_save_) {
    next_save_ = now + kSaveEvery;
    Save();
  }
  const archive::lt::EngineLimits limits = ToEngine(in_force_);
  if (applied_ == limits) return std::nullopt;
  applied_ = limits;
  return limits;
}

void ArchiveLimits::Save() {
  std::string line = limits_.Encode();
  if (line == saved_) return;
  const absl::Status status = WriteFileAtomically(file_, AsBytes(line), FileMode::kSecret);
  if (!status.ok()) {
    P2PD_LOG(daemon, kError, "archive: the month's count is not written: ", status.message());
    return;
  }
  saved_ = std::move(line);
}

}  // namespace p2pd::daemon
