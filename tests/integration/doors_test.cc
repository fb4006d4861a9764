// Who comes in: the token and TLS matrix of the TCP door, credentials at the Unix door, health and
// reflection.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/bytes.h"
#include "libcore/base/file.h"
#include "tests/integration/harness.h"

namespace p2pd::integration {
namespace {

std::string ReadText(const std::string& path) {
  const auto content = ReadFile(path, 65'536);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? ToText(*content) : std::string();
}

class TcpDoorTest : public ::testing::Test {
 protected:
  TcpDoorTest() : daemon_({.data_dir = "", .bootstrap = {}, .more = {}, .tcp_door = true}) {}
  void SetUp() override { ASSERT_TRUE(daemon_.ready()) << daemon_.process().error(); }

  std::shared_ptr<grpc::ChannelCredentials> Tls() {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadText(daemon_.data_dir() + "/control/tls.pem");
    return grpc::SslCredentials(options);
  }
  std::string Token() {
    return std::string(absl::StripAsciiWhitespace(ReadText(daemon_.data_dir() + "/control/token")));
  }
  template <class Service, class Method, class Request, class Response>
  grpc::Status Call(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                    const std::string& authorization, Method method, const Request& request,
                    Response* response) {
    const auto stub = Service::NewStub(grpc::CreateChannel(daemon_.tcp_endpoint(), credentials));
    grpc::ClientContext context;
    Daemon::SetDeadline(context);
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    return (stub.get()->*method)(&context, request, response);
  }
  grpc::Status GetNode(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                       const std::string& authorization) {
    v1::Node node;
    return Call<v1::NodeService>(credentials, authorization, &v1::NodeService::Stub::GetNode,
                                 v1::GetNodeRequest(), &node);
  }
  Daemon daemon_;
};

TEST_F(TcpDoorTest, OpensToTlsAndTokenTogetherOnly) {
  EXPECT_TRUE(GetNode(Tls(), "Bearer " + Token()).ok());
  struct Row {
    std::string authorization;
    absl::string_view what;
  };
  const Row rows[] = {
      {"", "no token"},
      {"Bearer ", "an empty token"},
      {"Bearer " + std::string(64, '0'), "a wrong token"},
      {"Bearer " + Token() + "0", "more than the token"},
      {"Bearer " + Token().substr(1), "less than the token"},
      {Token(), "no scheme"},
      {"Basic " + Token(), "another scheme"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(GetNode(Tls(), row.authorization).error_code(), grpc::StatusCode::UNAUTHENTICATED)
        << row.what;
  }
  EXPECT_FALSE(GetNode(grpc::InsecureChannelCredentials(), "Bearer " + Token()).ok()) << "no TLS";
  Daemon other({.data_dir = "", .bootstrap = {}, .more = {}, .tcp_door = true});
  ASSERT_TRUE(other.ready());
  grpc::SslCredentialsOptions wrong;
  wrong.pem_root_certs = ReadText(other.data_dir() + "/control/tls.pem");
  EXPECT_FALSE(GetNode(grpc::SslCredentials(wrong), "Bearer " + Token()).ok())
      << "another daemon's certificate";
}

TEST_F(TcpDoorTest, WhoComesThroughItMayNotTouchKeysTrustOrLife) {
  const std::string bearer = "Bearer " + Token();
  const auto tls = Tls();
  const auto reason = [&](auto service, auto method, auto request, auto response) {
    using Service = decltype(service);
    return ReasonOf(Call<Service>(tls, bearer, method, request, &response));
  };
  using Identity = v1::IdentityService::Stub;
  EXPECT_EQ(reason(v1::NodeService(), &v1::NodeService::Stub::Shutdown, v1::ShutdownRequest(),
                   v1::ShutdownResponse()),
            "ROLE_FORBIDS");
  const v1::IdentityService service;
  EXPECT_EQ(reason(service, &Identity::CreateIdentity, v1::CreateIdentityRequest(), v1::Identity()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::DeleteIdentity, v1::DeleteIdentityRequest(),
                   v1::DeleteIdentityResponse()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::InstallCertificate, v1::InstallCertificateRequest(),
                   v1::Identity()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::ImportIdentity, v1::ImportIdentityRequest(), v1::Identity()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::ExportIdentity, v1::ExportIdentityRequest(),
                   v1::ExportIdentityResponse()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::UnlockIdentity, v1::UnlockIdentityRequest(), v1::Identity()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::RevokeDevice, v1::RevokeDeviceRequest(),
                   v1::RevokeDeviceResponse()),
            "ROLE_FORBIDS");
  EXPECT_EQ(
      reason(service, &Identity::CreateTrustRoot, v1::CreateTrustRootRequest(), v1::TrustRoot()),
      "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::DeleteTrustRoot, v1::DeleteTrustRootRequest(),
                   v1::DeleteTrustRootResponse()),
            "ROLE_FORBIDS");
  EXPECT_EQ(reason(service, &Identity::ListIdentities, v1::ListIdentitiesRequest(),
                   v1::ListIdentitiesResponse()),
            "OK");
}

// Connects as another user and says whether a byte came back within the answer to a client preface.
// The door's files are opened to all first, so that nothing but the credentials stands in the way.
bool IsHungUpOn(const std::string& path, uid_t uid, gid_t gid) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(gid) != 0 || setuid(uid) != 0) _exit(2);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path.data(), path.size());
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) _exit(3);
    // RFC 9113 §3.4, and an empty SETTINGS frame.
    constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    // The door may have hung up already: no signal then.
    (void)!send(fd, kPreface, sizeof(kPreface) - 1, MSG_NOSIGNAL);
    char byte = 0;
    _exit(read(fd, &byte, 1) == 1 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << WEXITSTATUS(status);
  return WEXITSTATUS(status) == 1;
}

