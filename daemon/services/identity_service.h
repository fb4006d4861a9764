// IdentityService of proto/p2pd/v1/identity_service.proto.
#pragma once

#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "p2pd/v1/identity_service.grpc.pb.h"

namespace p2pd::daemon {

class IdentityService final : public v1::IdentityService::CallbackService {
 public:
  explicit IdentityService(NodeHost& host) : host_(host) {}

  grpc::ServerUnaryReactor* GetIdentity(grpc::CallbackServerContext* context,
                                        const v1::GetIdentityRequest* request,
                                        v1::Identity* identity) override;
  grpc::ServerUnaryReactor* ListIdentities(grpc::CallbackServerContext* context,
                                           const v1::ListIdentitiesRequest* request,
                                           v1::ListIdentitiesResponse* response) override;
  grpc::ServerUnaryReactor* CreateIdentity(grpc::CallbackServerContext* context,
                                           const v1::CreateIdentityRequest* request,
                                           v1::Identity* identity) override;
  grpc::ServerUnaryReactor* DeleteIdentity(grpc::CallbackServerContext* context,
                                           const v1::DeleteIdentityRequest* request,
                                           v1::DeleteIdentityResponse* response) override;
  grpc::ServerUnaryReactor* InstallCertificate(grpc::CallbackServerContext* context,
                                               const v1::InstallCertificateRequest* request,
                                               v1::Identity* identity) override;
  grpc::ServerUnaryReactor* ImportIdentity(grpc::CallbackServerContext* context,
                                           const v1::ImportIdentityRequest* request,
                                           v1::Identity* identity) override;
  grpc::ServerUnaryReactor* ExportIdentity(grpc::CallbackServerContext* context,
                                           const v1::ExportIdentityRequest* request,
                                           v1::ExportIdentityResponse* response) override;
  grpc::ServerUnaryReactor* UnlockIdentity(grpc::CallbackServerContext* context,
                                           const v1::UnlockIdentityRequest* request,
                                           v1::Identity* identity) override;
  grpc::ServerUnaryReactor* Login(grpc::CallbackServerContext* context,
                                  const v1::LoginRequest* request, v1::Identity* identity) override;
  grpc::ServerUnaryReactor* Logout(grpc::CallbackServerContext* context,
                                   const v1::LogoutRequest* request,
                                   v1::Identity* identity) override;
  grpc::ServerUnaryReactor* SetPresence(grpc::CallbackServerContext* context,
                                        const v1::SetPresenceRequest* request,
                                        v1::Identity* identity) override;
  grpc::ServerUnaryReactor* ListDevices(grpc::CallbackServerContext* context,
                                        const v1::ListDevicesRequest* request,
                                        v1::ListDevicesResponse* response) override;
  grpc::ServerUnaryReactor* RevokeDevice(grpc::CallbackServerContext* context,
                                         const v1::RevokeDeviceRequest* request,
                                         v1::RevokeDeviceResponse* response) override;
  grpc::ServerUnaryReactor* CreateTrustRoot(grpc::CallbackServerContext* context,
                                            const v1::CreateTrustRootRequest* request,
                                            v1::TrustRoot* root) override;
  grpc::ServerUnaryReactor* ListTrustRoots(grpc::CallbackServerContext* context,
                                           const v1::ListTrustRootsRequest* request,
                                           v1::ListTrustRootsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteTrustRoot(grpc::CallbackServerContext* context,
                                            const v1::DeleteTrustRootRequest* request,
                                            v1::DeleteTrustRootResponse* response) override;
  grpc::ServerUnaryReactor* PublishCrl(grpc::CallbackServerContext* context,
                                       const v1::PublishCrlRequest* request,
                                       v1::PublishCrlResponse* response) override;

 private:
  NodeHost& host_;
};

}  // namespace p2pd::daemon
