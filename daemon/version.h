// The version, from the project line of CMakeLists.txt.
#pragma once

#include "absl/strings/string_view.h"

namespace p2pd::daemon {

inline constexpr absl::string_view kVersion = P2PD_VERSION;

}  // namespace p2pd::daemon
