// Methods of the archive: as unary.h, but on the archive's thread.
#pragma once

#include <utility>

#include "daemon/archive_host.h"
#include "daemon/services/unary.h"

namespace p2pd::daemon {

inline grpc::Status ArchiveOff() {
  return Error(grpc::StatusCode::FAILED_PRECONDITION, "ARCHIVE_OFF",
               "this daemon archives nothing: start it with --archive or --tracker");
}

// Runs `body(ArchiveHost&, Reply)` on the archive's thread; says ARCHIVE_OFF where there is none.
template <class Body>
grpc::ServerUnaryReactor* OnArchive(ArchiveHost* host, grpc::CallbackServerContext* context,
                                    Body body) {
  if (host == nullptr) return Refuse(context, ArchiveOff());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool posted =
      host->Post([reply = Reply(reactor), body = std::move(body)](ArchiveHost& archive) mutable {
        body(archive, std::move(reply));
      });
  (void)posted;  // Refused: the reply inside the task has said UNAVAILABLE.
  return reactor;
}

}  // namespace p2pd::daemon
