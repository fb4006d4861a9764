// What a leaf gives us for a third: at most one datagram goes on, with no more bytes than came, and
// what is taken as arrived came by a detour. The same bytes as an endpoint: a detour keeps its
// ends.
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/overlay/detours.h"
#include "libcore/overlay/wire.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

// The corpus names its leaves.
struct Voucher {
  Voucher()
      : ring(self.record.id(), RingOptions{}, self.links),
        detours(self.links, ring, self.rng, self.counters) {
    detours.SetSelf(self.record);
    for (Party* party : {&x, &y}) {
      self.links.Connect(At(absl::Seconds(1)), party->record);
      Exchange2(At(absl::Seconds(1)), self, *party);
      ring.Consider(At(absl::Seconds(1)), party->record.id());
      party->Events();
    }
  }
  Party self{1};
  Party x{2};
  Party y{3};
  Ring ring;
  Detours detours;
};

void One(ByteView input) {
  static Voucher* const voucher = new Voucher();
  static int64_t clock = 1'000'000'000;
  clock += 1'000'000'000;
  const Instant now = Instant::FromNanos(clock);
  const auto endpoint = net::Endpoint::FromBytes(input.first(std::min<size_t>(input.size(), 19)));
  const auto path = endpoint ? DetourPath::From(*endpoint) : std::nullopt;
  if (path) P2PD_CHECK(DetourPath::From(path->ToEndpoint()) == path);
  wire::v1::Detour detour;
  if (!ParseProto(input, detour)) return;
  const auto arrived = voucher->detours.OnDetour(now, voucher->x.record.id(), detour);
  if (arrived) {
    P2PD_CHECK(IsDetour(arrived->from) && detour.passed_on());
    voucher->self.Receive(now, arrived->from, arrived->datagram);
  }
  Exchange2(now, voucher->self, voucher->y);
  size_t passed = 0;
  for (const MessageReceived& received : Of<MessageReceived>(voucher->y.Events())) {
    ++passed;
    // Its own id and the mark are all that we add.
    P2PD_CHECK(received.bytes.size() <= detour.datagram().size() + 20);
  }
  P2PD_CHECK(passed <= (arrived ? 0u : 1u));
  voucher->self.Events();
}

}  // namespace
}  // namespace p2pd::overlay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  p2pd::overlay::One(p2pd::ByteView(data, size));
  return 0;
}
