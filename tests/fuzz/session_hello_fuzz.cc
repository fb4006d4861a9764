// What stands inside the seal of a hello: the input is sealed to Bob as a stranger would do it,
// then opened and judged. Nothing but a hello that Alice's device signed may come out as verified.
#include "libcore/base/check.h"
#include "libcore/pki/sealed_box.h"
#include "libcore/session/handshake.h"
#include "tests/sim/people.h"

namespace {

struct Bench {
  p2pd::sim::Authority ca{7};
  p2pd::pki::TrustStore trust;
  p2pd::sim::Person alice = ca.MakePerson("alice@example.org");
  p2pd::sim::Person bob = ca.MakePerson("bob@example.org");
  p2pd::session::LocalIdentity identity = bob.Identity();
  p2pd::SeededRng rng{1};
  Bench() { P2PD_CHECK(trust.AddRoot(ca.root()).ok()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd;           // NOLINT: one function
  using namespace p2pd::session;  // NOLINT
  static Bench& bench = *new Bench;
  if (size > 8192) return 0;
  HelloFragment envelope;
  envelope.hint = HintOf(bench.bob.device.sealing_key.public_key());
  // The nonce of the corpus, so that a valid input gets through.
  envelope.nonce = *HelloNonce::FromView("fuzz hello nonce");
  const auto sealed =
      pki::SealTo(bench.bob.device.sealing_key.public_key(), "p2pd hello 1",
                  HelloAad(envelope.nonce, envelope.hint, {}), ByteView(data, size), bench.rng);
  const HelloOpening opening = OpenHello(bench.identity, envelope, *sealed);
  P2PD_CHECK(opening.hello.has_value() == (opening.fault == EndReason::kNone));
  P2PD_CHECK(opening.fault != EndReason::kNotLoggedInHere);
  if (!opening.hello) return 0;
  P2PD_CHECK(opening.hello->body.offer().size() <= kMaxOffer);
  const Judged judged = AuthenticateCaller(*opening.hello, bench.trust, bench.ca.now(), false);
  P2PD_CHECK(judged.peer.has_value() == (judged.fault == EndReason::kNone));
  if (judged.peer) P2PD_CHECK(judged.peer->user == bench.alice.user());
  return 0;
}
