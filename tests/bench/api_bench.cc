// Unary calls on the daemon's Unix socket: p50 and p99 of NodeService.GetNode, beside the limit,
// the health check that gRPC itself answers on the same socket in the same run. Usage:
// p2pd_api_bench unix:PATH [CALLS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "clients/common/connection.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "p2pd/v1/node_service.grpc.pb.h"

namespace {

using p2pd::clients::Connection;

struct Latency {
  double p50 = 0;
  double p99 = 0;
};

// Microseconds; `call` returns false when it failed.
Latency Measure(int calls, const std::function<bool()>& call) {
  std::vector<double> microseconds;
  for (int i = 0; i < calls; ++i) {
    const auto start = std::chrono::steady_clock::now();  // lint: allow(a benchmark measures time)
    if (!call()) std::exit(1);
    const std::chrono::duration<double, std::micro> took =
        std::chrono::steady_clock::now() - start;  // lint: allow(a benchmark measures time)
    microseconds.push_back(took.count());
  }
  std::sort(microseconds.begin(), microseconds.end());
  return {microseconds[microseconds.size() / 2], microseconds[microseconds.size() * 99 / 100]};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string control = argc > 1 ? argv[1] : "";
  const int calls = argc > 2 ? std::atoi(argv[2]) : 20000;
  p2pd::clients::ConnectionOptions options;
  options.control = control;
  auto opened = Connection::Open(options);
  if (const auto* problem = std::get_if<p2pd::clients::ConnectionProblem>(&opened)) {
    std::fprintf(stderr, "%s\n", problem->text.c_str());
    return 1;
  }
  const Connection& connection = *std::get<0>(opened);
  const auto stub = p2pd::v1::NodeService::NewStub(connection.channel());
  const grpc::internal::RpcMethod health(
      "/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC, connection.channel());
  const auto check = [&] {
    // HealthCheckRequest without a service is empty; so is any empty message of ours.
    p2pd::v1::ShutdownResponse empty;
    p2pd::v1::ShutdownResponse answer;
    const auto context = connection.UnaryContext();
    return grpc::internal::BlockingUnaryCall(connection.channel().get(), health, context.get(),
                                             empty, &answer)
        .ok();
  };
  const auto get_node = [&] {
    p2pd::v1::GetNodeRequest request;
    request.set_name("node");
    p2pd::v1::Node node;
    const auto context = connection.UnaryContext();
    return stub->GetNode(context.get(), request, &node).ok();
  };
  Measure(200, check);  // the first calls pay for the connection
  const Latency limit = Measure(calls, check);
  const Latency ours = Measure(calls, get_node);
  std::printf(
      "{\"get_node_us\": {\"p50\": %.1f, \"p99\": %.1f}, \"grpc_health_us\": {\"p50\": %.1f, "
      "\"p99\": %.1f}, "
      "\"ratio_p50\": %.2f, \"calls\": %d}\n",
      ours.p50, ours.p99, limit.p50, limit.p99, ours.p50 / limit.p50, calls);
  return 0;
}
