#include "libcore/overlay/handshake.h"

#include <utility>

#include "libcore/base/codec.h"
#include "libcore/overlay/wire.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {
namespace {

constexpr absl::string_view kHelloPrefix("p2pd overlay hello\0", 19);
constexpr absl::string_view kWelcomePrefix("p2pd overlay welcome\0", 21);
constexpr absl::string_view kKeyLabel("p2pd overlay link 1");
constexpr size_t kCookieSecretSize = 32;
constexpr size_t kCookieMac = 16;
constexpr size_t kKeySize =
    16;  // AES-128: links hold for an hour and carry sealed or signed things
constexpr size_t kIvSize = 12;
constexpr size_t kSignatureSize = 64;

// type, version, body behind its length of 16 bits, signature to the end.
Bytes SignedDatagram(DatagramType type, absl::string_view body, ByteView signature) {
  ByteWriter writer = StartDatagram(type);
  writer.Put16(AsBytes(body)).Put(signature);
  return std::move(writer).Take();
}

struct SplitDatagram {
  ByteView body;
  ByteView signature;
};
std::optional<SplitDatagram> SplitSigned(ByteView datagram) {
  ByteReader reader(datagram);
  reader.U16();
  SplitDatagram out;
  out.body = reader.Take16();
  out.signature = reader.Take(kSignatureSize);
  if (!reader.AtEnd()) return std::nullopt;
  return out;
}

// What the welcome's signature covers and the keys are bound to.
Bytes WelcomeTranscript(const pki::Sha256Digest& hello, ByteView body) {
  Bytes out = ToBytes(kWelcomePrefix);
  Append(out, hello.view());
  Append(out, body);
  return out;
}

struct KeyBlock {
  SecretBytes initiator_key;
  SecretBytes responder_key;
  Bytes initiator_iv;
  Bytes responder_iv;
};
KeyBlock DeriveKeys(const SecretBytes& shared, const Bytes& transcript) {
  const pki::Sha256Digest salt = pki::Sha256(transcript);
  const SecretBytes block =
      pki::HkdfSha256(shared.view(), salt.view(), AsBytes(kKeyLabel), 2 * (kKeySize + kIvSize));
  ByteReader reader(block.view());
  KeyBlock out;
  out.initiator_key = SecretBytes(reader.Take(kKeySize));
  out.responder_key = SecretBytes(reader.Take(kKeySize));
  out.initiator_iv = ToBytes(reader.Take(kIvSize));
  out.responder_iv = ToBytes(reader.Take(kIvSize));
  return out;
}

}  // namespace

CookieJar::CookieJar(Rng& rng) {
  Bytes secret(kCookieSecretSize);
  rng.Fill(MutableByteView(secret.data(), secret.size()));
  secret_ = SecretBytes(std::move(secret));
}

Cookie CookieJar::MakeFor(uint32_t slot, const net::Endpoint& to, uint64_t purpose) const {
  ByteWriter input;
  input.U32(slot).U64(purpose);
  to.Write(input);
  const pki::Sha256Digest mac = pki::HmacSha256(secret_.view(), input.bytes());
  ByteWriter out;
  out.U32(slot).Put(mac.view().subspan(0, kCookieMac));
  return *Cookie::FromView(out.bytes());
}

Cookie CookieJar::Make(Instant now, const net::Endpoint& to, uint64_t purpose) const {
  return MakeFor(SlotAt(now), to, purpose);
}

bool CookieJar::Check(Instant now, const net::Endpoint& from, const Cookie& cookie,
                      uint64_t purpose) const {
  const uint32_t current = SlotAt(now);
  ByteReader reader(cookie.view());
  const uint32_t slot = reader.U32();
  if (slot != current && slot + 1 != current) return false;
  return ConstantTimeEqual(MakeFor(slot, from, purpose).view(), cookie.view());
}

