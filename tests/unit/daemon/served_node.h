// ServedNode: a node with all its services behind a Unix door, in this process: what the tests of
// the services speak to, as any client does.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/error_details.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "daemon/control_server.h"
#include "daemon/node_host.h"
#include "daemon/services/call_service.h"
#include "daemon/services/contact_service.h"
#include "daemon/services/identity_service.h"
#include "daemon/services/node_service.h"
#include "daemon/services/overlay_service.h"
#include "gtest/gtest.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/thread.h"
#include "p2pd/v1/error.pb.h"
#include "tests/unit/daemon/notification.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {

class ServedNode : public ::testing::Test {
 protected:
  ServedNode() {
    config_.data_dir = folder_.path() + "/data";
    config_.listen = net::Endpoint::Parse("127.0.0.1:0").value();
    config_.doors = {Door{.unix_path = folder_.path() + "/control.sock", .endpoint = {}}};
    SetLogLevel(LogLevel::kError);
  }

  void SetUp() override {
    auto host = NodeHost::Start(config_);
    ASSERT_TRUE(host.ok()) << host.status();
    host_ = *std::move(host);
    node_service_ = std::make_unique<NodeService>(*host_, [this](absl::Duration grace) {
      asked_grace_ = grace;
      shutdown_asked_.Notify();
    });
    identity_service_ = std::make_unique<IdentityService>(*host_);
    contact_service_ = std::make_unique<ContactService>(*host_);
    call_service_ = std::make_unique<CallService>(*host_);
    overlay_service_ = std::make_unique<OverlayService>(*host_);
    runtime::SystemRng rng;
    auto server = ControlServer::Open(doors_, config_, rng);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const absl::Status served =
        server_->Serve({node_service_.get(), identity_service_.get(), contact_service_.get(),
                        call_service_.get(), overlay_service_.get()},
                       {v1::NodeService::service_full_name()});
    ASSERT_TRUE(served.ok()) << served;
    thread_ = std::make_unique<runtime::Thread>("p2pd-doors", [this] { doors_.Run(); });
    channel_ =
        grpc::CreateChannel(server_->endpoints().front(), grpc::InsecureChannelCredentials());
  }

  void TearDown() override {
    doors_.Stop();
    thread_.reset();
    if (server_ != nullptr) server_->Shutdown(absl::Milliseconds(100));
    server_.reset();
    call_service_.reset();
    host_.reset();
  }

  // Each test's calls end, whatever happens.
  static void SetDeadline(grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(runtime::WallNow() + absl::Seconds(30)));
  }
  // The reason inside a status; "OK" for OK.
  static std::string ReasonOfStatus(const grpc::Status& status) {
    if (status.ok()) return "OK";
    v1::ErrorStatus whole;
    v1::ErrorDetail detail;
    if (!grpc::ExtractErrorDetails(status, &whole).ok() || whole.details_size() != 1 ||
        !whole.details(0).UnpackTo(&detail)) {
      return "no detail: " + status.error_message();
    }
    return detail.reason();
  }
  // Runs a unary method of `Service`: Call<v1::NodeService>(&Stub::GetNode, request, &response).
  template <class Service, class Method, class Request, class Response>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    const auto stub = Service::NewStub(channel_);
    grpc::ClientContext context;
    SetDeadline(context);
    return (stub.get()->*method)(&context, request, response);
  }
  // Runs `task` on the core thread and waits for it.
  template <class Task>
  void OnCoreThread(Task task) {
    Notification done;
    host_->PostAlways([&](NodeHost& host) {
      task(host);
      done.Notify();
    });
    done.WaitForNotification();
  }
  // An identity that awaits its certificate.
  void MakeIdentity(const std::string& email) {
    v1::CreateIdentityRequest request;
    request.set_email(email);
    v1::Identity identity;
    const grpc::Status status =
        Call<v1::IdentityService>(&v1::IdentityService::Stub::CreateIdentity, request, &identity);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  TempDir folder_;
  Config config_;
  runtime::Loop doors_;
  Notification shutdown_asked_;
  absl::Duration asked_grace_;
  std::unique_ptr<NodeHost> host_;
  std::unique_ptr<NodeService> node_service_;
  std::unique_ptr<IdentityService> identity_service_;
  std::unique_ptr<ContactService> contact_service_;
  std::unique_ptr<CallService> call_service_;
  std::unique_ptr<OverlayService> overlay_service_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<runtime::Thread> thread_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace p2pd::daemon
