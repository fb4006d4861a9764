#include "daemon/services/node_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/convert/certificate.h"
#include "daemon/convert/person.h"
#include "daemon/services/unary.h"
#include "daemon/services/watch_stream.h"
#include "daemon/version.h"

namespace p2pd::daemon {
namespace {

constexpr absl::Duration kDefaultGrace = absl::Seconds(5);
constexpr absl::Duration kMaxGrace = absl::Seconds(60);
// CallDesk's word for "only the figures have changed".
constexpr absl::string_view kFigures = "media";
constexpr absl::string_view kStalled = "media stalled";

v1::Node::State StateOf(NodeHost& host) {
  if (host.draining()) return v1::Node::DRAINING;
  switch (host.node().overlay().join_state()) {
    case overlay::JoinState::kAlone:
      return v1::Node::ALONE;
    case overlay::JoinState::kJoining:
      return v1::Node::JOINING;
    case overlay::JoinState::kActive:
      return v1::Node::JOINED;
    case overlay::JoinState::kLeaving:
      return v1::Node::DRAINING;
  }
  return v1::Node::STATE_UNSPECIFIED;
}

void FillNode(NodeHost& host, v1::Node& out) {
  out.set_name("node");
  out.set_state(StateOf(host));
  out.set_version(std::string(kVersion));
  out.set_node_id(overlay::ToHex(host.node().overlay().self().id()));
  SetTime(host.started_wall(), out.mutable_start_time());
  *out.mutable_uptime() = ToProto(host.now() - host.started());
  out.set_listen_endpoint(host.listen_endpoint().ToString());
  for (const net::Endpoint& address : host.addresses()) out.add_addresses(address.ToString());
  const std::vector<overlay::PeerInfo> peers = host.node().overlay().Peers(host.now());
  out.set_peer_count(static_cast<int32_t>(peers.size()));
  out.set_leaf_count(static_cast<int32_t>(
      std::count_if(peers.begin(), peers.end(), [](const auto& peer) { return peer.leaf; })));
  out.set_stored_object_count(static_cast<int64_t>(host.node().stored_objects()));
  out.set_stored_bytes(static_cast<int64_t>(host.node().stored_bytes()));
  int logged_in = 0;
  const std::vector<presence::IdentityInfo> identities = host.node().presence().Identities();
  for (const presence::IdentityInfo& identity : identities) {
    logged_in += identity.state == presence::IdentityState::kLoggedIn ? 1 : 0;
  }
  out.set_identity_count(static_cast<int32_t>(identities.size()));
  out.set_logged_in_count(logged_in);
  const std::vector<node::CallView> calls = host.node().ListCalls();
  out.set_active_call_count(
      static_cast<int32_t>(std::count_if(calls.begin(), calls.end(), [](const auto& call) {
        return call.info.state != session::CallState::kEnded;
      })));
  for (const auto& [name, value] : host.AllCounters()) (*out.mutable_counters())[name] = value;
}

}  // namespace

std::optional<v1::Event> EventOf(const node::Change& change) {
  v1::Event event;
  SetTime(change.time, event.mutable_time());
  event.set_severity(change.detail == kStalled ? v1::Event::WARNING : v1::Event::INFO);
  event.set_text(change.detail);
  switch (change.topic) {
    case node::Topic::kOverlay:
      event.set_kind("overlay");
      break;
    case node::Topic::kIdentity:
      event.set_kind("identity");
      event.set_subject(IdentityName(change.name));
      break;
    case node::Topic::kContact: {
      event.set_kind("contact");
      const size_t slash = change.name.find('/');
      event.set_subject(
          absl::StrCat(IdentityName(change.name.substr(0, slash)), "/contacts/",
                       slash == std::string::npos ? "" : change.name.substr(slash + 1)));
      break;
    }
    case node::Topic::kCall:
      if (change.detail == kFigures) return std::nullopt;
      event.set_kind("call");
      event.set_subject(absl::StrCat("calls/", change.name));
      break;
  }
  return event;
}

grpc::ServerUnaryReactor* NodeService::GetNode(grpc::CallbackServerContext* context,
                                               const v1::GetNodeRequest*, v1::Node* node) {
  return OnCore(host_, context, [this, node](NodeHost& host, Reply reply) {
    FillNode(host, *node);
    for (const std::string& endpoint : control_endpoints_) node->add_control_endpoints(endpoint);
    reply.Ok();
  });
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* NodeService::WatchEvents(
    grpc::CallbackServerContext*, const v1::WatchEventsRequest* request) {
  WatchSource<v1::WatchEventsResponse> source;
  source.every_change = true;
  source.snapshot = [](NodeHost&) { return std::vector<v1::WatchEventsResponse>(); };
  source.changed = [](NodeHost&, const node::Change& change) {
    std::optional<v1::WatchEventsResponse> out;
    if (auto event = EventOf(change)) {
      out.emplace().set_mark(v1::WATCH_MARK_CHANGED);
      *out->mutable_event() = *std::move(event);
    }
    return out;
  };
  return WatchStream<v1::WatchEventsResponse>::Start(host_, std::move(source),
                                                     request->resume_token());
}

grpc::ServerUnaryReactor* NodeService::Shutdown(grpc::CallbackServerContext* context,
                                                const v1::ShutdownRequest* request,
                                                v1::ShutdownResponse*) {
  if (const grpc::Status status = OwnerOnly(*context); !status.ok()) {
    return Refuse(context, status);
  }
  absl::Duration grace = request->has_grace() ? FromProto(request->grace()) : kDefaultGrace;
  grace = std::clamp(grace, absl::ZeroDuration(), kMaxGrace);
  return OnCore(host_, context, [this, grace](NodeHost&, Reply reply) {
    reply.Ok();
    shutdown_(grace);
  });
}

}  // namespace p2pd::daemon
