#include "clients/cli/ca/os_rng.h"

#include <sys/random.h>

#include <cerrno>

#include "libcore/base/check.h"

namespace p2pd::cli {

void OsRng::Fill(MutableByteView out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    P2PD_CHECK(got > 0);
    out.remove_prefix(static_cast<size_t>(got));
  }
}

}  // namespace p2pd::cli
