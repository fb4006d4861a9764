// CatalogueHost: the catalogue on its socket, with a thread of its own.
//
// Rules: the archive's thread gives what lists need, in small turns and at most every kFresh while
// somebody asks, and the figures of one torrent for its page; search, history and .torrent files
// are read here, by a connection of the library's own and from the folder Torrents.
// Threads: all methods from any. Limits: those of archive/catalogue and HttpHost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/archive_host.h"
#include "daemon/config.h"
#include "daemon/http_host.h"
#include "libcore/archive/catalogue/catalogue.h"
#include "libcore/archive/library.h"
#include "libcore/base/mutex.h"

namespace p2pd::daemon {

class CatalogueHost {
 public:
  // How old a list may be.
  static constexpr absl::Duration kFresh = absl::Seconds(2);

  // `config.listen` is set; `folder` is the archive's, which outlives the host. Errors are one line
  // for a person.
  static absl::StatusOr<std::unique_ptr<CatalogueHost>> Start(const CatalogueConfig& config,
                                                              const std::string& folder,
                                                              ArchiveHost& archive,
                                                              uint16_t tracker_port);
  ~CatalogueHost();

  const net::Endpoint& listen_endpoint() const { return http_->listen_endpoint(); }
  // "catalogue.…".
  void AddCounters(std::map<std::string, uint64_t>& out) const;

 private:
  using Wanted = archive::catalogue::Catalogue::Wanted;

  CatalogueHost(std::string folder, ArchiveHost& archive);
  absl::Status Open(const CatalogueConfig& config, uint16_t tracker_port);
  void OnRequest(runtime::ConnectionId id, const http::Request& request);
  void OnSummaries(absl::StatusOr<std::vector<archive::TorrentSummary>> summaries);
  void Serve(runtime::ConnectionId id, const http::Request& request);
  void Fetch(runtime::ConnectionId id, Wanted wanted);
  void OnDetail(runtime::ConnectionId id, const Wanted& wanted,
                std::optional<archive::catalogue::Detail> detail);
  void Respond(runtime::ConnectionId id, const http::Response& response);

  const std::string folder_;
  ArchiveHost& archive_;
  std::unique_ptr<archive::Library> library_;
  std::unique_ptr<archive::catalogue::Catalogue> catalogue_;
  std::optional<Instant> fresh_until_;
  bool fetching_ = false;
  // Those who wait for fresh lists.
  std::vector<std::pair<runtime::ConnectionId, http::Request>> waiting_;

  mutable Mutex mutex_;
  archive::catalogue::CatalogueCounts shown_ ABSL_GUARDED_BY(mutex_);
  // Goes first: its thread uses everything above.
  std::unique_ptr<HttpHost> http_;
};

}  // namespace p2pd::daemon
