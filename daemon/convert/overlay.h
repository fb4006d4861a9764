// Overlay nodes and stored objects as the control API shows them.
#pragma once

#include "absl/time/time.h"
#include "libcore/overlay/node.h"
#include "libcore/store/object.h"
#include "p2pd/v1/overlay_service.pb.h"

namespace p2pd::daemon {

// `now` is wall time, for when the peer was last heard.
v1::Peer ToProto(const overlay::PeerInfo& peer, absl::Time now);
v1::Hop ToProto(const overlay::NodeRecord& node);
// With the digits that it has in common with `key`.
v1::TracedHop ToProto(const overlay::TraceHop& hop, const overlay::Key& key);
// Of a raw value its data, of any other kind the object as it travels.
v1::StoredValue ToProto(const store::Object& object);

}  // namespace p2pd::daemon
