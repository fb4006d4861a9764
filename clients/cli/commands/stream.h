// Reading a stream of the API until it ends, the reader has enough, or the user interrupts.
#pragma once

#include <atomic>
#include <cstdio>
#include <memory>

#include "clients/cli/session.h"
#include "clients/common/interrupt.h"
#include "grpcpp/support/sync_stream.h"

namespace p2pd::cli {

// `open(stub, context)` starts the stream; `take(message)` returns false when it has enough. Ctrl-C
// ends it with exit code 0: whoever watches decides how long. What cannot be printed ends it too;
// RunCommandLine tells.
template <class Service, class Response, class Open, class Take>
ExitCode ReadStream(Session& session, Open open, Take take) {
  clients::Connection* connection = session.Connect();
  if (connection == nullptr) return session.problem();
  typename Service::Stub stub(connection->channel());
  const auto context = connection->StreamContext();
  std::atomic<bool> enough{false};
  const clients::Interrupt interrupt([&] {
    enough = true;
    context->TryCancel();
  });
  const std::unique_ptr<grpc::ClientReader<Response>> reader = open(stub, context.get());
  Response response;
  while (reader->Read(&response)) {
    if (!take(response) || std::ferror(stdout) != 0) {
      enough = true;
      context->TryCancel();
    }
  }
  const grpc::Status status = reader->Finish();
  return enough ? ExitCode::kDone : clients::Report(status);
}

}  // namespace p2pd::cli
