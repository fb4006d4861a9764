#include "libcore/overlay/letter.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "libcore/base/codec.h"
#include "libcore/overlay/wire.h"
#include "libcore/pki/aead.h"
#include "libcore/pki/hash.h"

namespace p2pd::overlay {
namespace {

constexpr absl::string_view kLetterLabel("p2pd overlay letter 1");
constexpr absl::string_view kRouteLabel("p2pd overlay route answer 1");
constexpr absl::string_view kSignaturePrefix("p2pd overlay letter\0", 20);
constexpr size_t kNameSize = 8;
constexpr size_t kLetterKey = 16;  // AES-128, as links
constexpr size_t kLetterSignature = 64;
constexpr size_t kTagSize = pki::Aead::kTagSize;
// What stands around LetterBody: header, length, signature, tag.
constexpr size_t kAroundBody = kLetterHeader + 2 + kLetterSignature + kTagSize;
// What an answer's payload has around it, without the record and with it; a record with an IPv4 and
// an IPv6 address takes 175 bytes. A larger one costs the origin another round trip.
constexpr size_t kAroundAnswer = kLetterAnswerHeader + kTagSize + 3;
constexpr size_t kTypicalRecord = 195;

static_assert(kMinLetter >=
              kLetterAnswerHeader + kTagSize + 3 + NodeRecord::kMaxBytes + 2 + Cookie::kSize + 4);

struct LetterKeys {
  pki::Aead aead;
  pki::AeadNonce nonce;
  AnswerSeal seal;
};
LetterKeys Derive(const SecretBytes& shared, const pki::X25519Public& ephemeral,
                  const pki::X25519Public& receiver) {
  Bytes salt = ToBytes(ephemeral.view());
  Append(salt, receiver.view());
  const SecretBytes block =
      pki::HkdfSha256(shared.view(), salt, AsBytes(kLetterLabel),
                      kLetterKey + pki::AeadNonce::kSize + AnswerSeal::kSecretSize);
  ByteReader reader(block.view());
  pki::Aead aead(reader.Take(kLetterKey));
  const auto nonce = reader.Fixed<pki::AeadNonce>();
  return LetterKeys{std::move(aead), nonce, AnswerSeal(reader.TakeRest())};
}

Bytes WhatIsSigned(const pki::X25519Public& receiver, ByteView body) {
  Bytes out = ToBytes(kSignaturePrefix);
  Append(out, receiver.view());
  Append(out, body);
  return out;
}

wire::v1::LetterBody ToBody(const LetterContent& content, const NodeRecord& self) {
  wire::v1::LetterBody body;
  if (content.route) {
    body.set_route(content.route->body());
    body.set_route_signature(content.route->signature());
  } else {
    body.set_origin(ToText(self.bytes()));
    body.set_message_id(content.message_id);
    body.set_service(static_cast<uint32_t>(content.service));
    body.set_payload(ToText(content.payload));
  }
  if (content.cookie) body.set_cookie(content.cookie->ToString());
  body.set_known_epoch(content.known_epoch);
  body.set_link_wanted(content.link_wanted);
  if (content.copy.of > 1) {
    body.set_copies(static_cast<uint32_t>(content.copy.of));
    body.set_copy(static_cast<uint32_t>(content.copy.number));
  }
  return body;
}

// The datagram's size: that of the answer to be expected, since no answer is larger than its
// letter. An answer that fits no datagram is refused in any case.
size_t PaddedSize(const LetterContent& content, size_t needed) {
  if (content.copy.of > 1) return net::kMaxDatagram;
  const size_t smallest = std::max(needed, kMinLetter);
  if (content.cookie || content.link_wanted || content.answer_bytes > net::kMaxDatagram) {
    return smallest;
  }
  const size_t record = content.known_epoch != 0 ? 0 : kTypicalRecord;
  const size_t answer = kAroundAnswer + record + content.answer_bytes;
  return answer > net::kMaxDatagram ? smallest : std::max(smallest, answer);
}

struct LetterParts {
  ByteView body;
  ByteView signature;
};
std::optional<LetterParts> Split(ByteView plaintext) {
  ByteReader reader(plaintext);
  LetterParts out;
  out.body = reader.Take16();
  out.signature = reader.Take(kLetterSignature);
  const ByteView padding = reader.TakeRest();
  if (!reader.ok()) return std::nullopt;
  if (!std::all_of(padding.begin(), padding.end(), [](uint8_t b) { return b == 0; })) {
    return std::nullopt;
  }
  return out;
}

// nullopt when it is neither empty nor a cookie.
std::optional<std::optional<Cookie>> ReadCookie(absl::string_view bytes) {
  if (bytes.empty()) return std::optional<Cookie>();
  const auto cookie = Cookie::FromView(bytes);
  if (!cookie) return std::nullopt;
  return cookie;
}

// nullopt when there is no such copy, or when it is one of a routed request: that is sent on but
// once.
std::optional<Copy> ReadCopy(const wire::v1::LetterBody& body) {
  if (body.copies() == 0 && body.copy() == 0) return Copy();
  const bool fits = body.copies() >= 2 && body.copies() <= kMaxCopies && body.copy() >= 1 &&
                    body.copy() <= body.copies();
  if (!fits || !body.route().empty()) return std::nullopt;
  return Copy{body.copy(), body.copies()};
}

// Moves what a routed request says of itself to where other letters say it; nullopt when it is
// none, an empty one where there is no route.
std::optional<std::optional<wire::v1::RouteMessage>> ReadRoute(wire::v1::LetterBody& body) {
  if (body.route().empty()) return std::optional<wire::v1::RouteMessage>();
  wire::v1::RouteBody route;
  if (!ParseProto(AsBytes(body.route()), route)) return std::nullopt;
  body.set_origin(route.origin());
  body.set_message_id(route.message_id());
  body.set_service(route.service());
  body.set_payload(route.payload());
  wire::v1::RouteMessage out;
  out.set_body(body.route());
  out.set_signature(body.route_signature());
  return out;
}

size_t AnswerSize(const wire::v1::LetterAnswerBody& body) {
  return kLetterAnswerHeader + kTagSize + body.ByteSizeLong();
}

void AddRecord(const LetterPath& path, const NodeRecord& self, wire::v1::LetterAnswerBody& body) {
  // 0 says that the origin has none.
  if (path.known_epoch == 0 || path.known_epoch != self.epoch())
    body.set_record(ToText(self.bytes()));
}

// A part of an answer: its number, of how many, and the bytes in each but the last.
struct Part {
  size_t index = 0;
  size_t of = 1;
  size_t bytes = 0;
};
wire::v1::LetterAnswerBody PartOf(const LetterPath& path, const NodeRecord& self, ByteView payload,
                                  wire::v1::AnswerError error, const Part& part) {
  wire::v1::LetterAnswerBody body;
  AddRecord(path, self, body);
  const size_t from = part.index * part.bytes;
  body.set_payload(ToText(payload.subspan(from, std::min(part.bytes, payload.size() - from))));
  body.set_error(error);
  if (part.of > 1) {
    body.set_part(static_cast<uint32_t>(part.index));
    body.set_parts(static_cast<uint32_t>(part.of));
  }
  return body;
}

}  // namespace

AnswerSeal AnswerSealOf(const wire::v1::RouteMessage& request) {
  return AnswerSeal(pki::HkdfSha256(AsBytes(request.signature()), {}, AsBytes(kRouteLabel),
                                    AnswerSeal::kSecretSize)
                        .view());
}

AnswerSeal::AnswerSeal(ByteView secret)
    : secret_(*FixedBytes<SecretTag, kSecretSize>::FromView(secret)) {}

uint64_t AnswerSeal::name() const { return ByteReader(secret_.view()).U64(); }

Bytes AnswerSeal::Seal(ByteView plaintext, Rng& rng) const {
  const uint64_t number = rng.Next();
  ByteWriter writer = StartDatagram(DatagramType::kLetterAnswer);
  writer.U64(name()).U64(number);
  Bytes out = std::move(writer).Take();
  const pki::Aead aead(secret_.view().subspan(kNameSize, kLetterKey));
  const auto iv = *pki::AeadNonce::FromView(secret_.view().subspan(kNameSize + kLetterKey));
  const Bytes sealed = aead.Seal(pki::NonceFor(iv, number), out, plaintext);
  Append(out, sealed);
  return out;
}

std::optional<Bytes> AnswerSeal::Open(ByteView datagram) const {
  if (datagram.size() < kLetterAnswerHeader + kTagSize) return std::nullopt;
  ByteReader reader(datagram.subspan(2));
  if (reader.U64() != name()) return std::nullopt;
  const uint64_t number = reader.U64();
  const pki::Aead aead(secret_.view().subspan(kNameSize, kLetterKey));
  const auto iv = *pki::AeadNonce::FromView(secret_.view().subspan(kNameSize + kLetterKey));
  return aead.Open(pki::NonceFor(iv, number), datagram.first(kLetterAnswerHeader),
                   datagram.subspan(kLetterAnswerHeader));
}

std::optional<SealedLetter> SealLetter(const pki::X25519Public& to, ByteView plaintext, Rng& rng) {
  const pki::X25519Key ephemeral = pki::X25519Key::Generate(rng);
  const std::optional<SecretBytes> shared = ephemeral.Agree(to);
  if (!shared) return std::nullopt;
  const LetterKeys keys = Derive(*shared, ephemeral.public_key(), to);
  ByteWriter writer = StartDatagram(DatagramType::kLetter);
  writer.Put(ephemeral.public_key().view());
  SealedLetter out{std::move(writer).Take(), keys.seal};
  const Bytes sealed = keys.aead.Seal(keys.nonce, out.datagram, plaintext);
  Append(out.datagram, sealed);
  return out;
}

size_t LetterSize(const LetterContent& content, const NodeRecord& self) {
  constexpr size_t kHeadField = 9;
  return kAroundBody + ToBody(content, self).ByteSizeLong() + kHeadField;
}

std::optional<SealedLetter> WriteLetter(const LetterTarget& to, const LetterContent& content,
                                        const NodeKeys& keys, const NodeRecord& self, Rng& rng) {
  const size_t needed = LetterSize(content, self);
  if (needed > net::kMaxDatagram) return std::nullopt;
  wire::v1::LetterBody body = ToBody(content, self);
  body.set_to(to.head);
  const Bytes encoded = SerializeProto(body);
  ByteWriter writer;
  writer.Put16(encoded).Put(keys.signing_key.Sign(WhatIsSigned(to.sealing_key, encoded)).view());
  Bytes plaintext = std::move(writer).Take();
  plaintext.resize(PaddedSize(content, needed) - kLetterHeader - kTagSize);
  return SealLetter(to.sealing_key, plaintext, rng);
}

std::optional<Letter> OpenLetter(ByteView datagram, const NodeKeys& keys, const NodeRecord& self,
                                 RecordCache& records) {
  if (datagram.size() < kMinLetter || datagram.size() > net::kMaxDatagram) return std::nullopt;
  const auto ephemeral = *pki::X25519Public::FromView(datagram.subspan(2, kLetterHeader - 2));
  const std::optional<SecretBytes> shared = keys.sealing_key.Agree(ephemeral);
  if (!shared) return std::nullopt;
  const pki::X25519Public& ours = keys.sealing_key.public_key();
  const LetterKeys derived = Derive(*shared, ephemeral, ours);
  const std::optional<Bytes> plaintext = derived.aead.Open(
      derived.nonce, datagram.first(kLetterHeader), datagram.subspan(kLetterHeader));
  if (!plaintext) return std::nullopt;
  const std::optional<LetterParts> parts = Split(*plaintext);
  wire::v1::LetterBody body;
  if (!parts || !ParseProto(parts->body, body) || body.to() != Head(self.id())) return std::nullopt;
  const auto cookie = ReadCookie(body.cookie());
  if (!cookie) return std::nullopt;
  const std::optional<Copy> copy = ReadCopy(body);
  if (!copy) return std::nullopt;
  const auto route = ReadRoute(body);
  if (!route) return std::nullopt;
  const std::optional<NodeRecord> origin = records.Parse(AsBytes(body.origin()));
  if (!origin) return std::nullopt;
  if (!pki::Ed25519Verify(origin->key(), WhatIsSigned(ours, parts->body), parts->signature)) {
    return std::nullopt;
  }
  return Letter{*origin,
                body.message_id(),
                body.service(),
                ToBytes(absl::string_view(body.payload())),
                *cookie,
                body.known_epoch(),
                body.link_wanted(),
                derived.seal,
                *route,
                *copy};
}

std::optional<Bytes> WriteLetterAnswer(const LetterPath& path, const NodeRecord& self,
                                       ByteView payload, wire::v1::AnswerError error, Rng& rng) {
  if (payload.size() > path.room()) return std::nullopt;
  const wire::v1::LetterAnswerBody body =
      PartOf(path, self, payload, error, Part{0, 1, payload.size()});
  if (AnswerSize(body) > path.room_in_one()) return std::nullopt;
  return path.seal.Seal(SerializeProto(body), rng);
}

std::vector<Bytes> WriteLetterAnswerParts(const LetterPath& path, const NodeRecord& self,
                                          ByteView payload, wire::v1::AnswerError error, Rng& rng) {
  const size_t parts = CountParts(payload.size(), kAnswerPart);
  if (parts > kMaxAnswerParts) return {};
  std::vector<Bytes> out;
  size_t left = path.room();
  for (size_t i = 0; i < parts; ++i) {
    const wire::v1::LetterAnswerBody body =
        PartOf(path, self, payload, error, Part{i, parts, kAnswerPart});
    // With a record that the origin does not have it does not fit: he has to ask over a link.
    const size_t size = AnswerSize(body);
    if (size > std::min(left, path.room_in_one())) return {};
    left -= size;
    out.push_back(path.seal.Seal(SerializeProto(body), rng));
  }
  return out;
}

std::optional<Bytes> WriteLetterAnswerToCopy(const LetterPath& path, const NodeRecord& self,
                                             ByteView payload, wire::v1::AnswerError error,
                                             Rng& rng) {
  const size_t parts = CountParts(payload.size(), kCopyPart);
  if (parts < 2 || parts > path.copy.of || path.copy.number > parts) return std::nullopt;
  const wire::v1::LetterAnswerBody body =
      PartOf(path, self, payload, error, Part{path.copy.number - 1, parts, kCopyPart});
  if (AnswerSize(body) > path.room_in_one()) return std::nullopt;
  return path.seal.Seal(SerializeProto(body), rng);
}

std::optional<Bytes> WriteLetterReply(const LetterPath& path, const NodeRecord& self,
                                      const wire::v1::RouteReply& reply, Rng& rng) {
  wire::v1::LetterAnswerBody body;
  AddRecord(path, self, body);
  body.set_reply(reply.SerializeAsString());
  if (AnswerSize(body) > path.room_in_one()) return std::nullopt;
  return path.seal.Seal(SerializeProto(body), rng);
}

std::optional<Bytes> WriteStraightReply(const LetterPath& path, const wire::v1::RouteReply& reply,
                                        Rng& rng) {
  wire::v1::LetterAnswerBody body;
  body.set_reply(reply.SerializeAsString());
  if (AnswerSize(body) > path.room_in_one()) return std::nullopt;
  return path.seal.Seal(SerializeProto(body), rng);
}

Bytes WriteLetterRefusal(const LetterPath& path, const NodeRecord& self, const Cookie& cookie,
                         std::optional<size_t> payload_bytes, Rng& rng) {
  wire::v1::LetterAnswerBody body;
  AddRecord(path, self, body);
  body.set_cookie(cookie.ToString());
  // Without the record: the origin has it from here on.
  if (payload_bytes) body.set_size(static_cast<uint32_t>(kAroundAnswer + *payload_bytes));
  return path.seal.Seal(SerializeProto(body), rng);
}

std::optional<uint64_t> LetterAnswerNameOf(ByteView datagram) {
  ByteReader reader(datagram);
  reader.U16();
  const uint64_t name = reader.U64();
  if (!reader.ok()) return std::nullopt;
  return name;
}

std::optional<LetterAnswer> OpenLetterAnswer(ByteView datagram, const AnswerSeal& seal,
                                             const LetterTarget& target,
                                             const std::optional<NodeRecord>& known,
                                             RecordCache& records) {
  const std::optional<Bytes> plaintext = seal.Open(datagram);
  wire::v1::LetterAnswerBody body;
  if (!plaintext || !ParseProto(*plaintext, body)) return std::nullopt;
  const auto cookie = ReadCookie(body.cookie());
  if (!cookie) return std::nullopt;
  const std::optional<NodeRecord> from =
      body.record().empty() ? known : records.Parse(AsBytes(body.record()));
  // The record ties id and sealing key together; without this check whoever lies to us about a
  // node's sealing key could answer with that node's record.
  if (!from || from->sealing_key() != target.sealing_key || Head(from->id()) != target.head) {
    return std::nullopt;
  }
  LetterAnswer out{*from,        ToBytes(absl::string_view(body.payload())),
                   body.error(), *cookie,
                   body.size(),  std::nullopt,
                   body.part(),  std::max<size_t>(body.parts(), 1)};
  if (out.parts > kMaxAnswerParts || out.part >= out.parts) return std::nullopt;
  if (!body.reply().empty() && !ParseProto(AsBytes(body.reply()), out.reply.emplace())) {
    return std::nullopt;
  }
  return out;
}

std::optional<wire::v1::RouteReply> OpenStraightReply(ByteView datagram, const AnswerSeal& seal) {
  const std::optional<Bytes> plaintext = seal.Open(datagram);
  wire::v1::LetterAnswerBody body;
  wire::v1::RouteReply out;
  if (!plaintext || !ParseProto(*plaintext, body) || body.reply().empty() ||
      !ParseProto(AsBytes(body.reply()), out)) {
    return std::nullopt;
  }
  return out;
}

}  // namespace p2pd::overlay
