// Calls as the control API shows them.
#pragma once

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "libcore/media/call_media.h"
#include "libcore/node/call_desk.h"
#include "p2pd/v1/call_service.pb.h"

namespace p2pd::daemon {

v1::Call ToProto(const node::CallView& call, v1::AudioSource source);
v1::Call::EndReason EndReasonOf(const node::CallView& call);
v1::MediaStats ToProto(const media::CallStats& stats);

// "calls/{32 hex digits}".
std::string CallName(const session::CallId& call);
// The call among `calls` that `name` means: the whole id or its first 4 or more digits, with or
// without "calls/"; nullopt when none or several fit.
std::optional<session::CallId> FindCallName(absl::string_view name,
                                            const std::vector<node::CallView>& calls);

}  // namespace p2pd::daemon
