// Shows that ThreadSanitizer, with ignore_noninstrumented_modules=1 and tests/tsan.supp, still sees
// a race of ours inside an rpc handler, and says nothing when the same handler holds a lock.
// Without an argument it races and must be reported; with --guarded it must end with 0.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "libcore/base/mutex.h"
#include "p2pd/v1/node_service.grpc.pb.h"

namespace {

constexpr int kThreads = 4;
constexpr int kCalls = 200;

class Node final : public p2pd::v1::NodeService::CallbackService {
 public:
  explicit Node(bool guarded) : guarded_(guarded) {}

  grpc::ServerUnaryReactor* GetNode(grpc::CallbackServerContext* context,
                                    const p2pd::v1::GetNodeRequest*,
                                    p2pd::v1::Node* response) override {
    Count();
    response->set_name("node");
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  int count() const { return count_; }

 private:
  void Count() {
    if (guarded_) {
      const p2pd::MutexLock lock(&mutex_);
      ++count_;
    } else {
      ++count_;
    }
  }
  const bool guarded_;
  p2pd::Mutex mutex_;
  int count_ = 0;
};

bool Ask(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = p2pd::v1::NodeService::NewStub(channel);
  for (int i = 0; i < kCalls; ++i) {
    grpc::ClientContext context;
    p2pd::v1::Node node;
    if (!stub->GetNode(&context, p2pd::v1::GetNodeRequest(), &node).ok()) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const bool guarded = argc > 1 && std::strcmp(argv[1], "--guarded") == 0;
  Node node(guarded);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&node);
  const auto server = builder.BuildAndStart();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  std::vector<std::thread> threads;
  std::vector<int> done(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      grpc::ChannelArguments own;
      own.SetInt("p2pd.race_check.channel", t);  // a connection each
      done[static_cast<size_t>(t)] =
          Ask(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own));
    });
  }
  for (auto& thread : threads) thread.join();
  server->Shutdown();
  server->Wait();
  for (const int ok : done) {
    if (!ok) return 2;
  }
  std::printf("%d calls counted\n", node.count());
  return guarded && node.count() != kThreads * kCalls ? 1 : 0;
}
