#include "daemon/metrics_host.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "daemon/summaries.h"
#include "daemon/version.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"
#include "libcore/metrics/exposition.h"

namespace p2pd::daemon {
namespace {

constexpr char kThread[] = "p2pd-metrics";
// A few scrapers; nobody else has a reason to come.
constexpr size_t kMaxConnections = 32;
constexpr size_t kMaxPerAddress = 8;
constexpr size_t kMaxTarget = 256;

http::Response Text(int status, absl::string_view text) {
  return {.status = status, .body = ToBytes(text)};
}

// proc(5): the second number of statm counts pages.
uint64_t ResidentBytes() {
  constexpr size_t kMaxStatm = 256;
  const auto statm = ReadFile("/proc/self/statm", kMaxStatm);
  if (!statm.ok()) return 0;
  const std::vector<absl::string_view> numbers = absl::StrSplit(AsText(*statm), ' ');
  uint64_t pages = 0;
  if (numbers.size() < 2 || !absl::SimpleAtoi(numbers[1], &pages)) return 0;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

absl::Duration CpuTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

// On the core thread.
Figures FiguresOf(NodeHost& host) {
  Figures out;
  out.uptime = host.now() - host.started();
  out.counters = host.AllCounters();
  out.overlay_peers = host.node().overlay().Peers(host.now()).size();
  out.stored_objects = host.node().stored_objects();
  out.stored_bytes = host.node().stored_bytes();
  const std::vector<node::CallView> calls = host.node().ListCalls();
  out.calls = static_cast<uint64_t>(std::count_if(
      calls.begin(), calls.end(),
      [](const node::CallView& call) { return call.info.state != session::CallState::kEnded; }));
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsHost>> MetricsHost::Start(const net::Endpoint& listen,
                                                                NodeHost& node,
                                                                ArchiveHost* archive) {
  std::unique_ptr<MetricsHost> host(new MetricsHost(node, archive));
  HttpHostOptions options;
  options.listen = listen;
  options.thread_name = kThread;
  options.conversation = {.head = true, .max_target = kMaxTarget};
  options.tcp.max_connections = kMaxConnections;
  options.tcp.max_per_address = kMaxPerAddress;
  P2PD_ASSIGN_OR_RETURN(host->http_,
                        HttpHost::Open(options, [raw = host.get()](runtime::ConnectionId id,
                                                                   const http::Request& request) {
                          raw->OnRequest(id, request);
                        }));
  host->http_->Run();
  return host;
}

void MetricsHost::OnRequest(runtime::ConnectionId id, const http::Request& request) {
  if (request.status != http::kOk) {
    http_->Respond(id, Text(request.status, "no request that is read here\n"));
  } else if (request.target.substr(0, request.target.find('?')) == "/metrics") {
    AskNode(id);
  } else {
    http_->Respond(id, Text(http::kNotFound, "there is /metrics here\n"));
  }
}

void MetricsHost::AskNode(runtime::ConnectionId id) {
  const bool posted = node_.Post([this, id, loop = http_->loop()](NodeHost& host) {
    loop->PostAlways(
        [this, id, figures = FiguresOf(host)]() mutable { AskArchive(id, std::move(figures)); });
  });
  if (!posted) Busy(id);
}

void MetricsHost::AskArchive(runtime::ConnectionId id, Figures figures) {
  if (archive_ == nullptr) return Respond(id, std::move(figures));
  const bool posted = archive_->Post(
      [this, id, figures = std::move(figures), loop = http_->loop()](ArchiveHost& host) mutable {
        figures.archive.emplace().counts = host.archive().Counts(host.now());
        loop->PostAlways([this, id, figures = std::move(figures)]() mutable {
          AskTorrents(id, std::move(figures));
        });
      });
  if (!posted) Busy(id);
}

void MetricsHost::AskTorrents(runtime::ConnectionId id, Figures figures) {
  FetchSummaries(*archive_, http_->loop(),
                 [this, id, figures = std::move(figures)](auto summaries) mutable {
                   if (!summaries.ok()) return Busy(id);
                   figures.archive->torrents = *std::move(summaries);
                   Respond(id, std::move(figures));
                 });
}

void MetricsHost::Respond(runtime::ConnectionId id, Figures figures) {
  figures.version = std::string(kVersion);
  figures.cpu = CpuTime();
  figures.resident_bytes = ResidentBytes();
  http_->Respond(id,
                 {.type = std::string(metrics::kContentType),
                  .headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}},
                  .body = ToBytes(ToExposition(figures))});
}

void MetricsHost::Busy(runtime::ConnectionId id) {
  http_->Respond(id, Text(http::kUnavailable, "the daemon is busy\n"));
}

}  // namespace p2pd::daemon
