// Messages of a session of purpose call, from a caller that is who it says and means no good: the
// callee's call stays in a sane state whatever is said.
#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/session/calls.h"

namespace {

// One incoming call on a Calls without a network: what it sends goes nowhere.
struct Desk {
  p2pd::pki::TrustStore trust;
  p2pd::WallClock wall;
  p2pd::SeededRng rng{1};
  p2pd::Counters counters;
  std::unique_ptr<p2pd::pki::Crypto> crypto = p2pd::pki::Crypto::Create(rng);
  p2pd::session::Sessions sessions{{}, trust, *crypto, wall, rng, counters, absl::UnixEpoch()};
  p2pd::session::Calls calls{{}, sessions, wall, rng, counters};
};

}  // namespace

// The input is one byte (accept after so many messages) and messages behind lengths of 16 bits.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd;           // NOLINT: one function
  using namespace p2pd::session;  // NOLINT
  Desk desk;
  const Instant now;
  ByteReader reader(ByteView(data, size));
  const int accept_after = reader.U8() % 8;
  IncomingHello hello;
  hello.id = SessionId(1);
  hello.purpose = Purpose::kCall;
  P2PD_CHECK(desk.calls.OnSessionEvent(now, hello));
  desk.calls.Ring(now, hello.call, ByteView());
  Established established;
  established.id = hello.id;
  P2PD_CHECK(desk.calls.OnSessionEvent(now, established));
  P2PD_CHECK(desk.calls.Find(hello.call)->state == CallState::kRinging);
  for (int i = 0; i < 32 && reader.remaining() > 0; ++i) {
    if (i == accept_after) (void)desk.calls.Accept(now, hello.call);
    const CallState before = desk.calls.Find(hello.call)->state;
    desk.calls.OnSessionEvent(now, MessageReceived{hello.id, ToBytes(reader.Take16())});
    const CallInfo& after = *desk.calls.Find(hello.call);
    // Nobody at the other end can pick up for us, and what has ended stays so.
    P2PD_CHECK(before != CallState::kRinging || after.state == CallState::kRinging ||
               after.state == CallState::kEnded);
    P2PD_CHECK(before != CallState::kEnded || after.state == CallState::kEnded);
    P2PD_CHECK((after.state == CallState::kEnded) == (after.end != CallEnd::kNone));
    while (auto event = desk.calls.PollEvent()) {
      if (const auto* dtmf = std::get_if<DtmfReceived>(&*event)) {
        P2PD_CHECK(dtmf->digits.size() <= 64);
      }
    }
  }
  return 0;
}
