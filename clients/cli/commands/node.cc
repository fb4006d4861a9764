#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/commands/stream.h"
#include "clients/cli/format.h"
#include "p2pd/v1/node_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

void PrintNode(const v1::Node& node) {
  const auto line = [](const char* name, const std::string& value) {
    std::printf("%-12s %s\n", name, value.c_str());
  };
  line("version", node.version());
  line("state", v1::Node::State_Name(node.state()));
  line("node", node.node_id());
  line("listens", node.listen_endpoint());
  line("addresses", absl::StrJoin(node.addresses(), ", "));
  line("control", absl::StrJoin(node.control_endpoints(), ", "));
  line("up", Show(node.uptime()));
  line("peers", absl::StrCat(node.peer_count(), " (", node.leaf_count(), " in the leaf set)"));
  line("stored",
       absl::StrCat(node.stored_object_count(), " objects, ", node.stored_bytes(), " bytes"));
  line("identities",
       absl::StrCat(node.identity_count(), " (", node.logged_in_count(), " logged in)"));
  line("calls", absl::StrCat(node.active_call_count()));
}

}  // namespace

ExitCode Status(Session& session) {
  v1::GetNodeRequest request;
  request.set_name("node");
  return session.CallAndPrint<v1::NodeService>(&v1::NodeService::Stub::GetNode, request,
                                               [](const v1::Node& node) { PrintNode(node); });
}

ExitCode Shutdown(Session& session, const std::string& grace) {
  v1::ShutdownRequest request;
  if (!grace.empty()) {
    const auto parsed = ParseDuration(grace);
    if (!parsed) return clients::ReportUsage("--grace " + grace + " is no duration such as 5s");
    *request.mutable_grace() = *parsed;
  }
  return session.CallAndPrint<v1::NodeService>(
      &v1::NodeService::Stub::Shutdown, request,
      [](const v1::ShutdownResponse&) { std::puts("the daemon is going down"); });
}

ExitCode Events(Session& session, const std::string& since) {
  v1::WatchEventsRequest request;
  request.set_resume_token(since);
  return ReadStream<v1::NodeService, v1::WatchEventsResponse>(
      session,
      [&](v1::NodeService::Stub& stub, grpc::ClientContext* context) {
        return stub.WatchEvents(context, request);
      },
      [&](const v1::WatchEventsResponse& response) {
        if (session.json()) {
          Session::PrintJson(response);
        } else if (response.has_event()) {
          const v1::Event& event = response.event();
          std::printf("%s  %-24s %s  %s\n", Show(event.time()).c_str(), event.kind().c_str(),
                      event.subject().c_str(), event.text().c_str());
          std::fflush(stdout);
        }
        return true;
      });
}

}  // namespace p2pd::cli
