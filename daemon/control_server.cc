#include "daemon/control_server.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/strip.h"
#include "grpc/support/log.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "libcore/base/bytes.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/runtime/clock.h"

namespace p2pd::daemon {
namespace {

using ConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;

// A client that is gone without a word is noticed after this, and its streams are freed.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Clients that ping more often are told to calm down.
constexpr int kMinPingIntervalMs = 10'000;
constexpr char kAuthorization[] = "authorization";
constexpr absl::string_view kBearer = "Bearer ";

// Lets a call in only with the token. The status it returns is all a stranger learns.
class TokenProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenProcessor(std::string token) : token_(std::move(token)) {}
  // The comparison takes no time worth a thread.
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata* consumed,
                       OutputMetadata*) override {
    const auto found = metadata.find(kAuthorization);
    if (found == metadata.end()) {
      return {grpc::StatusCode::UNAUTHENTICATED, "this door needs a token (--token-file)"};
    }
    absl::string_view value(found->second.data(), found->second.size());
    if (!absl::ConsumePrefix(&value, kBearer) ||
        !ConstantTimeEqual(AsBytes(value), AsBytes(token_))) {
      return {grpc::StatusCode::UNAUTHENTICATED, "the token is wrong"};
    }
    consumed->emplace(kAuthorization, std::string(found->second.data(), found->second.size()));
    return grpc::Status::OK;
  }

 private:
  const std::string token_;
};

// gRPC reports each failed handshake as an error, and a stranger can fail as many as he likes.
void LogOfGrpc(gpr_log_func_args* args) {
  P2PD_LOG(grpc, kDebug, args->message, " (", args->file, ":", args->line, ")");
}

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(ControlServer::kMaxMessage);
  builder.SetMaxSendMessageSize(2 * ControlServer::kMaxMessage);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, ControlServer::kMaxMetadata);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, ControlServer::kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  // Compressed bombs are nobody's need on one machine.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  grpc::ResourceQuota quota("p2pd-control");
  quota.Resize(ControlServer::kMemoryQuota);
  builder.SetResourceQuota(quota);
}

std::shared_ptr<grpc::ServerCredentials> TcpCredentials(const ControlKeys& keys) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back(
      {.private_key = keys.key_pem, .cert_chain = keys.certificate_pem});
  auto credentials = grpc::SslServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<TokenProcessor>(keys.token));
  return credentials;
}

}  // namespace

Role RoleOf(const grpc::CallbackServerContext& context) {
  const auto auth = context.auth_context();
  if (auth != nullptr) {
    for (const grpc::string_ref& type :
         auth->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME)) {
      if (type == "local") return Role::kOwner;
    }
  }
  return Role::kRemote;
}

bool MayEnter(const runtime::PeerCredentials& peer, const runtime::OwnCredentials& own,
              gid_t socket_group) {
  if (peer.uid == 0 || peer.uid == own.uid) return true;
  if (peer.gid == socket_group) return true;
  return std::find(peer.groups.begin(), peer.groups.end(), socket_group) != peer.groups.end();
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Open(runtime::Loop& loop,
                                                                   const Config& config, Rng& rng) {
  std::unique_ptr<ControlServer> server(new ControlServer());
  server->doors_ = config.doors;
  for (size_t i = 0; i < config.doors.size(); ++i) {
    const Door& door = config.doors[i];
    if (!door.unix_path.empty()) {
      P2PD_RETURN_IF_ERROR(server->OpenUnix(loop, door.unix_path, i));
      continue;
    }
    if (!server->keys_) {
      P2PD_ASSIGN_OR_RETURN(server->keys_,
                            LoadControlKeys(config.data_dir, rng, runtime::WallNow()));
    }
    P2PD_RETURN_IF_ERROR(server->OpenTcp(loop, door.endpoint, i));
  }
  return server;
}

absl::Status ControlServer::Serve(const std::vector<grpc::Service*>& services,
                                  const std::vector<std::string>& names) {
  gpr_set_log_function(LogOfGrpc);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  names_ = names;
  grpc::ServerBuilder builder;
  SetLimits(builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  for (const Door& door : doors_) {
    auto credentials = door.unix_path.empty() ? TcpCredentials(*keys_)
                                              : grpc::experimental::LocalServerCredentials(UDS);
    acceptors_.push_back(builder.experimental().AddExternalConnectionAcceptor(
        ConnectionType::FROM_FD, std::move(credentials)));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::InternalError("gRPC cannot start its server");
  SetServing(true);
  return absl::OkStatus();
}

void ControlServer::HandOver(size_t acceptor, int fd) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = fd;
  acceptors_[acceptor]->HandleNewConnection(&connection);
}

ControlServer::~ControlServer() {
  unix_.clear();
  tcp_.clear();
}

absl::Status ControlServer::OpenUnix(runtime::Loop& loop, const std::string& path,
                                     size_t acceptor) {
  auto listener = runtime::UnixListener::Open(
      loop, path,
      [this, door = unix_.size(), acceptor](int fd, const runtime::PeerCredentials& peer) {
        if (!MayEnter(peer, runtime::Self(), unix_[door]->group())) {
          P2PD_LOG(daemon, kDebug, "refused uid ", peer.uid, " pid ", peer.pid);
          runtime::CloseConnection(fd);
          return;
        }
        HandOver(acceptor, fd);
      });
  if (!listener.ok()) return listener.status();
  unix_.push_back(*std::move(listener));
  endpoints_.push_back("unix:" + path);
  return absl::OkStatus();
}

absl::Status ControlServer::OpenTcp(runtime::Loop& loop, const net::Endpoint& endpoint,
                                    size_t acceptor) {
  auto listener = runtime::TcpListener::Open(loop, endpoint,
                                             [this, acceptor](int fd) { HandOver(acceptor, fd); });
  if (!listener.ok()) return listener.status();
  endpoints_.push_back((*listener)->local().ToString());
  tcp_.push_back(*std::move(listener));
  return absl::OkStatus();
}

void ControlServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus("", serving);
  for (const std::string& name : names_) health->SetServingStatus(name, serving);
}

void ControlServer::Shutdown(absl::Duration patience) {
  unix_.clear();
  tcp_.clear();
  server_->Shutdown(absl::ToChronoTime(runtime::WallNow() + patience));
  server_->Wait();
}

}  // namespace p2pd::daemon
