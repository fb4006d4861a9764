// P2PD_CHECK: our own bugs end the process at once, in every build. Never used on input from
// outside.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace p2pd::base {

[[noreturn]] inline void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "p2pd: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace p2pd::base

#define P2PD_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::p2pd::base::CheckFailed(#condition, __FILE__, __LINE__))
