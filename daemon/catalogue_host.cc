#include "daemon/catalogue_host.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "daemon/summaries.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

using archive::catalogue::Catalogue;
using archive::catalogue::Detail;

constexpr size_t kMaxTorrentFile = 12 << 20;
constexpr char kThread[] = "p2pd-catalogue";

}  // namespace

absl::StatusOr<std::unique_ptr<CatalogueHost>> CatalogueHost::Start(const CatalogueConfig& config,
                                                                    const std::string& folder,
                                                                    ArchiveHost& archive,
                                                                    uint16_t tracker_port) {
  std::unique_ptr<CatalogueHost> host(new CatalogueHost(folder, archive));
  P2PD_RETURN_IF_ERROR(host->Open(config, tracker_port));
  return host;
}

CatalogueHost::CatalogueHost(std::string folder, ArchiveHost& archive)
    : folder_(std::move(folder)), archive_(archive) {}

CatalogueHost::~CatalogueHost() = default;

absl::Status CatalogueHost::Open(const CatalogueConfig& config, uint16_t tracker_port) {
  P2PD_ASSIGN_OR_RETURN(library_, archive::Library::Open(absl::StrCat(folder_, "/library.db")));
  archive::catalogue::CatalogueOptions options;
  options.url = config.url;
  options.announce = config.announce;
  options.tracker_port = tracker_port;
  options.list_private = config.list_private;
  options.fallback_host = config.listen->ToString();
  catalogue_ = std::make_unique<Catalogue>(std::move(options));
  HttpHostOptions http;
  http.listen = *config.listen;
  http.thread_name = kThread;
  http.conversation.head = true;
  http.conversation.max_target = archive::catalogue::kMaxTarget;
  P2PD_ASSIGN_OR_RETURN(
      http_, HttpHost::Open(http, [this](runtime::ConnectionId id, const http::Request& request) {
        OnRequest(id, request);
      }));
  http_->Run();
  return absl::OkStatus();
}

void CatalogueHost::OnRequest(runtime::ConnectionId id, const http::Request& request) {
  if (fresh_until_ && http_->loop()->now() < *fresh_until_) return Serve(id, request);
  waiting_.emplace_back(id, request);
  if (std::exchange(fetching_, true)) return;
  FetchSummaries(archive_, http_->loop(),
                 [this](auto summaries) { OnSummaries(std::move(summaries)); });
}

void CatalogueHost::OnSummaries(absl::StatusOr<std::vector<archive::TorrentSummary>> summaries) {
  fetching_ = false;
  const auto waiting = std::exchange(waiting_, {});
  if (summaries.ok()) {
    catalogue_->SetIndex(*std::move(summaries));
    fresh_until_ = http_->loop()->now() + kFresh;
  }
  for (const auto& [id, request] : waiting) {
    if (fresh_until_) {
      Serve(id, request);
    } else {
      Respond(id, catalogue_->Busy());
    }
  }
}

void CatalogueHost::Serve(runtime::ConnectionId id, const http::Request& request) {
  auto answer = catalogue_->Answer(request, [this](const std::string& text) {
    return library_->Search(text, archive::Library::kMaxFound);
  });
  if (auto* wanted = std::get_if<Wanted>(&answer)) return Fetch(id, std::move(*wanted));
  Respond(id, std::get<http::Response>(answer));
}

void CatalogueHost::Fetch(runtime::ConnectionId id, Wanted wanted) {
  const bool posted = archive_.Post([this, id, wanted, loop = http_->loop()](ArchiveHost& host) {
    auto detail = archive::catalogue::Describe(host.archive(), wanted.hash);
    loop->PostAlways([this, id, wanted, detail = std::move(detail)]() mutable {
      OnDetail(id, wanted, std::move(detail));
    });
  });
  if (!posted) Respond(id, catalogue_->Busy());
}

void CatalogueHost::OnDetail(runtime::ConnectionId id, const Wanted& wanted,
                             std::optional<Detail> detail) {
  if (detail && wanted.metainfo && !detail->row.file.empty()) {
    auto metainfo =
        ReadFile(absl::StrCat(folder_, "/Torrents/", detail->row.file), kMaxTorrentFile);
    if (metainfo.ok()) {
      detail->metainfo = *std::move(metainfo);
    } else {
      // Whoever asks again and again would fill the log.
      P2PD_LOG(daemon, kDebug, "catalogue: ", metainfo.status().message());
    }
  } else if (detail) {
    detail->history = library_->History(wanted.hash);
  }
  Respond(id, catalogue_->Answer(wanted, detail));
}

void CatalogueHost::Respond(runtime::ConnectionId id, const http::Response& response) {
  http_->Respond(id, response);
  const MutexLock lock(&mutex_);
  shown_ = catalogue_->counts();
}

void CatalogueHost::AddCounters(std::map<std::string, uint64_t>& out) const {
  http_->AddCounters("catalogue", out);
  const MutexLock lock(&mutex_);
  out["catalogue.pages"] = shown_.pages;
  out["catalogue.feeds"] = shown_.feeds;
  out["catalogue.metainfos"] = shown_.metainfos;
  out["catalogue.not_modified"] = shown_.not_modified;
  out["catalogue.refused"] = shown_.refused;
}

}  // namespace p2pd::daemon
