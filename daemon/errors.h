// From absl::Status to what a client sees: the canonical code, the sentence, and exactly one
// ErrorDetail with a stable reason, packed where google.rpc.Status has its details.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace p2pd::daemon {

// Which reason a code stands for in one method. What is not listed gets the code's own name.
using Reasons = std::initializer_list<std::pair<absl::StatusCode, absl::string_view>>;

// OK stays OK.
grpc::Status ToGrpc(const absl::Status& status, Reasons reasons = {});

grpc::Status Error(grpc::StatusCode code, absl::string_view reason, absl::string_view message,
                   const std::map<std::string, std::string>& metadata = {});

}  // namespace p2pd::daemon
