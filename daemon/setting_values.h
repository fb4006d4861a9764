// How values of settings are read and printed, for the tables of settings.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "daemon/quantities.h"
#include "daemon/settings.h"
#include "libcore/base/status.h"
#include "libcore/net/endpoint.h"

namespace p2pd::daemon {

using Values = std::vector<std::string>;

// Of the tracker, the archive, the catalogue and the metrics.
absl::Span<const Setting> TrackerSettings();

inline absl::Status Bad(absl::string_view value, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' ", why));
}

inline absl::StatusOr<net::Endpoint> ParseEndpoint(const std::string& text) {
  const auto endpoint = net::Endpoint::Parse(text);
  if (!endpoint) return Bad(text, "is not ADDR:PORT, such as 0.0.0.0:7464 or [::]:7464");
  return *endpoint;
}

inline absl::StatusOr<bool> ParseBool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Bad(text, "is neither true nor false");
}

inline absl::StatusOr<absl::Duration> SpanWithin(const std::string& text, absl::Duration least,
                                                 absl::Duration most) {
  P2PD_ASSIGN_OR_RETURN(const absl::Duration span, ParseSpan(text));
  if (span < least || span > most) {
    return Bad(text, absl::StrCat("is not within ", PrintSpan(least), " and ", PrintSpan(most)));
  }
  return span;
}

// A relative path is that of the one who started the daemon.
inline std::string WholePath(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

template <class Value, size_t kSize>
absl::Status ApplyWord(const std::pair<absl::string_view, Value> (&words)[kSize],
                       const std::string& text, Value& to) {
  std::string all;
  for (const auto& [word, value] : words) {
    absl::StrAppend(&all, all.empty() ? "" : ", ", word);
    if (word != text) continue;
    to = value;
    return absl::OkStatus();
  }
  return Bad(text, absl::StrCat("is none of ", all));
}
template <class Value, size_t kSize>
std::string WordOf(const std::pair<absl::string_view, Value> (&words)[kSize], Value of) {
  for (const auto& [word, value] : words) {
    if (value == of) return std::string(word);
  }
  return "";
}

inline std::string Bool(bool value) { return value ? "true" : "false"; }

}  // namespace p2pd::daemon
