// What handshake tests share: two people and an attacker, and fragments put together again.
#pragma once

#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "libcore/session/handshake.h"
#include "tests/sim/people.h"

namespace p2pd::session {

struct JoinedHello {
  HelloFragment envelope;  // of the first fragment
  Bytes sealed;
};
inline JoinedHello JoinHello(const std::vector<Bytes>& datagrams) {
  JoinedHello out;
  for (size_t i = 0; i < datagrams.size(); ++i) {
    const auto envelope = ParseEnvelope(datagrams[i]);
    const auto& fragment = std::get<HelloFragment>(*envelope);
    if (i == 0) out.envelope = fragment;
    Append(out.sealed, fragment.part);
  }
  return out;
}
inline Bytes JoinAck(const std::vector<Bytes>& datagrams) {
  Bytes out;
  for (const Bytes& datagram : datagrams) {
    const auto envelope = ParseEnvelope(datagram);
    Append(out, std::get<AckFragment>(*envelope).part);
  }
  return out;
}
inline size_t TotalSize(const std::vector<Bytes>& datagrams) {
  size_t out = 0;
  for (const Bytes& datagram : datagrams) out += datagram.size();
  return out;
}

class HelloBench : public testing::Test {
 protected:
  HelloBench() { EXPECT_TRUE(trust_.AddRoot(ca_.root()).ok()); }

  HelloOptions Options() {
    HelloOptions options;
    options.purpose = Purpose::kCall;
    options.nonce = rng_.Make<HelloNonce>();
    options.call = rng_.Make<CallId>();
    options.time = ca_.now();
    options.ephemeral = ephemeral_.public_key();
    options.receive_id = 42;
    options.offer = AsBytes("offer");
    return options;
  }
  RemoteDevice To(const sim::Person& person) {
    return person.At({*net::Endpoint::Parse("192.0.2.7:7464")});
  }
  SealedHello Hello(const sim::Person& from, const sim::Person& to) {
    last_ = Options();
    return *MakeHello(from.Identity(), To(to), last_, rng_);
  }
  HelloOpening Open(const sim::Person& at, const SealedHello& hello) {
    const JoinedHello joined = JoinHello(hello.datagrams);
    return OpenHello(at.Identity(), joined.envelope, joined.sealed);
  }
  Judged Authenticate(const OpenedHello& hello) {
    return AuthenticateCaller(hello, trust_, ca_.now(), false);
  }
  AckOptions AckTo(const OpenedHello& hello) {
    AckOptions options;
    options.hello_nonce = hello.nonce;
    options.hello = hello.digest;
    options.caller_ephemeral = hello.ephemeral;
    options.receive_id = 43;
    options.answer = AsBytes("answer");
    return options;
  }
  AckJudgement Judge(const SealedHello& hello, const Bytes& ack, const sim::Person& dialled) {
    const RemoteDevice to = To(dialled);
    return JudgeAck({ephemeral_, hello.digest, last_.nonce, to}, ack, trust_, ca_.now(), false);
  }

  sim::Authority ca_{7};
  SeededRng rng_{99};
  pki::TrustStore trust_;
  sim::Person alice_ = ca_.MakePerson("alice@example.org");
  sim::Person bob_ = ca_.MakePerson("bob@example.org");
  sim::Person mallory_ = ca_.MakePerson("mallory@example.org");
  pki::X25519Key ephemeral_ = pki::X25519Key::Generate(rng_);  // the caller's
  HelloOptions last_;                                          // of the last Hello()
};

}  // namespace p2pd::session
