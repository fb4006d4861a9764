#include "clients/common/connection.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace p2pd::clients {
namespace {

constexpr char kSystemSocket[] = "/run/p2pd/control.sock";
// A daemon on this machine answers within milliseconds; a remote one behind ssh within this.
constexpr std::chrono::seconds kConnectLimit{5};

std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

bool Exists(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0;
}

bool Ready(grpc::Channel& channel) {
  const auto deadline = std::chrono::system_clock::now() + kConnectLimit;
  grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
  while (state != GRPC_CHANNEL_READY) {
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) return false;
    if (!channel.WaitForStateChange(state, deadline)) return false;
    state = channel.GetState(true);
  }
  return true;
}

std::string PickSocket() {
  for (const std::string& path : DefaultSockets()) {
    if (Exists(path)) return "unix:" + path;
  }
  return "unix:" + DefaultSockets().front();
}

}  // namespace

std::vector<std::string> DefaultSockets() {
  std::vector<std::string> sockets;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR");
      runtime != nullptr && *runtime != '\0') {
    sockets.push_back(absl::StrCat(runtime, "/p2pd/control.sock"));
  }
  sockets.emplace_back(kSystemSocket);
  return sockets;
}

std::variant<std::unique_ptr<Connection>, ConnectionProblem> Connection::Open(
    const ConnectionOptions& options) {
  const std::string target = options.control.empty() ? PickSocket() : options.control;
  auto connection = std::unique_ptr<Connection>(new Connection());
  connection->timeout_ = options.timeout;
  if (absl::StartsWith(target, "unix:")) {
    const std::string path = target.substr(5);
    if (!Exists(path)) {
      return ConnectionProblem{
          false,
          absl::StrCat("no daemon at ", target, ": start p2pd, or name its socket with --control")};
    }
    if (access(path.c_str(), W_OK) != 0 && errno == EACCES) {
      return ConnectionProblem{false, absl::StrCat("may not use ", target,
                                                   ": join the daemon's group or run as its user")};
    }
    connection->channel_ = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  } else {
    if (!absl::StrContains(target, ':')) {
      return ConnectionProblem{
          true, absl::StrCat("--control ", target, " is neither unix:PATH nor ADDR:PORT")};
    }
    if (options.token_file.empty() || options.tls_ca.empty()) {
      return ConnectionProblem{
          true, absl::StrCat(
                    "TCP needs both --tls-ca FILE and --token-file FILE (the daemon keeps them in "
                    "DATA-DIR/control/tls.pem and DATA-DIR/control/token)")};
    }
    const std::optional<std::string> token = ReadText(options.token_file);
    const std::optional<std::string> ca = ReadText(options.tls_ca);
    if (!token)
      return ConnectionProblem{true,
                               absl::StrCat("cannot read the token file ", options.token_file)};
    if (!ca)
      return ConnectionProblem{true,
                               absl::StrCat("cannot read the certificate file ", options.tls_ca)};
    connection->token_ = std::string(absl::StripAsciiWhitespace(*token));
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = *ca;
    connection->channel_ = grpc::CreateChannel(target, grpc::SslCredentials(tls));
  }
  if (!Ready(*connection->channel_)) {
    return ConnectionProblem{false, absl::StrCat("the daemon at ", target, " does not answer")};
  }
  return connection;
}

std::unique_ptr<grpc::ClientContext> Connection::StreamContext() const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!token_.empty()) context->AddMetadata("authorization", "Bearer " + token_);
  return context;
}

std::unique_ptr<grpc::ClientContext> Connection::UnaryContext() const {
  auto context = StreamContext();
  context->set_deadline(std::chrono::system_clock::now() + timeout_);
  return context;
}

}  // namespace p2pd::clients