Bytes MakeKnock(const Knock& knock) {
  ByteWriter writer = StartDatagram(DatagramType::kKnock);
  writer.U32(knock.index).U64(knock.nonce);
  Bytes out = std::move(writer).Take();
  out.resize(kKnockSize);
  return out;
}

std::optional<Knock> ParseKnock(ByteView datagram) {
  if (datagram.size() != kKnockSize) return std::nullopt;
  ByteReader reader(datagram.subspan(2));
  Knock out;
  out.index = reader.U32();
  out.nonce = reader.U64();
  return out;
}

Bytes MakeCookieDatagram(const Knock& knock, const Cookie& cookie) {
  ByteWriter writer = StartDatagram(DatagramType::kCookie);
  writer.U32(knock.index).U64(knock.nonce).Put(cookie.view());
  return std::move(writer).Take();
}

Knock KnockOfHello(uint32_t index, const pki::Sha256Digest& hello) {
  return Knock{index, ByteReader(hello.view()).U64()};
}

std::optional<Hello> ParseHello(ByteView datagram) {
  const std::optional<SplitDatagram> framed = SplitSigned(datagram);
  wire::v1::LinkHelloBody body;
  if (!framed || !ParseProto(framed->body, body)) return std::nullopt;
  const auto cookie = Cookie::FromView(AsBytes(body.cookie()));
  const auto ephemeral = pki::X25519Public::FromView(AsBytes(body.ephemeral()));
  if ((!cookie && !body.cookie().empty()) || !ephemeral) return std::nullopt;
  Hello out;
  if (!body.expected().empty()) {
    out.expected = NodeId::FromView(AsBytes(body.expected()));
    if (!out.expected) return std::nullopt;
  }
  out.index = body.index();
  out.cookie = cookie;
  out.ephemeral = *ephemeral;
  out.record = ToBytes(absl::string_view(body.record()));
  out.digest = pki::Sha256(datagram);
  out.body = ToBytes(framed->body);
  out.signature = ToBytes(framed->signature);
  return out;
}

std::optional<Responded> Respond(const Hello& hello, const net::Endpoint& from,
                                 const NodeKeys& keys, const NodeRecord& self, uint32_t index,
                                 RecordCache& records, Rng& rng) {
  const std::optional<NodeRecord> initiator = records.Parse(hello.record);
  if (!initiator) return std::nullopt;
  if (!pki::Ed25519Verify(initiator->key(), Signed(kHelloPrefix, AsText(hello.body)),
                          hello.signature)) {
    return std::nullopt;
  }
  const pki::X25519Key ephemeral = pki::X25519Key::Generate(rng);
  const std::optional<SecretBytes> shared = ephemeral.Agree(hello.ephemeral);
  if (!shared) return std::nullopt;
  wire::v1::LinkWelcomeBody body;
  body.set_initiator_index(hello.index);
  body.set_index(index);
  body.set_ephemeral(ephemeral.public_key().ToString());
  body.set_record(ToText(self.bytes()));
  body.set_observed(ToText(from.ToBytes()));
  const std::string encoded = body.SerializeAsString();
  const Bytes transcript = WelcomeTranscript(hello.digest, AsBytes(encoded));
  KeyBlock block = DeriveKeys(*shared, transcript);
  Responded out{
      SignedDatagram(DatagramType::kWelcome, encoded, keys.signing_key.Sign(transcript).view()),
      LinkSecrets{}, *initiator};
  out.secrets.local_index = index;
  out.secrets.remote_index = hello.index;
  out.secrets.send_key = std::move(block.responder_key);
  out.secrets.receive_key = std::move(block.initiator_key);
  out.secrets.send_iv = std::move(block.responder_iv);
  out.secrets.receive_iv = std::move(block.initiator_iv);
  return out;
}

Initiator::Initiator(uint32_t index, std::optional<NodeId> expected, Rng& rng)
    : knock_{index, rng.Next()}, expected_(expected), datagram_(MakeKnock(knock_)) {}

