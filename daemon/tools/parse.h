// The parsers of everything that comes from strangers or from files, by name: what p2pd-parse
// offers. The names are those of the fuzz targets, so that a finding of the fuzzer can be shown
// with one command.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"

namespace p2pd::tools {

struct Kind {
  absl::string_view name;
  absl::string_view about;  // one line
  // True when the bytes are accepted; `now` is when they are judged, for what has a date.
  bool (*accepts)(ByteView input, absl::Time now);
};

// By name.
const std::vector<Kind>& Kinds();
// nullptr when there is none of that name.
const Kind* FindKind(absl::string_view name);

}  // namespace p2pd::tools
