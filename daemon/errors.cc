#include "daemon/errors.h"

#include "p2pd/v1/error.pb.h"

namespace p2pd::daemon {
namespace {

constexpr char kDomain[] = "p2pd";

}  // namespace

grpc::Status Error(grpc::StatusCode code, absl::string_view reason, absl::string_view message,
                   const std::map<std::string, std::string>& metadata) {
  v1::ErrorDetail detail;
  detail.set_reason(std::string(reason));
  detail.set_domain(kDomain);
  detail.mutable_metadata()->insert(metadata.begin(), metadata.end());
  v1::ErrorStatus status;
  status.set_code(code);
  status.set_message(std::string(message));
  status.add_details()->PackFrom(detail);
  return grpc::Status(code, std::string(message), status.SerializeAsString());
}

grpc::Status ToGrpc(const absl::Status& status, Reasons reasons) {
  if (status.ok()) return grpc::Status::OK;
  // The numbers are the same by design (absl/status/status.h).
  const auto code = static_cast<grpc::StatusCode>(status.raw_code());
  std::string reason = absl::StatusCodeToString(status.code());
  for (const auto& [of, name] : reasons) {
    if (of == status.code()) reason = std::string(name);
  }
  return Error(code, reason, status.message());
}

}  // namespace p2pd::daemon
