#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/torrent/downloader.h"
#include "clients/common/files.h"
#include "clients/common/harmless.h"
#include "clients/common/interrupt.h"
#include "p2pd/v1/torrent_service.pb.h"

namespace p2pd::cli {
namespace {

using Phase = DownloadState::Phase;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxMetainfo = 10 << 20;
// Between two lines of JSON.
constexpr auto kLinePeriod = std::chrono::seconds(1);

v1::Torrent::State StateOf(Phase phase) {
  switch (phase) {
    case Phase::kMetadata:
      return v1::Torrent::METADATA;
    case Phase::kChecking:
    case Phase::kFetching:
      return v1::Torrent::FETCHING;
    case Phase::kSeeding:
      break;
  }
  return v1::Torrent::ARCHIVED;
}

double ShareOf(const DownloadState& state) {
  return state.pieces == 0 ? 0 : static_cast<double>(state.done) / state.pieces;
}

v1::Torrent AsTorrent(const DownloadState& state) {
  v1::Torrent out;
  out.set_name(absl::StrCat("torrents/", state.hash));
  // Fields of text are UTF-8, which what a tracker says need not be.
  out.set_title(clients::Harmless(state.name));
  out.set_state(StateOf(state.phase));
  out.set_trouble(clients::Harmless(state.trouble));
  out.set_size(state.bytes);
  out.set_piece_length(state.piece_length);
  out.set_piece_count(state.pieces);
  out.set_total_availability(state.availability);
  if (state.phase != Phase::kChecking) out.set_archived_share(ShareOf(state));
  out.set_uploaded_bytes(state.uploaded);
  out.set_downloaded_bytes(state.downloaded);
  return out;
}

std::string Peers(size_t count) { return absl::StrCat(count, count == 1 ? " peer" : " peers"); }

// "1:03:07", "4:09".
std::string TimeLeft(uint64_t bytes, uint64_t rate) {
  if (rate == 0) return "";
  const uint64_t seconds = bytes / rate;
  if (seconds >= 100 * 3600) return "";
  if (seconds < 3600) return absl::StrFormat(", %d:%02d left", seconds / 60, seconds % 60);
  return absl::StrFormat(", %d:%02d:%02d left", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string Words(const DownloadState& state) {
  switch (state.phase) {
    case Phase::kMetadata:
      return absl::StrCat("asking what it is made of, ", Peers(state.peers));
    case Phase::kChecking:
      return "looking at what is here";
    case Phase::kFetching:
      return absl::StrCat(ShowBytes(state.done_bytes), " of ", ShowBytes(state.bytes), ", ",
                          ShowBytes(state.down_rate), "/s, ", Peers(state.peers),
                          absl::StrFormat(", %.2f copies", state.availability),
                          TimeLeft(state.bytes - state.done_bytes, state.down_rate));
    case Phase::kSeeding:
      break;
  }
  return absl::StrCat("seeding, ", ShowBytes(state.up_rate), "/s, ", Peers(state.peers));
}

// What the person sees while it runs: the line of a terminal, or lines of JSON.
class Teller {
 public:
  explicit Teller(bool json) : json_(json) {}

  void operator()(const DownloadState& state) {
    last_ = state;
    if (!json_) return line_.Show(ShareOf(state), Words(state));
    const auto now = Clock::now();
    if (phase_ == state.phase && now < next_) return;
    phase_ = state.phase;
    next_ = now + kLinePeriod;
    Session::PrintJson(AsTorrent(state));
  }
  // The state as it was told last.
  const DownloadState& last() const { return last_; }
  void Clear() { line_.Clear(); }

 private:
  const bool json_;
  ProgressLine line_;
  DownloadState last_;
  std::optional<Phase> phase_;
  Clock::time_point next_{};
};

// A duration of the command line; false after having said what is wrong with it.
bool TakeDuration(const std::string& text, const char* flag, absl::Duration& out) {
  if (text.empty()) return true;
  const auto span = ParseDuration(text);
  if (!span) {
    clients::ReportUsage(absl::StrCat(flag, " is a span such as 90s or 10min, not '", text, "'"));
    return false;
  }
  out = absl::Seconds(span->seconds()) + absl::Nanoseconds(span->nanos());
  return true;
}

// No daemon is in it, so that none is unreachable or late.
ExitCode ReportStatus(const absl::Status& status) {
  const auto code = static_cast<grpc::StatusCode>(status.code());
  clients::ReportFailure(
      absl::StrCat(clients::StatusName(code), ": ", std::string(status.message())));
  return absl::IsUnavailable(status)
             ? ExitCode::kFailed
             : clients::ExitCodeOf(grpc::Status(code, std::string(status.message())));
}

ExitCode Finish(Session& session, const absl::Status& status, Teller& teller,
                const Downloader& download) {
  teller.Clear();
  const DownloadState& last = teller.last();
  if (download.left_out() > 0) {
    std::fprintf(stderr,
                 "p2pctl: %s trackers or web seeds within private networks were not asked; --lan "
                 "asks them\n",
                 absl::StrCat(download.left_out()).c_str());
  }
  if (!status.ok()) return ReportStatus(status);
  if (session.json()) {
    Session::PrintJson(AsTorrent(last));
  } else {
    std::printf("%s  %s, %s\n", last.hash.c_str(), clients::Harmless(download.place()).c_str(),
                ShowBytes(last.bytes).c_str());
  }
  return ExitCode::kDone;
}

}  // namespace

ExitCode TorrentDownload(Session& session, const TorrentDownloadArgs& args) {
  DownloadOptions options;
  options.torrent = args.torrent;
  if (!absl::StartsWithIgnoreCase(args.torrent, "magnet:")) {
    std::string problem;
    auto metainfo = clients::ReadInput(args.torrent, kMaxMetainfo, &problem);
    if (!metainfo) return clients::ReportUsage(problem);
    options.torrent = *std::move(metainfo);
  }
  options.folder = args.folder;
  options.trackers = args.trackers;
  options.peers = args.peers;
  options.listen = args.listen;
  options.overwrite = args.overwrite;
  options.lan = args.lan;
  options.discover = !args.no_dht;
  if (!TakeDuration(args.seed_for, "--seed-for", options.seed_for) ||
      !TakeDuration(args.give_up_after, "--give-up-after", options.give_up_after)) {
    return ExitCode::kUsage;
  }
  const absl::StatusOr<std::unique_ptr<Downloader>> download = Downloader::Start(options);
  if (!download.ok()) return ReportStatus(download.status());
  Teller teller(session.json());
  absl::Status status;
  {
    const clients::Interrupt interrupt([&] { (*download)->Stop(); });
    status = (*download)->Run([&](const DownloadState& state) { teller(state); });
  }
  return Finish(session, status, teller, **download);
}

}  // namespace p2pd::cli
