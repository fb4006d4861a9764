#include "tests/integration/harness.h"

#include <fcntl.h>
#include <grpcpp/support/error_details.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/check.h"
#include "libcore/runtime/clock.h"
#include "p2pd/v1/error.pb.h"

namespace p2pd::integration {
namespace {

// The word behind `label` in `text`, up to a comma, blank or line's end.
std::string WordBehind(const std::string& text, const std::string& label) {
  const size_t at = text.find(label);
  if (at == std::string::npos) return "";
  const size_t begin = at + label.size();
  return text.substr(begin, text.find_first_of(", \n", begin) - begin);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Folder::Folder() {
  std::string pattern = "/tmp/p2pd-XXXXXX";
  P2PD_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment) {
  int out[2];
  int err[2];
  P2PD_CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  pid_ = fork();
  P2PD_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(out_);
  close(err_);
}

void Process::Signal(int number) const { kill(pid_, number); }

bool Process::ReadSome(int timeout_ms) {
  pollfd fds[2] = {{.fd = out_, .events = POLLIN, .revents = 0},
                   {.fd = err_, .events = POLLIN, .revents = 0}};
  if (poll(fds, 2, timeout_ms) <= 0) return false;
  bool any = false;
  for (int i = 0; i < 2; ++i) {
    if (fds[i].revents == 0) continue;
    char buffer[4096];
    const ssize_t got = read(fds[i].fd, buffer, sizeof(buffer));
    if (got <= 0) continue;
    (i == 0 ? output_ : error_).append(buffer, static_cast<size_t>(got));
    any = true;
  }
  return any;
}

bool Process::WaitForLine(absl::string_view text) {
  const Instant limit = runtime::MonotonicNow() + kPatience;
  while (!absl::StrContains(error_, text)) {
    if (runtime::MonotonicNow() > limit ||
        !ReadSome(static_cast<int>(absl::ToInt64Milliseconds(kPatience)))) {
      return false;
    }
  }
  // The whole line, for who reads it.
  while (error_.back() != '\n' && ReadSome(1000)) {
  }
  return true;
}

Ended Process::Wait() {
  const Instant limit = runtime::MonotonicNow() + kPatience;
  while (ReadSome(static_cast<int>(absl::ToInt64Milliseconds(kPatience))) &&
         runtime::MonotonicNow() < limit) {
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  Ended ended;
  if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  ended.output = output_;
  ended.error = error_;
  return ended;
}

Ended RunDaemonProgram(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {P2PD_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Process process(all, {"HOME=/nonexistent", "PATH=/usr/bin:/bin"});
  return process.Wait();
}

Daemon::Daemon(const DaemonOptions& options)
    : data_dir_(options.data_dir.empty() ? folder_.path() + "/data" : options.data_dir),
      socket_(folder_.path() + "/door/control.sock") {
  std::vector<std::string> arguments = {P2PD_PROGRAM,  "--data-dir", data_dir_,        "--listen",
                                        "127.0.0.1:0", "--control",  "unix:" + socket_};
  if (options.tcp_door) {
    arguments.insert(arguments.end(), {"--control", "127.0.0.1:0"});
  }
  for (const std::string& node : options.bootstrap) {
    arguments.insert(arguments.end(), {"--bootstrap", node});
  }
  arguments.insert(arguments.end(), options.more.begin(), options.more.end());
  process_ = std::make_unique<Process>(
      arguments, std::vector<std::string>{"HOME=" + folder_.path(), "PATH=/usr/bin:/bin"});
  ready_ = process_->WaitForLine(" ready: ");
  if (!ready_) return;
  endpoint_ = WordBehind(process_->error(), "listening on ");
  if (options.tcp_door) tcp_ = WordBehind(process_->error(), "control.sock, ");
}

Daemon::~Daemon() = default;

std::shared_ptr<grpc::Channel> Daemon::channel() {
  if (channel_ == nullptr) {
    channel_ = grpc::CreateChannel("unix:" + socket_, grpc::InsecureChannelCredentials());
  }
  return channel_;
}

v1::Node Daemon::GetNode() {
  v1::Node node;
  const grpc::Status status =
      Call<v1::NodeService>(&v1::NodeService::Stub::GetNode, v1::GetNodeRequest(), &node);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return node;
}

Ended Daemon::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

void Daemon::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

void Daemon::SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(runtime::WallNow() + kPatience));
}

std::string ReasonOf(const grpc::Status& status) {
  if (status.ok()) return "OK";
  v1::ErrorStatus whole;
  v1::ErrorDetail detail;
  if (!grpc::ExtractErrorDetails(status, &whole).ok() || whole.details_size() != 1 ||
      !whole.details(0).UnpackTo(&detail)) {
    return "";
  }
  return detail.reason();
}

Authority::Authority(const std::string& name) : rng_(42), crypto_(pki::Crypto::Create(rng_)) {
  key_ = pki::UserKey::GenerateP256(*crypto_).value();
  pki::RootOptions options;
  options.name = name;
  options.not_before = runtime::WallNow() - absl::Hours(1);
  options.not_after = runtime::WallNow() + absl::Hours(24 * 100);
  root_ = pki::MakeRoot(*key_, options).value();
  root_pem_ = root_->ToPem();
}

std::string Authority::Issue(const std::string& csr_pem) {
  const auto csr = pki::ParseCsr(AsBytes(csr_pem));
  P2PD_CHECK(csr.ok());
  pki::IssueOptions options;
  options.not_before = runtime::WallNow() - absl::Minutes(1);
  options.not_after = runtime::WallNow() + absl::Hours(24 * 10);
  return pki::IssueCertificate(*key_, *root_, *csr, options)->ToPem() + root_pem_;
}

void MakePerson(Daemon& daemon, Authority& authority, const std::string& email) {
  using Stub = v1::IdentityService::Stub;
  v1::CreateIdentityRequest create;
  create.set_email(email);
  v1::Identity identity;
  grpc::Status status = daemon.Call<v1::IdentityService>(&Stub::CreateIdentity, create, &identity);
  ASSERT_TRUE(status.ok()) << status.error_message();
  v1::CreateTrustRootRequest trust;
  trust.set_certificate(authority.root_pem());
  v1::TrustRoot root;
  status = daemon.Call<v1::IdentityService>(&Stub::CreateTrustRoot, trust, &root);
  ASSERT_TRUE(status.ok() || ReasonOf(status) == "TRUST_ROOT_EXISTS") << status.error_message();
  v1::InstallCertificateRequest install;
  install.set_certificate(authority.Issue(identity.csr_pem()));
  status = daemon.Call<v1::IdentityService>(&Stub::InstallCertificate, install, &identity);
  ASSERT_TRUE(status.ok()) << status.error_message();
  v1::LoginRequest login;
  login.set_name(identity.name());
  status = daemon.Call<v1::IdentityService>(&Stub::Login, login, &identity);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(identity.state(), v1::Identity::LOGGED_IN);
}

}  // namespace p2pd::integration
