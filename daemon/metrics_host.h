// MetricsHost: the daemon's figures for Prometheus at /metrics, with a thread of its own.
//
// Rules: each request asks the core thread and the archive's anew; nothing is measured while nobody
// asks. There is no authentication: what is shown are figures, and the operator names the address.
// Threads: all methods from any. Limits: those of HttpHost; kMaxConnections and
// kMaxPerAddress (metrics_host.cc).
// Source: Prometheus, 'Exposition formats'.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/archive_host.h"
#include "daemon/convert/metrics.h"
#include "daemon/http_host.h"
#include "daemon/node_host.h"

namespace p2pd::daemon {

class MetricsHost {
 public:
  // `node` and `archive` outlive it; `archive` may be nullptr. Errors are one line for a person.
  static absl::StatusOr<std::unique_ptr<MetricsHost>> Start(const net::Endpoint& listen,
                                                            NodeHost& node, ArchiveHost* archive);

  const net::Endpoint& listen_endpoint() const { return http_->listen_endpoint(); }

 private:
  MetricsHost(NodeHost& node, ArchiveHost* archive) : node_(node), archive_(archive) {}
  void OnRequest(runtime::ConnectionId id, const http::Request& request);
  // One asks after the other, on the host's thread, and passes on what there is.
  void AskNode(runtime::ConnectionId id);
  void AskArchive(runtime::ConnectionId id, Figures figures);
  void AskTorrents(runtime::ConnectionId id, Figures figures);
  void Respond(runtime::ConnectionId id, Figures figures);
  void Busy(runtime::ConnectionId id);

  NodeHost& node_;
  ArchiveHost* const archive_;
  // Its thread uses everything above.
  std::unique_ptr<HttpHost> http_;
};

}  // namespace p2pd::daemon
