#include "daemon/recorder.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/base/hex.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kScratchFrames = media::kSampleRate / 10;
constexpr size_t kIdDigits = 8;

// Nothing that a file system or a shell takes for something else.
std::string Plain(absl::string_view email) {
  std::string out(email.substr(0, 80));
  for (char& c : out) {
    const bool keeps = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '@' || c == '-' ||
                       c == '_' || (c == '.' && &c != out.data());
    if (!keeps) c = '_';
  }
  return out;
}

}  // namespace

Recorder::Recorder(std::string folder, Ended ended)
    : folder_(std::move(folder)),
      ended_(std::move(ended)),
      scratch_(2 * kScratchFrames),
      timer_(loop_, [this] { OnTimer(); }) {
  thread_ = std::make_unique<runtime::Thread>("p2pd-recorder", [this] { loop_.Run(); });
}

Recorder::~Recorder() {
  loop_.Stop();
  thread_.reset();
  const MutexLock lock(&mutex_);
  for (Recording& recording : recordings_) {
    recording.tap->Close();
    while (!Write(recording)) {
    }
  }
}

absl::StatusOr<Recorder::Started> Recorder::Start(const session::CallId& call,
                                                  absl::string_view with, absl::Time at,
                                                  media::RecordingFormat format) {
  P2PD_RETURN_IF_ERROR(MakeFolder(folder_));
  const std::string path =
      absl::StrCat(folder_, "/", absl::FormatTime("%Y%m%dT%H%M%SZ", at, absl::UTCTimeZone()), "-",
                   Plain(with), "-", Hex(call.view()).substr(0, kIdDigits),
                   format == media::RecordingFormat::kWav ? ".wav" : ".opus");
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<media::RecordingFile> file,
                        media::RecordingFile::Create(path, format));
  auto tap = std::make_shared<media::RecordingTap>();
  {
    const MutexLock lock(&mutex_);
    recordings_.push_back({call, path, tap, std::move(file)});
  }
  loop_.PostAlways([this] { timer_.Set(loop_.now() + kPeriod); });
  return Started{path, std::move(tap)};
}

bool Recorder::Write(Recording& recording) {
  absl::Status status;
  while (status.ok()) {
    const size_t frames = recording.tap->Take(absl::MakeSpan(scratch_));
    if (frames == 0) break;
    status = recording.file->Write(absl::MakeConstSpan(scratch_).first(2 * frames));
  }
  if (status.ok() && !recording.tap->drained()) return false;
  const absl::Status closed = recording.file->Close();
  if (status.ok()) status = closed;
  if (!status.ok()) P2PD_LOG(daemon, kWarn, "a recording ended: ", status.message());
  ended_(recording.call, recording.path, status);
  return true;
}

void Recorder::OnTimer() {
  const MutexLock lock(&mutex_);
  const auto over = [this](Recording& recording)
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return Write(recording); };
  std::erase_if(recordings_, over);
  if (!recordings_.empty()) timer_.Set(loop_.now() + kPeriod);
}

}  // namespace p2pd::daemon
