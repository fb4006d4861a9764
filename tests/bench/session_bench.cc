// What a hello and an ack cost of a core, beside the bare key agreement and signatures that they
// cannot do without; and from dial to keys on the simulated network, in round trips.
#include <benchmark/benchmark.h>

#include "libcore/base/check.h"
#include "libcore/session/handshake.h"
#include "tests/sim/session_host.h"

namespace p2pd::session {
namespace {

using sim::Authority;
using sim::Person;

struct Pair {
  Authority ca{7};
  pki::TrustStore trust;
  Person alice = ca.MakePerson("alice@example.org");
  Person bob = ca.MakePerson("bob@example.org");
  LocalIdentity caller = alice.Identity();
  LocalIdentity callee = bob.Identity();
  RemoteDevice to = bob.At({*net::Endpoint::Parse("192.0.2.7:7464")});
  SeededRng rng{1};
  Pair() { P2PD_CHECK(trust.AddRoot(ca.root()).ok()); }
};

struct Made {
  pki::X25519Key ephemeral;
  HelloNonce nonce;
  SealedHello hello;
};
Made SayHello(Pair& pair) {
  Made out{pki::X25519Key::Generate(pair.rng), pair.rng.Make<HelloNonce>(), {}};
  HelloOptions options;
  options.purpose = Purpose::kCall;
  options.nonce = out.nonce;
  options.call = pair.rng.Make<CallId>();
  options.time = pair.ca.now();
  options.ephemeral = out.ephemeral.public_key();
  const Bytes offer(200, 1);
  options.offer = offer;
  out.hello = *MakeHello(pair.caller, pair.to, options, pair.rng);
  return out;
}
// Opens, verifies and answers, as the callee does.
std::vector<Bytes> Answer(Pair& pair, const Made& made) {
  Bytes sealed;
  HelloFragment envelope;
  for (const Bytes& datagram : made.hello.datagrams) {
    const auto parsed = ParseEnvelope(datagram);
    envelope = std::get<HelloFragment>(*parsed);
    Append(sealed, envelope.part);
  }
  const HelloOpening opening = OpenHello(pair.callee, envelope, sealed);
  const Judged judged = AuthenticateCaller(*opening.hello, pair.trust, pair.ca.now(), false);
  P2PD_CHECK(judged.peer.has_value());
  AckOptions options;
  options.hello_nonce = made.nonce;
  options.hello = opening.hello->digest;
  options.caller_ephemeral = opening.hello->ephemeral;
  const Bytes answer(100, 2);
  options.answer = answer;
  return MakeAck(pair.callee, options, pair.rng)->datagrams;
}
Bytes Join(const std::vector<Bytes>& datagrams) {
  Bytes out;
  for (const Bytes& datagram : datagrams) {
    const auto parsed = ParseEnvelope(datagram);
    Append(out, std::get<AckFragment>(*parsed).part);
  }
  return out;
}

void HelloMade(benchmark::State& state) {
  Pair pair;
  for (auto _ : state) benchmark::DoNotOptimize(SayHello(pair));
}
BENCHMARK(HelloMade)->Unit(benchmark::kMicrosecond);

void HelloVerifiedAndAnswered(benchmark::State& state) {
  Pair pair;
  const Made made = SayHello(pair);
  for (auto _ : state) benchmark::DoNotOptimize(Answer(pair, made));
}
BENCHMARK(HelloVerifiedAndAnswered)->Unit(benchmark::kMicrosecond);

void AckVerified(benchmark::State& state) {
  Pair pair;
  const Made made = SayHello(pair);
  const Bytes ack = Join(Answer(pair, made));
  for (auto _ : state) {
    const AckJudgement judgement =
        JudgeAck({made.ephemeral, made.hello.digest, made.nonce, pair.to}, ack, pair.trust,
                 pair.ca.now(), false);
    P2PD_CHECK(judgement.ack.has_value());
  }
}
BENCHMARK(AckVerified)->Unit(benchmark::kMicrosecond);

// The reference: four X25519 key pairs and agreements, two Ed25519 signatures and verifications,
// which is what a sealed, mutually signed handshake costs without certificates.
void BareKeyAgreementAndSignatures(benchmark::State& state) {
  SeededRng rng(1);
  const pki::Ed25519Key signer = pki::Ed25519Key::Generate(rng);
  const Bytes message(1000, 1);
  for (auto _ : state) {
    for (int side = 0; side < 2; ++side) {
      const pki::X25519Key a = pki::X25519Key::Generate(rng);
      const pki::X25519Key b = pki::X25519Key::Generate(rng);
      benchmark::DoNotOptimize(a.Agree(b.public_key()));
      benchmark::DoNotOptimize(b.Agree(a.public_key()));
      P2PD_CHECK(pki::Ed25519Verify(signer.public_key(), message, signer.Sign(message).view()));
    }
  }
}
BENCHMARK(BareKeyAgreementAndSignatures)->Unit(benchmark::kMicrosecond);

// Wall time is the CPU of both ends; the counters are of the simulated clock and network.
void DialToKeysOnTheSimulatedNetwork(benchmark::State& state) {
  sim::LinkOptions options;
  options.latency_min = options.latency_max = absl::Milliseconds(20);
  options.jitter = absl::ZeroDuration();
  sim::World world(1, options);
  Authority ca(7);
  const Person alice = ca.MakePerson("alice@example.org");
  const Person bob = ca.MakePerson("bob@example.org");
  SessionOptions session_options;
  session_options.hello_rate_before_cookie = 1e9;  // the flood here is ours
  sim::SessionHost caller(world, 1, session_options);
  sim::SessionHost callee(world, 2, session_options);
  caller.LogIn(alice);
  callee.LogIn(bob);
  double round_trips = 0;
  double bytes = 0;
  for (auto _ : state) {
    const Instant start = world.now();
    const uint64_t before = world.traffic().bytes;
    caller.events.clear();
    callee.events.clear();
    const SessionId id = *caller.Dial(alice, bob.At({callee.at()}));
    world.RunUntil(absl::Seconds(5), [&] { return !caller.Of<Established>().empty(); });
    round_trips = absl::FDivDuration(world.now() - start, absl::Milliseconds(40));
    bytes = static_cast<double>(world.traffic().bytes - before);
    state.PauseTiming();
    caller.sessions().Close(world.now(), id);
    caller.Kick();
    world.RunFor(absl::Seconds(10));
    state.ResumeTiming();
  }
  state.counters["round_trips"] = round_trips;
  state.counters["bytes"] = bytes;
}
BENCHMARK(DialToKeysOnTheSimulatedNetwork)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace p2pd::session

BENCHMARK_MAIN();
