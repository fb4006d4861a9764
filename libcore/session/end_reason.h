// Names of end reasons, and what a fault of a certificate chain is called as one. Threads: any.
#pragma once

#include <string>

#include "libcore/session/session.h"

namespace p2pd::session {

EndReason FromChainFault(pki::ChainFault fault);
// "session.wrong_email": the counter of a reason.
absl::string_view EndReasonCounter(EndReason reason);

}  // namespace p2pd::session
