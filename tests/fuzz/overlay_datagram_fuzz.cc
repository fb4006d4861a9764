// A node that gets one datagram from a stranger: it must not answer with more than it got, and must
// not keep anything.
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/wire.h"

namespace {

using p2pd::Instant;

const p2pd::net::Endpoint kStranger = *p2pd::net::Endpoint::Parse("192.0.2.1:7464");

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static p2pd::SeededRng* const rng = new p2pd::SeededRng(1);
  static p2pd::Counters* const counters = new p2pd::Counters();
  static p2pd::overlay::Node* const node = [] {
    p2pd::overlay::NodeOptions options;
    options.addresses = {*p2pd::net::Endpoint::Parse("192.0.2.2:7464")};
    auto* out =
        new p2pd::overlay::Node(options, p2pd::overlay::NodeKeys::Generate(*rng), *rng, *counters);
    out->Start(Instant(), {}, {});
    return out;
  }();
  static int64_t clock = 0;
  clock += 10'000'000;
  const Instant now = Instant::FromNanos(clock);
  node->OnDatagram(now, kStranger, p2pd::ByteView(data, size));
  size_t answered = 0;
  while (const auto transmit = node->PollTransmit(now)) answered += transmit->datagram.size();
  P2PD_CHECK(answered <= size);
  P2PD_CHECK(node->Peers(now).empty());
  return 0;
}
