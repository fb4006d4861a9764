// What a person names as a tracker. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace p2pd::cli {

// InvalidArgument for the first that is no announce URL.
absl::Status CheckTrackers(const std::vector<std::string>& urls);

}  // namespace p2pd::cli
