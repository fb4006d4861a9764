#include "clients/common/exit_code.h"

#include <cstdio>

#include "clients/common/harmless.h"
#include "p2pd/v1/error.pb.h"

namespace p2pd::clients {
namespace {

// The daemon was there and is not any more, or says that it is ending.
bool DaemonIsGone(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         (status.error_details().empty() || ReasonOf(status) == "DRAINING");
}

// Daemons, trackers and torrents have their words in it.
void Print(const std::string& line) {
  std::fprintf(stderr, "p2pctl: %s\n", Harmless(line).c_str());
}

// gRPC's own words name no cause and nothing that could be done.
std::string Explained(const grpc::Status& status) {
  if (status.error_details().empty()) {
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      return "the connection to the daemon broke (" + status.error_message() +
             "): see with p2pctl status whether it runs";
    }
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return "the daemon did not answer in time (" + status.error_message() +
             "): it is stopped or busy, or needs a longer --timeout";
    }
  }
  return status.error_message();
}

}  // namespace

ExitCode ExitCodeOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return ExitCode::kDone;
    case grpc::StatusCode::NOT_FOUND:
      return ExitCode::kNotFound;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ExitCode::kTimedOut;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return ExitCode::kNotAllowed;
    case grpc::StatusCode::INVALID_ARGUMENT:
      return ExitCode::kUsage;
    case grpc::StatusCode::UNAVAILABLE:
      return DaemonIsGone(status) ? ExitCode::kUnreachable : ExitCode::kFailed;
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::DATA_LOSS:
    case grpc::StatusCode::DO_NOT_USE:
      return ExitCode::kFailed;
  }
  return ExitCode::kFailed;
}

std::string ReasonOf(const grpc::Status& status) {
  v1::ErrorStatus details;
  v1::ErrorDetail detail;
  if (!details.ParseFromString(status.error_details()) || details.details_size() == 0 ||
      !details.details(0).UnpackTo(&detail)) {
    return "";
  }
  return detail.reason();
}

std::string StatusName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::UNKNOWN:
      return "UNKNOWN";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    case grpc::StatusCode::DO_NOT_USE:
      break;
  }
  return "UNKNOWN";
}

ExitCode Report(const grpc::Status& status) {
  if (!status.ok()) Print(StatusName(status.error_code()) + ": " + Explained(status));
  return ExitCodeOf(status);
}

ExitCode ReportUsage(const std::string& problem) {
  Print(problem);
  return ExitCode::kUsage;
}

ExitCode ReportFailure(const std::string& problem) {
  Print(problem);
  return ExitCode::kFailed;
}

}  // namespace p2pd::clients
