// SettingTable: every setting of the daemon once, with its key in the TOML file, its flag, its
// help, how a value is read and how it is printed.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "daemon/config.h"

namespace p2pd::daemon {

struct Setting {
  absl::string_view key;   // "net.listen"
  absl::string_view flag;  // "--listen"
  absl::string_view value_name;
  absl::string_view help;  // one sentence
  bool list = false;
  // Takes effect at SIGHUP; the others at the next start.
  bool reloadable = false;
  // InvalidArgument says why a value is none; the message does not repeat key or flag. `values` has
  // exactly one entry unless `list`.
  absl::Status (*apply)(Config& config, const std::vector<std::string>& values);
  std::vector<std::string> (*print)(const Config& config);
  // The flag may stand alone, and means true.
  bool alone = false;
};

// In the order in which --print-config shows them: keys of one section stand together.
absl::Span<const Setting> SettingTable();

}  // namespace p2pd::daemon