TEST(UnixDoor, IsClosedToOthersWhateverTheModesSay) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  Daemon daemon;
  ASSERT_TRUE(daemon.ready());
  const std::string folder = std::filesystem::path(daemon.socket_path()).parent_path();
  const std::string above = std::filesystem::path(folder).parent_path();
  ASSERT_EQ(chmod(above.c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(chmod(daemon.socket_path().c_str(), 0666), 0);
  EXPECT_TRUE(IsHungUpOn(daemon.socket_path(), 65'534, 65'534));
  struct stat info{};
  ASSERT_EQ(stat(daemon.socket_path().c_str(), &info), 0);
  EXPECT_FALSE(IsHungUpOn(daemon.socket_path(), 65'534, info.st_gid)) << "the group may";
  EXPECT_FALSE(IsHungUpOn(daemon.socket_path(), 0, 65'534)) << "root may";
}

// The health service without its generated code: `service` (field 1) in, `status` (field 1) out.
grpc::Status Health(Daemon& daemon, const std::string& service, int* serving) {
  std::string request;
  if (!service.empty()) {
    request = absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
  }
  const grpc::Slice slice(request);
  const grpc::ByteBuffer in(&slice, 1);
  grpc::ByteBuffer out;
  grpc::ClientContext context;
  Daemon::SetDeadline(context);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(daemon.channel());
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", in, &queue);
  grpc::Status status;
  call->StartCall();
  call->Finish(&out, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (status.ok() && out.Dump(&slices).ok() && !slices.empty() && slices[0].size() >= 2) {
    *serving = slices[0].begin()[1];
  }
  return status;
}

TEST(Health, ServesUnderTheServersAndEachServicesName) {
  Daemon daemon;
  ASSERT_TRUE(daemon.ready());
  constexpr int kServing = 1;
  for (const std::string& name : {std::string(), std::string(v1::NodeService::service_full_name()),
                                  std::string(v1::IdentityService::service_full_name()),
                                  std::string(v1::ContactService::service_full_name()),
                                  std::string(v1::CallService::service_full_name()),
                                  std::string(v1::OverlayService::service_full_name())}) {
    int serving = 0;
    const grpc::Status status = Health(daemon, name, &serving);
    EXPECT_TRUE(status.ok()) << name << ": " << status.error_message();
    EXPECT_EQ(serving, kServing) << name;
  }
  int serving = 0;
  EXPECT_EQ(Health(daemon, "p2pd.v1.Nothing", &serving).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(Reflection, NamesTheServices) {
  Daemon daemon;
  ASSERT_TRUE(daemon.ready());
  // ServerReflectionRequest with list_services (field 7) set.
  const grpc::Slice slice(std::string("\x3a\x01*", 3));
  grpc::ByteBuffer request(&slice, 1);
  grpc::GenericStub stub(daemon.channel());
  grpc::ClientContext context;
  Daemon::SetDeadline(context);
  grpc::CompletionQueue queue;
  const auto stream = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  ASSERT_TRUE(next());
  stream->WriteLast(request, grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer reply;
  stream->Read(&reply, nullptr);
  ASSERT_TRUE(next());
  grpc::Slice whole;
  ASSERT_TRUE(reply.DumpToSingleSlice(&whole).ok());
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  for (const char* name :
       {"p2pd.v1.NodeService", "p2pd.v1.IdentityService", "p2pd.v1.ContactService",
        "p2pd.v1.CallService", "p2pd.v1.OverlayService"}) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
  context.TryCancel();
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace
}  // namespace p2pd::integration
