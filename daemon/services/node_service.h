// NodeService of proto/p2pd/v1/node_service.proto.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "p2pd/v1/node_service.grpc.pb.h"

namespace p2pd::daemon {

class NodeService final : public v1::NodeService::CallbackService {
 public:
  // `shutdown` is called on the core thread with the grace that the client asked for.
  NodeService(NodeHost& host, std::function<void(absl::Duration)> shutdown)
      : host_(host), shutdown_(std::move(shutdown)) {}

  // What GetNode says; on the core thread.
  void SetControlEndpoints(std::vector<std::string> endpoints) {
    control_endpoints_ = std::move(endpoints);
  }

  grpc::ServerUnaryReactor* GetNode(grpc::CallbackServerContext* context,
                                    const v1::GetNodeRequest* request, v1::Node* node) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* Shutdown(grpc::CallbackServerContext* context,
                                     const v1::ShutdownRequest* request,
                                     v1::ShutdownResponse* response) override;

 private:
  NodeHost& host_;
  const std::function<void(absl::Duration)> shutdown_;
  std::vector<std::string> control_endpoints_;  // core thread
};

// The event that a change is to people; nullopt for those of no interest (figures of a running
// call).
std::optional<v1::Event> EventOf(const node::Change& change);

}  // namespace p2pd::daemon
