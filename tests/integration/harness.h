// Real p2pd processes for tests: each in a folder of its own, on free ports, ended with the test.
//
// Nothing waits for a fixed time: a daemon is ready when it says so on standard error, and ended
// when the kernel says so; what is slow is given 60 s and then fails.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/crypto.h"
#include "p2pd/v1/call_service.grpc.pb.h"
#include "p2pd/v1/contact_service.grpc.pb.h"
#include "p2pd/v1/identity_service.grpc.pb.h"
#include "p2pd/v1/node_service.grpc.pb.h"
#include "p2pd/v1/overlay_service.grpc.pb.h"

namespace p2pd::integration {

// What anything may take before the test gives up.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

// A folder that goes with the test; short, since Unix sockets have short names.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What became of a program that has ended.
struct Ended {
  int exit_code = -1;  // -1: by a signal
  int signal = 0;
  std::string output;  // standard output
  std::string error;   // standard error
};

// A child process with both its outputs caught.
class Process {
 public:
  // `environment`: "NAME=value", in place of this process's own.
  Process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);
  // Kills what still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // Reads standard error until a line contains `text`; false when the process ended before.
  bool WaitForLine(absl::string_view text);
  // Standard error so far.
  const std::string& error() const { return error_; }
  Ended Wait();

 private:
  bool ReadSome(int timeout_ms);
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string output_;
  std::string error_;
};

// Runs p2pd to its end.
Ended RunDaemonProgram(const std::vector<std::string>& arguments);

struct DaemonOptions {
  std::string data_dir;                // empty: a folder of the daemon's own
  std::vector<std::string> bootstrap;  // ADDR:PORT
  std::vector<std::string> more;       // further arguments
  bool tcp_door = false;
};

// A running p2pd on 127.0.0.1.
class Daemon {
 public:
  explicit Daemon(const DaemonOptions& options = {});
  ~Daemon();

  bool ready() const { return ready_; }
  const std::string& data_dir() const { return data_dir_; }
  // "ADDR:PORT" of its UDP socket.
  const std::string& endpoint() const { return endpoint_; }
  const std::string& socket_path() const { return socket_; }
  // "ADDR:PORT" of its TCP door, if it has one.
  const std::string& tcp_endpoint() const { return tcp_; }
  Process& process() { return *process_; }
  std::shared_ptr<grpc::Channel> channel();

  // A unary method: Call<v1::NodeService>(&v1::NodeService::Stub::GetNode, request, &response).
  template <class Service, class Method, class Request, class Response>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    const auto stub = Service::NewStub(channel());
    grpc::ClientContext context;
    SetDeadline(context);
    return (stub.get()->*method)(&context, request, response);
  }
  v1::Node GetNode();

  // SIGTERM, and what became of it.
  Ended Stop();
  // SIGKILL.
  void Kill();
  static void SetDeadline(grpc::ClientContext& context);

 private:
  Folder folder_;
  std::string data_dir_;
  std::string socket_;
  std::string endpoint_;
  std::string tcp_;
  bool ready_ = false;
  std::unique_ptr<Process> process_;
  std::shared_ptr<grpc::Channel> channel_;
};

// The reason in a status; "OK" for OK, "" when it carries none.
std::string ReasonOf(const grpc::Status& status);

// A certificate authority in memory.
class Authority {
 public:
  explicit Authority(const std::string& name);
  const std::string& root_pem() const { return root_pem_; }
  // The certificate for a request and its chain, valid for ten days.
  std::string Issue(const std::string& csr_pem);

 private:
  SeededRng rng_;
  std::unique_ptr<pki::Crypto> crypto_;
  std::optional<pki::UserKey> key_;
  std::optional<pki::Certificate> root_;
  std::string root_pem_;
};

// Makes an identity at `daemon`, certified by `authority`, and logs it in.
void MakePerson(Daemon& daemon, Authority& authority, const std::string& email);

}  // namespace p2pd::integration
