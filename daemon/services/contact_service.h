// ContactService of proto/p2pd/v1/contact_service.proto.
#pragma once

#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "p2pd/v1/contact_service.grpc.pb.h"

namespace p2pd::daemon {

class ContactService final : public v1::ContactService::CallbackService {
 public:
  explicit ContactService(NodeHost& host) : host_(host) {}

  grpc::ServerUnaryReactor* GetContact(grpc::CallbackServerContext* context,
                                       const v1::GetContactRequest* request,
                                       v1::Contact* contact) override;
  grpc::ServerUnaryReactor* ListContacts(grpc::CallbackServerContext* context,
                                         const v1::ListContactsRequest* request,
                                         v1::ListContactsResponse* response) override;
  grpc::ServerUnaryReactor* CreateContact(grpc::CallbackServerContext* context,
                                          const v1::CreateContactRequest* request,
                                          v1::Contact* contact) override;
  grpc::ServerUnaryReactor* DeleteContact(grpc::CallbackServerContext* context,
                                          const v1::DeleteContactRequest* request,
                                          v1::DeleteContactResponse* response) override;
  grpc::ServerUnaryReactor* GetPresence(grpc::CallbackServerContext* context,
                                        const v1::GetPresenceRequest* request,
                                        v1::Presence* presence) override;
  grpc::ServerWriteReactor<v1::WatchPresenceResponse>* WatchPresence(
      grpc::CallbackServerContext* context, const v1::WatchPresenceRequest* request) override;

 private:
  NodeHost& host_;
};

}  // namespace p2pd::daemon
