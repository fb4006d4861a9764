// Status macros that Abseil 20220623 does not have, and short makers of the errors that carry text
// for a person.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define P2PD_STATUS_CONCAT_INNER(a, b) a##b
#define P2PD_STATUS_CONCAT(a, b) P2PD_STATUS_CONCAT_INNER(a, b)

// Leaves the function with the status of `expression` unless it is OK.
#define P2PD_RETURN_IF_ERROR(expression)                              \
  do {                                                                \
    if (absl::Status p2pd_status = (expression); !p2pd_status.ok()) { \
      return p2pd_status;                                             \
    }                                                                 \
  } while (false)

// NOLINTBEGIN(bugprone-macro-parentheses): the target may be a declaration.
// P2PD_ASSIGN_OR_RETURN(auto x, F()): x takes the value, or the function leaves with the status.
#define P2PD_ASSIGN_OR_RETURN(target, expression) \
  P2PD_ASSIGN_OR_RETURN_INNER(P2PD_STATUS_CONCAT(p2pd_or_, __LINE__), target, expression)
#define P2PD_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                   \
  if (!holder.ok()) return std::move(holder).status();          \
  target = *std::move(holder)
// NOLINTEND(bugprone-macro-parentheses)
