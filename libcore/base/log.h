// Logging. Levels: error, we are broken; warn, the operator must act; info, rare state changes;
// debug and trace, per event, off by default. Nothing that a stranger can cause logs above debug.
// Keys, tokens, passphrases and the text of messages are never logged. Lines go to standard error,
// where journald picks them up, with the time in UTC. Control characters in the text are shown as
// \xNN, so that a name that somebody chose cannot forge a second line or talk to a terminal.
//
// Threads: any.
#pragma once

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace p2pd {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// "trace", "debug", "info", "warn", "error", "off"; nullopt for anything else.
std::optional<LogLevel> ParseLogLevel(absl::string_view name);

void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
// `category` is the module's name.
void LogLine(LogLevel level, absl::string_view category, absl::string_view text);

}  // namespace p2pd

// P2PD_LOG(overlay, kInfo, "joined after ", hops, " hops"): the parts are not evaluated when the
// level is off.
#define P2PD_LOG(category, level, ...)                                                  \
  do {                                                                                  \
    if (::p2pd::LogEnabled(::p2pd::LogLevel::level)) {                                  \
      ::p2pd::LogLine(::p2pd::LogLevel::level, #category, ::absl::StrCat(__VA_ARGS__)); \
    }                                                                                   \
  } while (false)
