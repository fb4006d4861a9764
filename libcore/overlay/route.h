// Routed requests as their origin signs them. The attempt is part of what is signed: a hop can hand
// on the attempts that it saw, and make none up.
//
// Rules: an attempt is delivered once, so a hop that keeps a request can have it answered as often
// as the origin sent it, and the retries that go by other ways are none of its business. Who hands
// a request on has checked the signature: a broken one is the fault of whoever sent it. Threads:
// any. Sources: design §3 (4 attempts).
#pragma once

#include <cstdint>

#include "libcore/overlay/node_record.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

// Attempts are below it: a letter, its copy with a cookie, and four hop by hop make six. A request
// with a larger one does not parse.
inline constexpr uint32_t kAttempts = 8;

wire::v1::RouteMessage SignRoute(const NodeKeys& keys, const wire::v1::RouteBody& body);
// The same request once more; `message` is one of ours.
wire::v1::RouteMessage SignNextAttempt(const NodeKeys& keys, const wire::v1::RouteMessage& message);
// Did the origin sign it? One Ed25519 check.
bool RouteIsSigned(const NodeRecord& origin, const wire::v1::RouteMessage& message);

}  // namespace p2pd::overlay
