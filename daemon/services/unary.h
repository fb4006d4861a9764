// A unary method in three lines: check on gRPC's thread, post to the core thread, convert and
// reply.
//
// Rules: a Reply finishes its call exactly once, whatever becomes of it: one that is dropped (a
// task that never ran, a waiter that was destroyed) says UNAVAILABLE, so that no client and no
// shutdown waits for ever.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/time.h"
#include "daemon/control_server.h"
#include "daemon/errors.h"
#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "libcore/runtime/clock.h"

namespace p2pd::daemon {

// Without a deadline of the client's, and at most.
inline constexpr absl::Duration kDefaultPatience = absl::Seconds(20);
inline constexpr absl::Duration kMaxPatience = absl::Seconds(60);

class Reply {
 public:
  explicit Reply(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  Reply(Reply&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply() { Finish(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the daemon is ending")); }
  void Ok() { Finish(grpc::Status::OK); }
  void Fail(const absl::Status& status, Reasons reasons = {}) { Finish(ToGrpc(status, reasons)); }
  void Finish(const grpc::Status& status) {
    if (reactor_ != nullptr) std::exchange(reactor_, nullptr)->Finish(status);
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

// How long an operation of this call may take.
inline absl::Duration PatienceOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return kDefaultPatience;
  const absl::Duration left = absl::FromChrono(deadline) - runtime::WallNow();
  return std::clamp(left, absl::ZeroDuration(), kMaxPatience);
}

// Runs `body(NodeHost&, Reply)` on the core thread.
template <class Body>
grpc::ServerUnaryReactor* OnCore(NodeHost& host, grpc::CallbackServerContext* context, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // The reply is made inside: a task that is refused has not touched the reactor.
  const bool posted = host.Post([reply = Reply(reactor), body = std::move(body)](
                                    NodeHost& core) mutable { body(core, std::move(reply)); });
  (void)posted;  // Refused: the reply inside the task has said UNAVAILABLE.
  return reactor;
}

// Finishes at once, without the core thread.
inline grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context,
                                        const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

// OK unless the caller came through the TCP door.
inline grpc::Status OwnerOnly(const grpc::CallbackServerContext& context) {
  if (RoleOf(context) == Role::kOwner) return grpc::Status::OK;
  return Error(grpc::StatusCode::PERMISSION_DENIED, "ROLE_FORBIDS",
               "this is allowed through the Unix socket only");
}

}  // namespace p2pd::daemon
