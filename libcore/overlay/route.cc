#include "libcore/overlay/route.h"

#include "libcore/base/check.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr absl::string_view kRoutePrefix("p2pd route\0", 11);

}  // namespace

wire::v1::RouteMessage SignRoute(const NodeKeys& keys, const wire::v1::RouteBody& body) {
  wire::v1::RouteMessage out;
  out.set_body(body.SerializeAsString());
  out.set_signature(keys.signing_key.Sign(Signed(kRoutePrefix, out.body())).ToString());
  return out;
}

wire::v1::RouteMessage SignNextAttempt(const NodeKeys& keys,
                                       const wire::v1::RouteMessage& message) {
  wire::v1::RouteBody body;
  P2PD_CHECK(ParseProto(AsBytes(message.body()), body));
  body.set_attempt(body.attempt() + 1);
  return SignRoute(keys, body);
}

bool RouteIsSigned(const NodeRecord& origin, const wire::v1::RouteMessage& message) {
  return pki::Ed25519Verify(origin.key(), Signed(kRoutePrefix, message.body()),
                            AsBytes(message.signature()));
}

}  // namespace p2pd::overlay