bool Initiator::OnCookie(ByteView datagram, const NodeKeys& keys, const NodeRecord& self,
                         Rng& rng) {
  if (has_cookie_) return false;
  ByteReader reader(datagram.subspan(2));
  const uint32_t index = reader.U32();
  const uint64_t nonce = reader.U64();
  const Cookie cookie = reader.Fixed<Cookie>();
  if (!reader.AtEnd() || index != knock_.index) return false;
  if (nonce != knock_.nonce && (!hello_ || nonce != KnockOfHello(index, *hello_).nonce)) {
    return false;
  }
  has_cookie_ = true;
  MakeHello(cookie.ToString(), keys, self, rng);
  return true;
}

void Initiator::SayHello(const NodeKeys& keys, const NodeRecord& self, Rng& rng) {
  MakeHello("", keys, self, rng);
}

void Initiator::GoBackToKnock() { datagram_ = MakeKnock(knock_); }

void Initiator::MakeHello(absl::string_view cookie, const NodeKeys& keys, const NodeRecord& self,
                          Rng& rng) {
  ephemeral_ = pki::X25519Key::Generate(rng);
  wire::v1::LinkHelloBody body;
  body.set_index(knock_.index);
  body.set_cookie(std::string(cookie));
  body.set_ephemeral(ephemeral_->public_key().ToString());
  body.set_record(ToText(self.bytes()));
  if (expected_) body.set_expected(expected_->ToString());
  const std::string encoded = body.SerializeAsString();
  datagram_ = SignedDatagram(DatagramType::kHello, encoded,
                             keys.signing_key.Sign(Signed(kHelloPrefix, encoded)).view());
  hello_ = pki::Sha256(datagram_);
}

std::optional<Initiator::Opened> Initiator::OnWelcome(ByteView datagram, RecordCache& records) {
  const std::optional<SplitDatagram> framed = SplitSigned(datagram);
  wire::v1::LinkWelcomeBody body;
  if (!ephemeral_ || !framed || !ParseProto(framed->body, body)) return std::nullopt;
  const auto theirs = pki::X25519Public::FromView(AsBytes(body.ephemeral()));
  const auto observed = net::Endpoint::FromBytes(AsBytes(body.observed()));
  if (body.initiator_index() != knock_.index || !theirs || !observed) return std::nullopt;
  const std::optional<NodeRecord> responder = records.Parse(AsBytes(body.record()));
  if (!responder || (expected_ && responder->id() != *expected_)) return std::nullopt;
  const Bytes transcript = WelcomeTranscript(*hello_, framed->body);
  if (!pki::Ed25519Verify(responder->key(), transcript, framed->signature)) return std::nullopt;
  const std::optional<SecretBytes> shared = ephemeral_->Agree(*theirs);
  if (!shared) return std::nullopt;
  KeyBlock block = DeriveKeys(*shared, transcript);
  Opened out{LinkSecrets{}, *responder, *observed};
  out.secrets.local_index = knock_.index;
  out.secrets.remote_index = body.index();
  out.secrets.send_key = std::move(block.initiator_key);
  out.secrets.receive_key = std::move(block.responder_key);
  out.secrets.send_iv = std::move(block.initiator_iv);
  out.secrets.receive_iv = std::move(block.responder_iv);
  return out;
}

std::optional<uint32_t> InitiatorIndexOf(ByteView datagram) {
  const std::optional<DatagramType> type = TypeOf(datagram);
  if (type == DatagramType::kCookie) {
    ByteReader reader(datagram.subspan(2));
    const uint32_t index = reader.U32();
    if (!reader.ok()) return std::nullopt;
    return index;
  }
  const std::optional<SplitDatagram> framed = SplitSigned(datagram);
  wire::v1::LinkWelcomeBody body;
  if (type != DatagramType::kWelcome || !framed || !ParseProto(framed->body, body)) {
    return std::nullopt;
  }
  return body.initiator_index();
}

}  // namespace p2pd::overlay
