// What stands inside the seal of an ack: the input is sealed under the handshake's key, as a callee
// gone bad would do it. Only what Bob's device signed over this very hello may be taken; nobody
// signs for the fuzzer, so nothing is.
#include "libcore/base/check.h"
#include "libcore/session/handshake.h"
#include "tests/sim/people.h"

namespace {

struct Bench {
  p2pd::sim::Authority ca{7};
  p2pd::pki::TrustStore trust;
  p2pd::sim::Person bob = ca.MakePerson("bob@example.org");
  p2pd::SeededRng rng{1};
  p2pd::pki::X25519Key caller = p2pd::pki::X25519Key::Generate(rng);
  p2pd::pki::X25519Key callee = p2pd::pki::X25519Key::Generate(rng);
  p2pd::session::RemoteDevice to = bob.At({});
  Bench() { P2PD_CHECK(trust.AddRoot(ca.root()).ok()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd;           // NOLINT: one function
  using namespace p2pd::session;  // NOLINT
  static Bench& bench = *new Bench;
  if (size > 8192) return 0;
  const HelloNonce nonce = *HelloNonce::FromView("fuzz hello nonce");
  const pki::Sha256Digest hello = pki::Sha256(AsBytes("hello"));
  const SecretBytes secret = *bench.callee.Agree(bench.caller.public_key());
  const TrafficKey key = AckKey(secret.view(), hello, bench.callee.public_key());
  Bytes ack = ToBytes(bench.callee.public_key().view());
  Append(ack, pki::Aead(key.key.view()).Seal(key.iv, AckAad(nonce), ByteView(data, size)));
  const AckJudgement sealed =
      JudgeAck({bench.caller, hello, nonce, bench.to}, ack, bench.trust, bench.ca.now(), false);
  P2PD_CHECK(sealed.proved && !sealed.ack && sealed.fault != EndReason::kNone);
  // And as anybody on the path would.
  const AckJudgement raw = JudgeAck({bench.caller, hello, nonce, bench.to}, ByteView(data, size),
                                    bench.trust, bench.ca.now(), false);
  P2PD_CHECK(!raw.proved && !raw.ack);
  return 0;
}
