#include "clients/common/connection.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "clients/common/files.h"
#include "grpc/support/log.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace p2pd::clients {
namespace {

constexpr char kSystemSocket[] = "/run/p2pd/control.sock";
// A daemon on this machine answers within milliseconds; a remote one behind ssh within this.
constexpr std::chrono::seconds kConnectLimit{5};

// More than any chain of certificates, or any token, has.
constexpr size_t kMaxFile = 256 * 1024;

// Its lines tell nothing that a person could act on, and the answer to a mistake is one line.
void SilenceGrpc() {
  if (std::getenv("GRPC_VERBOSITY") != nullptr || std::getenv("GRPC_TRACE") != nullptr) return;
  gpr_set_log_function([](gpr_log_func_args*) {});
}

// A place that may not be looked into counts: there is something, and the answer is not "start
// p2pd".
bool Exists(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 || errno == EACCES;
}

enum class Answer { kReady, kFailed, kSilent };

Answer Await(grpc::Channel& channel, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::system_clock::now() + limit;
  grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
  while (state != GRPC_CHANNEL_READY) {
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) {
      return Answer::kFailed;
    }
    if (!channel.WaitForStateChange(state, deadline)) return Answer::kSilent;
    state = channel.GetState(true);
  }
  return Answer::kReady;
}

std::string PickSocket() {
  for (const std::string& path : DefaultSockets()) {
    if (Exists(path)) return "unix:" + path;
  }
  return "unix:" + DefaultSockets().front();
}

struct TcpPlace {
  std::string host;  // an IPv6 address in brackets
  uint16_t port = 0;
};

std::optional<TcpPlace> ParseTcp(const std::string& target) {
  const size_t colon = target.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  const std::string host = target.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (!bracketed && host.find_first_of(":[]/ ") != std::string::npos) return std::nullopt;
  int port = 0;
  if (!absl::SimpleAtoi(target.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return std::nullopt;
  }
  return TcpPlace{host, static_cast<uint16_t>(port)};
}

// Whether the text has a block that can be a certificate: base64 of one whole DER SEQUENCE
// (X.690 §8.1.3). gRPC takes an empty list for "whatever the system trusts", which is never meant.
bool HoldsCertificate(const std::string& pem) {
  static constexpr char kBegin[] = "-----BEGIN CERTIFICATE-----";
  static constexpr char kEnd[] = "-----END CERTIFICATE-----";
  const size_t begin = pem.find(kBegin);
  const size_t end = pem.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return false;
  const size_t from = begin + sizeof kBegin - 1;
  std::string der;
  if (!absl::Base64Unescape(pem.substr(from, end - from), &der) || der.size() < 4) return false;
  const auto at = [&der](size_t i) { return static_cast<uint8_t>(der[i]); };
  // 30 82 HH LL: no certificate is below 256 bytes or above 65,535.
  return at(0) == 0x30 && at(1) == 0x82 && der.size() == size_t{4} + (size_t{at(2)} << 8 | at(3));
}

// A token goes into a header of HTTP: visible ASCII.
bool IsToken(const std::string& token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
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
  SilenceGrpc();
  const std::string target = options.control.empty() ? PickSocket() : options.control;
  const std::chrono::milliseconds limit =
      std::min<std::chrono::milliseconds>(kConnectLimit, options.timeout);
  auto connection = std::unique_ptr<Connection>(new Connection());
  connection->timeout_ = options.timeout;
  if (absl::StartsWith(target, "unix:")) {
    const std::string path = target.substr(5);
    // Longer ones, gRPC does not try.
    if (path.empty() || path.size() > kMaxSocketPath) return UnixObstacle(path, limit);
    connection->channel_ = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
    switch (Await(*connection->channel_, limit)) {
      case Answer::kReady:
        return connection;
      case Answer::kSilent:
        return Silence(target, limit);
      case Answer::kFailed:
        return UnixObstacle(path, limit);
    }
  }
  const std::optional<TcpPlace> place = ParseTcp(target);
  if (!place) {
    return ConnectionProblem{ExitCode::kUsage, absl::StrCat("--control ", target,
                                                            " is neither unix:PATH nor ADDR:PORT")};
  }
  if (auto problem = connection->OpenTcp(target, options)) return *std::move(problem);
  switch (Await(*connection->channel_, limit)) {
    case Answer::kReady:
      return connection;
    case Answer::kSilent:
      return Silence(target, limit);
    case Answer::kFailed:
      break;
  }
  return TcpObstacle(place->host, place->port, options.tls_ca, limit);
}

std::optional<ConnectionProblem> Connection::OpenTcp(const std::string& target,
                                                     const ConnectionOptions& options) {
  if (options.token_file.empty() || options.tls_ca.empty()) {
    return ConnectionProblem{
        ExitCode::kUsage,
        "TCP needs both --tls-ca FILE and --token-file FILE (the daemon keeps them in "
        "DATA-DIR/control/tls.pem and DATA-DIR/control/token)"};
  }
  std::string problem;
  const std::optional<std::string> token =
      ReadInput(options.token_file, kMaxFile, &problem, /*secret=*/true);
  if (!token) return ConnectionProblem{ExitCode::kUsage, "--token-file: " + problem};
  const std::optional<std::string> ca = ReadInput(options.tls_ca, kMaxFile, &problem);
  if (!ca) return ConnectionProblem{ExitCode::kUsage, "--tls-ca: " + problem};
  token_ = std::string(absl::StripAsciiWhitespace(*token));
  if (!IsToken(token_)) {
    return ConnectionProblem{
        ExitCode::kUsage,
        absl::StrCat("--token-file: ", options.token_file,
                     " holds no token: give the daemon's DATA-DIR/control/token")};
  }
  if (!HoldsCertificate(*ca)) {
    return ConnectionProblem{
        ExitCode::kUsage,
        absl::StrCat("--tls-ca: ", options.tls_ca,
                     " holds no certificate (PEM): give the daemon's DATA-DIR/control/tls.pem")};
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = *ca;
  channel_ = grpc::CreateChannel(target, grpc::SslCredentials(tls));
  return std::nullopt;
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
