// OverlayService of proto/p2pd/v1/overlay_service.proto.
#pragma once

#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "p2pd/v1/overlay_service.grpc.pb.h"

namespace p2pd::daemon {

class OverlayService final : public v1::OverlayService::CallbackService {
 public:
  explicit OverlayService(NodeHost& host) : host_(host) {}

  grpc::ServerUnaryReactor* ListPeers(grpc::CallbackServerContext* context,
                                      const v1::ListPeersRequest* request,
                                      v1::ListPeersResponse* response) override;
  grpc::ServerUnaryReactor* Lookup(grpc::CallbackServerContext* context,
                                   const v1::LookupRequest* request,
                                   v1::LookupResponse* response) override;
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::PutResponse* response) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override;
  grpc::ServerUnaryReactor* RemoveValue(grpc::CallbackServerContext* context,
                                        const v1::RemoveValueRequest* request,
                                        v1::RemoveValueResponse* response) override;
  grpc::ServerUnaryReactor* Trace(grpc::CallbackServerContext* context,
                                  const v1::TraceRequest* request,
                                  v1::TraceResponse* response) override;

 private:
  NodeHost& host_;
};

}  // namespace p2pd::daemon
