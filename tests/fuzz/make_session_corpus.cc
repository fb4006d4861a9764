// Writes the seeds of the session fuzz targets: p2pd_make_session_corpus FOLDER. Run it again when
// the wire format changes, and commit what it wrote.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "libcore/base/codec.h"
#include "libcore/base/file.h"
#include "libcore/session/handshake.h"
#include "libcore/session/referral.h"
#include "tests/sim/people.h"

namespace p2pd::session {
namespace {

using wire::v1::CallSignal;
using wire::v1::SessionPacket;

int failures = 0;

void Write(const std::string& folder, absl::string_view name, const Bytes& content) {
  const std::string path = absl::StrCat(folder, "/", name);
  const absl::Status status = WriteFileAtomically(path, content, FileMode::kPublic);
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", path.c_str(), status.ToString().c_str());
  ++failures;
}

Bytes Framed(const std::vector<std::string>& parts) {
  ByteWriter writer;
  for (const std::string& part : parts) writer.Put16(AsBytes(part));
  return std::move(writer).Take();
}

void Handshake(const std::string& folder) {
  sim::Authority ca(7);
  const sim::Person alice = ca.MakePerson("alice@example.org");
  const sim::Person bob = ca.MakePerson("bob@example.org");
  SeededRng rng(1);
  HelloOptions options;
  options.nonce = *HelloNonce::FromView("fuzz hello nonce");
  options.time = ca.now();
  options.ephemeral = pki::X25519Key::Generate(rng).public_key();
  options.offer = AsBytes("offer");
  const RemoteDevice to = bob.At({*net::Endpoint::Parse("192.0.2.7:7464")});
  const SealedHello hello = *MakeHello(alice.Identity(), to, options, rng);
  Write(folder + "/session_envelope", "hello", hello.datagrams.front());
  Bytes sealed;
  for (const Bytes& datagram : hello.datagrams) {
    const auto envelope = ParseEnvelope(datagram);
    Append(sealed, std::get<HelloFragment>(*envelope).part);
  }
  HelloFragment envelope;
  envelope.nonce = options.nonce;
  envelope.hint = HintOf(to.device.sealing_key);
  const HelloOpening opening = OpenHello(bob.Identity(), envelope, sealed);
  wire::v1::SessionHello inner;
  inner.set_body(ToText(opening.hello->body_bytes));
  inner.set_signature(ToText(opening.hello->signature));
  Write(folder + "/session_hello", "hello", Framed({inner.SerializeAsString()}));

  wire::v1::SessionAck::Body body;
  body.set_version(1);
  body.add_versions(1);
  body.set_verdict(wire::v1::SessionAck::VERDICT_ACCEPTED);
  body.mutable_callee()->add_certificates(ToText(bob.chain.leaf().der()));
  body.mutable_callee()->set_root(ca.root().fingerprint().ToString());
  *body.mutable_callee()->mutable_device() = bob.device_certificate;
  body.set_answer("answer");
  wire::v1::SessionAck ack;
  ack.set_body(body.SerializeAsString());
  ack.set_signature(std::string(64, 's'));
  ack.set_confirm(std::string(32, 'c'));
  Write(folder + "/session_ack", "ack", ToBytes(ack.SerializeAsString()));
}

void Referrals(const std::string& folder) {
  sim::Authority ca(7);
  const sim::Person alice = ca.MakePerson("alice@example.org");
  const sim::Person bob = ca.MakePerson("bob@example.org");
  SeededRng rng(2);
  ReferralTerms terms{.referee = bob.user(), .target = "carol@example.org", .replaces = {}};
  Write(folder, "blind", MakeReferral(alice.Identity(), terms, ca.now(), rng));
  terms.replaces = rng.Make<CallId>();
  Write(folder, "attended", MakeReferral(alice.Identity(), terms, ca.now(), rng));
}

void Envelopes(const std::string& folder) {
  const HelloNonce nonce = *HelloNonce::FromView("fuzz hello nonce");
  Write(folder, "cookie", EncodeCookieReply({nonce, Cookie()}));
  Write(folder, "not_here", EncodeNotHere(nonce));
  Write(folder, "ack", SplitAck(nonce, Bytes(40, 3)).front());
  Bytes packet = PacketHeader(1, 2);
  packet.resize(packet.size() + 20);
  Write(folder, "packet", packet);
}

void Packets(const std::string& folder) {
  SessionPacket message;
  auto* chunk = message.add_chunks();
  chunk->set_data("hello");
  chunk->set_end(true);
  SessionPacket later;
  later.mutable_ack()->set_next(3);
  later.mutable_ack()->set_later(5);
  later.set_ping(7);
  later.set_challenge("12345678");
  SessionPacket last;
  chunk = last.add_chunks();
  chunk->set_number(1);
  chunk->set_goodbye(true);
  last.set_pong(9);
  last.set_response("12345678");
  Write(folder, "talk",
        Framed({message.SerializeAsString(), later.SerializeAsString(), last.SerializeAsString()}));
}

void Signals(const std::string& folder) {
  for (const CallSignal::Kind last :
       {CallSignal::KIND_CANCEL, CallSignal::KIND_BYE, CallSignal::KIND_ANSWERED_ELSEWHERE}) {
    std::vector<std::string> parts;
    for (const CallSignal::Kind kind :
         {CallSignal::KIND_HOLD, CallSignal::KIND_RESUME, CallSignal::KIND_DTMF,
          CallSignal::KIND_RECORDING, CallSignal::KIND_REFER, CallSignal::KIND_REFER_STATE,
          CallSignal::KIND_RINGING, last}) {
      CallSignal signal;
      signal.set_kind(kind);
      if (kind == CallSignal::KIND_DTMF) signal.set_digits("12*#");
      if (kind == CallSignal::KIND_REFER) signal.set_referral("nobody signed this");
      if (kind == CallSignal::KIND_REFER_STATE)
        signal.set_refer_state(wire::v1::REFER_STATE_RINGING);
      parts.push_back(signal.SerializeAsString());
    }
    Bytes input = {static_cast<uint8_t>(last == CallSignal::KIND_CANCEL ? 7 : 0)};
    Append(input, Framed(parts));
    Write(folder, absl::StrCat("signals_", static_cast<int>(last)), input);
  }
}

}  // namespace
}  // namespace p2pd::session

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: p2pd_make_session_corpus FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  p2pd::session::Handshake(folder);
  p2pd::session::Referrals(folder + "/session_referral");
  p2pd::session::Envelopes(folder + "/session_envelope");
  p2pd::session::Packets(folder + "/session_packet");
  p2pd::session::Signals(folder + "/session_call_signal");
  return p2pd::session::failures == 0 ? 0 : 1;
}
