// What a link may carry to the multicast group: beacons one after the other, each behind two bytes
// that say how much time passes, as whom we hear it and from where. Whatever comes, the table, the
// beacons and the knocks stay within their limits.
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/overlay/link_local.h"

namespace {

using p2pd::Instant;
using p2pd::overlay::LinkLocal;

// What was asked of the network since the start.
struct Sent {
  double beacons = 0;
  double contacts = 0;
};

void Take(LinkLocal& local, Sent& sent) {
  while (const auto transmit = local.PollTransmit()) {
    P2PD_CHECK(transmit->datagram.size() == p2pd::overlay::kBeaconSize);
    ++sent.beacons;
  }
  while (local.PollContact()) ++sent.contacts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  p2pd::SeededRng rng(1);
  p2pd::Counters counters;
  p2pd::overlay::LinkLocalOptions options;
  options.group = *p2pd::net::Endpoint::Parse("239.255.70.64:7464");
  options.head = uint64_t{1} << 63;
  LinkLocal local(options, [](uint64_t head) { return head % 2 == 0; }, rng, counters);
  Instant now = Instant() + absl::Hours(1);
  const Instant start = now;
  local.Start(now);
  Sent sent;
  size_t at = 0;
  while (at + 2 <= size) {
    const uint8_t wait = data[at];
    const uint8_t who = data[at + 1];
    at += 2;
    now = now + absl::Milliseconds(10 * wait);
    local.OnTimeout(now);
    Take(local, sent);
    local.SetLooking(now, who % 2 == 0);
    const size_t length = std::min(p2pd::overlay::kBeaconSize, size - at);
    const p2pd::net::Endpoint from{p2pd::net::IpAddress::V4({10, 0, 0, who}), who};
    local.OnDatagram(now, from, p2pd::ByteView(data + at, length));
    at += length;
    Take(local, sent);
    P2PD_CHECK(local.heard() <= LinkLocal::kMaxHeard);
    const double seconds = absl::ToDoubleSeconds(now - start);
    P2PD_CHECK(sent.contacts <= LinkLocal::kContactBurst + LinkLocal::kContactRate * seconds + 1);
    // A new interval may begin half-way through the last, and speak at once.
    P2PD_CHECK(sent.beacons <= 2 + 2 * seconds);
  }
  return 0;
}
