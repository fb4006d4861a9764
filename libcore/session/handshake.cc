#include "libcore/session/handshake.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/base/codec.h"
#include "libcore/base/status.h"
#include "libcore/pki/sealed_box.h"
#include "libcore/session/end_reason.h"
#include "libcore/session/safety_phrase.h"
#include "libcore/store/object.h"

namespace p2pd::session {
namespace {

constexpr absl::string_view kSealLabel = "p2pd hello 1";
constexpr absl::string_view kHelloPrefix("p2pd hello 1\0", 13);
constexpr absl::string_view kAckPrefix("p2pd ack 1\0", 11);
constexpr int kMaxVersions = 8;
constexpr int kMaxCertificates = 5;  // the root travels as its hash

using HelloBody = wire::v1::SessionHello::Body;
using AckBody = wire::v1::SessionAck::Body;

Bytes ToSign(absl::string_view prefix, ByteView digest, ByteView body) {
  Bytes out = ToBytes(prefix);
  Append(out, digest);
  Append(out, body);
  return out;
}

void PutCredentials(const LocalIdentity& identity, wire::v1::SessionCredentials* out) {
  const std::vector<pki::Certificate>& chain = identity.chain.certificates();
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    out->add_certificates(ToText(chain[i].der()));
  }
  out->set_root(identity.chain.root().fingerprint().ToString());
  *out->mutable_device() = identity.device_certificate;
}

void PutAddresses(const std::vector<net::Endpoint>& addresses,
                  google::protobuf::RepeatedPtrField<std::string>* out) {
  for (size_t i = 0; i < addresses.size() && i < kMaxAddresses; ++i) {
    *out->Add() = ToText(addresses[i].ToBytes());
  }
}

std::optional<std::vector<net::Endpoint>> ReadAddresses(
    const google::protobuf::RepeatedPtrField<std::string>& encoded) {
  if (encoded.size() > static_cast<int>(kMaxAddresses)) return std::nullopt;
  std::vector<net::Endpoint> out;
  for (const std::string& bytes : encoded) {
    const std::optional<net::Endpoint> endpoint = net::Endpoint::FromBytes(AsBytes(bytes));
    if (!endpoint) return std::nullopt;
    out.push_back(*endpoint);
  }
  return out;
}

// The greatest version that both speak; nullopt when there is none.
std::optional<uint32_t> BestVersion(const google::protobuf::RepeatedField<uint32_t>& theirs) {
  if (theirs.size() > kMaxVersions) return std::nullopt;
  const bool common = std::find(theirs.begin(), theirs.end(), kVersion) != theirs.end();
  return common ? std::optional<uint32_t>(kVersion) : std::nullopt;
}

std::optional<Purpose> ReadPurpose(wire::v1::SessionPurpose purpose) {
  const int number = static_cast<int>(purpose);
  if (number < wire::v1::SESSION_PURPOSE_PRESENCE || number > wire::v1::SESSION_PURPOSE_SERVICE)
    return std::nullopt;
  return static_cast<Purpose>(number);
}

// The certificates that came, without a look at any signature; the root is one that we trust.
struct ReadChain {
  EndReason fault = EndReason::kNone;
  std::string detail;
  std::optional<pki::Certificate> leaf;  // set whenever a certificate came and could be read
  std::optional<pki::CertificateChain> chain;
};

ReadChain ReadCredentials(const wire::v1::SessionCredentials& credentials,
                          const pki::TrustStore& trust) {
  ReadChain out;
  std::vector<pki::Certificate> certificates;
  const auto fail = [&out](EndReason fault, absl::string_view detail) {
    out.fault = fault;
    out.detail = std::string(detail);
    return out;
  };
  if (credentials.certificates_size() > kMaxCertificates)
    return fail(EndReason::kMalformed, "too many certificates");
  for (const std::string& der : credentials.certificates()) {
    absl::StatusOr<pki::Certificate> certificate = pki::Certificate::FromDer(AsBytes(der));
    if (!certificate.ok())
      return fail(EndReason::kCertificateInvalid, certificate.status().message());
    certificates.push_back(*std::move(certificate));
  }
  if (!certificates.empty()) out.leaf = certificates.front();
  const auto fingerprint = pki::CertificateHash::FromView(credentials.root());
  if (!fingerprint) return fail(EndReason::kMalformed, "no root is named");
  const auto root = trust.roots().find(*fingerprint);
  if (root == trust.roots().end())
    return fail(EndReason::kCertificateUntrusted, "the root that vouches is not trusted here");
  certificates.push_back(root->second);
  if (!out.leaf) out.leaf = certificates.front();
  absl::StatusOr<pki::CertificateChain> chain = pki::CertificateChain::Make(certificates);
  if (!chain.ok()) return fail(EndReason::kCertificateInvalid, chain.status().message());
  out.chain = *std::move(chain);
  return out;
}

Judged JudgeChain(const ReadChain& read, const pki::DeviceInfo& device, absl::string_view email,
                  const pki::TrustStore& trust, absl::Time now, bool strict) {
  Judged out;
  if (read.fault != EndReason::kNone) {
    out.fault = read.fault;
    out.detail = read.detail;
    return out;
  }
  const pki::ChainVerdict verdict =
      trust.Verify(*read.chain, now, {.email = std::string(email), .strict = strict});
  out.fault = FromChainFault(verdict.fault);
  out.detail = verdict.explanation;
  if (out.fault != EndReason::kNone) return out;
  out.peer = Peer{.email = std::string(email),
                  .name = read.leaf->name(),
                  .user = read.leaf->public_key().hash(),
                  .device = device.id,
                  .signing_key = device.signing_key,
                  .certificate = *read.leaf,
                  .root = read.chain->root().fingerprint(),
                  .revocation = verdict.revocation};
  return out;
}

Judged Fault(EndReason fault, absl::string_view detail) {
  Judged out;
  out.fault = fault;
  out.detail = std::string(detail);
  return out;
}

}  // namespace

absl::StatusOr<SealedHello> MakeHello(const LocalIdentity& from, const RemoteDevice& to,
                                      const HelloOptions& options, Rng& rng) {
  HelloBody body;
  body.add_versions(kVersion);
  body.set_purpose(static_cast<wire::v1::SessionPurpose>(options.purpose));
  body.set_nonce(options.nonce.ToString());
  body.set_call(options.call.ToString());
  body.set_time_ms(absl::ToUnixMillis(options.time));
  body.set_callee_email(to.email);
  body.set_callee_user(to.user_key.hash().ToString());
  body.set_callee_device(to.device.id.ToString());
  body.set_caller_email(from.email);
  PutCredentials(from, body.mutable_caller());
  body.set_ephemeral(options.ephemeral.ToString());
  body.set_receive_id(options.receive_id);
  body.set_offer(ToText(options.offer));
  if (!options.referral.empty()) body.set_referral(ToText(options.referral));
  PutAddresses(options.addresses, body.mutable_addresses());
  if (options.cookie) body.set_cookie(options.cookie->ToString());

  wire::v1::SessionHello hello;
  hello.set_body(body.SerializeAsString());
  const pki::Ed25519Signature signature =
      from.device.signing_key.Sign(ToSign(kHelloPrefix, ByteView(), AsBytes(hello.body())));
  hello.set_signature(signature.ToString());

  const std::string encoded = hello.SerializeAsString();
  const size_t needed = encoded.size() + 2 + pki::kSealedBoxOverhead;
  size_t fragments = kMinHelloFragments;
  while (HelloCapacity(fragments, options.cookie.has_value()) < needed) ++fragments;
  if (fragments > kMaxFragments)
    return absl::InvalidArgumentError(
        absl::StrCat("a hello of ", needed, " bytes does not fit in ", kMaxFragments,
                     " datagrams; the certificate chain is too long"));
  ByteWriter writer;
  writer.Put16(AsBytes(encoded));
  Bytes plaintext = std::move(writer).Take();
  plaintext.resize(HelloCapacity(fragments, options.cookie.has_value()) - pki::kSealedBoxOverhead);

  const ReceiverHint hint = HintOf(to.device.sealing_key);
  const std::optional<Bytes> sealed =
      pki::SealTo(to.device.sealing_key, kSealLabel, HelloAad(options.nonce, hint, options.cookie),
                  plaintext, rng);
  if (!sealed) return absl::InvalidArgumentError("the callee's device key is no key");
  SealedHello out;
  out.datagrams = SplitHello(options.nonce, hint, options.cookie, *sealed);
  out.digest = HelloDigest(AsBytes(hello.body()), signature.view());
  return out;
}

namespace {

// The fixed-length fields and the limits; false when one is off.
bool ReadHelloFields(OpenedHello& out) {
  const HelloBody& body = out.body;
  const std::optional<Purpose> purpose = ReadPurpose(body.purpose());
  const auto nonce = HelloNonce::FromView(body.nonce());
  const auto call = CallId::FromView(body.call());
  const auto ephemeral = pki::X25519Public::FromView(body.ephemeral());
  if (!purpose || !nonce || !call || !ephemeral || !BestVersion(body.versions()) ||
      body.offer().size() > kMaxOffer || body.referral().size() > kMaxReferral ||
      !ReadAddresses(body.addresses()))
    return false;
  if (!body.cookie().empty()) {
    out.cookie = Cookie::FromView(body.cookie());
    if (!out.cookie) return false;
  }
  wire::v1::DeviceCertificate::Body device;
  if (!device.ParseFromString(body.caller().device().body())) return false;
  const auto device_id = pki::DeviceId::FromView(device.device_id());
  if (!device_id) return false;
  out.purpose = *purpose;
  out.nonce = *nonce;
  out.call = *call;
  out.ephemeral = *ephemeral;
  out.caller_device = *device_id;
  out.time = absl::FromUnixMillis(body.time_ms());
  return true;
}

}  // namespace

HelloOpening OpenHello(const LocalIdentity& us, const HelloFragment& envelope, ByteView sealed) {
  HelloOpening out;
  const std::optional<Bytes> plaintext =
      pki::OpenSealed(us.device.sealing_key, kSealLabel,
                      HelloAad(envelope.nonce, envelope.hint, envelope.cookie), sealed);
  if (!plaintext) {
    out.fault = EndReason::kNotLoggedInHere;
    return out;
  }
  out.fault = EndReason::kMalformed;
  ByteReader reader(*plaintext);
  const ByteView encoded = reader.Take16();
  wire::v1::SessionHello hello;
  OpenedHello opened;
  if (!reader.ok() || !hello.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      !opened.body.ParseFromString(hello.body()) || !ReadHelloFields(opened) ||
      opened.nonce != envelope.nonce)
    return out;
  opened.body_bytes = ToBytes(hello.body());
  opened.signature = ToBytes(hello.signature());
  opened.digest = HelloDigest(opened.body_bytes, opened.signature);
  const pki::Certificate& leaf = us.chain.leaf();
  if (opened.body.callee_user() != leaf.public_key().hash().text() ||
      opened.body.callee_device() != us.device.id.text()) {
    out.fault = EndReason::kResealedHello;
    return out;
  }
  if (opened.body.callee_email() != us.email && !leaf.HasEmail(opened.body.callee_email())) {
    out.fault = EndReason::kWrongEmail;
    return out;
  }
  out.fault = EndReason::kNone;
  out.hello = std::move(opened);
  return out;
}

Judged AuthenticateCaller(const OpenedHello& hello, const pki::TrustStore& trust, absl::Time now,
                          bool strict) {
  const wire::v1::SessionCredentials& credentials = hello.body.caller();
  wire::v1::DeviceCertificate::Body claimed;
  if (!claimed.ParseFromString(credentials.device().body()))
    return Fault(EndReason::kMalformed, "the device certificate cannot be read");
  const auto key = pki::Ed25519Public::FromView(claimed.signing_key());
  if (!key || !pki::Ed25519Verify(*key, ToSign(kHelloPrefix, ByteView(), hello.body_bytes),
                                  hello.signature))
    return Fault(EndReason::kBadSignature, "the hello is not signed by the caller's device");
  const ReadChain read = ReadCredentials(credentials, trust);
  if (!read.leaf) return Fault(read.fault, read.detail);
  const std::optional<pki::DeviceInfo> device =
      store::VerifyDeviceCertificate(credentials.device(), read.leaf->public_key(), now);
  if (!device)
    return Fault(EndReason::kBadSignature,
                 "the caller's device is not certified by the certificate's key");
  return JudgeChain(read, *device, hello.body.caller_email(), trust, now, strict);
}

namespace {

Bytes EncodeAckBody(const LocalIdentity& from, const AckOptions& options,
                    const pki::X25519Public& ephemeral, Rng& rng) {
  AckBody body;
  body.set_version(kVersion);
  body.add_versions(kVersion);
  body.set_verdict(options.verdict);
  PutCredentials(from, body.mutable_callee());
  body.set_ephemeral(ephemeral.ToString());
  body.set_nonce(rng.Make<HelloNonce>().ToString());
  body.set_receive_id(options.receive_id);
  body.set_answer(ToText(options.answer));
  PutAddresses(options.addresses, body.mutable_addresses());
  return ToBytes(body.SerializeAsString());
}

}  // namespace

std::optional<MadeAck> MakeAck(const LocalIdentity& from, const AckOptions& options, Rng& rng) {
  const pki::X25519Key ephemeral = pki::X25519Key::Generate(rng);
  const std::optional<SecretBytes> secret = ephemeral.Agree(options.caller_ephemeral);
  if (!secret) return std::nullopt;
  const Bytes body = EncodeAckBody(from, options, ephemeral.public_key(), rng);
  const pki::Ed25519Signature signature =
      from.device.signing_key.Sign(ToSign(kAckPrefix, options.hello.view(), body));
  const pki::Sha256Digest transcript =
      Transcript(options.hello, ephemeral.public_key(), body, signature.view());
  MadeAck out;
  out.keys = DeriveKeys(secret->view(), transcript);
  wire::v1::SessionAck ack;
  ack.set_body(ToText(body));
  ack.set_signature(signature.ToString());
  ack.set_confirm(ConfirmMac(out.keys, transcript).ToString());

  const TrafficKey key = AckKey(secret->view(), options.hello, ephemeral.public_key());
  Bytes wire = ToBytes(ephemeral.public_key().view());
  Append(wire, pki::Aead(key.key.view())
                   .Seal(key.iv, AckAad(options.hello_nonce), AsBytes(ack.SerializeAsString())));
  out.datagrams = SplitAck(options.hello_nonce, wire);
  if (out.datagrams.empty()) return std::nullopt;
  return out;
}

size_t AckBound(const LocalIdentity& from) {
  // Everything of fixed length in an ack, with the tags and lengths of protobuf and the headers of
  // four datagrams; a test holds it against real acks.
  constexpr size_t kFixed = 640;
  constexpr size_t kPerCertificate = 4;
  size_t size = kFixed + kMaxOffer + from.device_certificate.ByteSizeLong();
  for (const pki::Certificate& certificate : from.chain.certificates()) {
    if (&certificate != &from.chain.root()) size += certificate.der().size() + kPerCertificate;
  }
  return size;
}

namespace {

EndReason FromVerdict(Verdict verdict) {
  switch (verdict) {
    case wire::v1::SessionAck::VERDICT_ACCEPTED:
      return EndReason::kNone;
    case wire::v1::SessionAck::VERDICT_POLICY:
      return EndReason::kRefusedByPolicy;
    case wire::v1::SessionAck::VERDICT_BUSY:
      return EndReason::kRefusedBusy;
    case wire::v1::SessionAck::VERDICT_UNKNOWN_CALLER:
      return EndReason::kRefusedUnknownCaller;
    case wire::v1::SessionAck::VERDICT_UNSPECIFIED:
    case wire::v1::SessionAck_Verdict_SessionAck_Verdict_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::SessionAck_Verdict_SessionAck_Verdict_INT_MAX_SENTINEL_DO_NOT_USE_:
      return EndReason::kMalformed;
  }
  return EndReason::kMalformed;  // an open enum: a number that this version does not know
}

// Whose credentials the ack carries: exactly the device that was dialled.
Judged JudgeCallee(const AckContext& context, const wire::v1::SessionAck& ack, const AckBody& body,
                   const pki::TrustStore& trust, absl::Time now, bool strict) {
  const ReadChain read = ReadCredentials(body.callee(), trust);
  if (!read.leaf) return Fault(read.fault, read.detail);
  if (read.leaf->public_key().hash() != context.to.user_key.hash())
    return Fault(EndReason::kWrongIdentity,
                 absl::StrCat("somebody else is logged in there: ", read.leaf->name()));
  const std::optional<pki::DeviceInfo> device =
      store::VerifyDeviceCertificate(body.callee().device(), context.to.user_key, now);
  if (!device || device->id != context.to.device.id ||
      device->signing_key != context.to.device.signing_key)
    return Fault(EndReason::kWrongIdentity, "another device answered than the one dialled");
  if (!pki::Ed25519Verify(device->signing_key,
                          ToSign(kAckPrefix, context.hello.view(), AsBytes(ack.body())),
                          AsBytes(ack.signature())))
    return Fault(EndReason::kBadSignature, "the ack is not signed by the device that was dialled");
  return JudgeChain(read, *device, context.to.email, trust, now, strict);
}

AckJudgement Bad(bool proved, EndReason fault, absl::string_view detail) {
  AckJudgement out;
  out.proved = proved;
  out.fault = fault;
  out.detail = std::string(detail);
  return out;
}

}  // namespace

AckJudgement JudgeAck(const AckContext& context, ByteView ack, const pki::TrustStore& trust,
                      absl::Time now, bool strict) {
  ByteReader reader(ack);
  const auto ephemeral = reader.Fixed<pki::X25519Public>();
  const ByteView sealed = reader.TakeRest();
  if (!reader.ok() || sealed.empty())
    return Bad(false, EndReason::kMalformed, "the ack is too short");
  const std::optional<SecretBytes> secret = context.ephemeral.Agree(ephemeral);
  if (!secret) return Bad(false, EndReason::kMalformed, "the ack's key is of small order");
  const TrafficKey key = AckKey(secret->view(), context.hello, ephemeral);
  const std::optional<Bytes> plaintext =
      pki::Aead(key.key.view()).Open(key.iv, AckAad(context.nonce), sealed);
  if (!plaintext)
    return Bad(false, EndReason::kBadSignature, "the ack does not belong to our hello");

  wire::v1::SessionAck message;
  AckBody body;
  if (!message.ParseFromArray(plaintext->data(), static_cast<int>(plaintext->size())) ||
      !body.ParseFromString(message.body()) || body.answer().size() > kMaxOffer)
    return Bad(true, EndReason::kMalformed, "the ack cannot be read");
  const Judged judged = JudgeCallee(context, message, body, trust, now, strict);
  if (judged.fault != EndReason::kNone) return Bad(true, judged.fault, judged.detail);

  const std::optional<uint32_t> best = BestVersion(body.versions());
  std::optional<std::vector<net::Endpoint>> addresses = ReadAddresses(body.addresses());
  if (!best || body.version() != *best || body.ephemeral() != ephemeral.text() || !addresses)
    return Bad(true, EndReason::kMalformed, "the ack chose a version that it should not have");
  const pki::Sha256Digest transcript =
      Transcript(context.hello, ephemeral, AsBytes(message.body()), AsBytes(message.signature()));
  OpenedAck out;
  out.keys = DeriveKeys(secret->view(), transcript);
  if (!ConstantTimeEqual(ConfirmMac(out.keys, transcript).view(), AsBytes(message.confirm())))
    return Bad(true, EndReason::kBadSignature, "the callee does not have the keys");
  const EndReason refused = FromVerdict(body.verdict());
  if (refused != EndReason::kNone) return Bad(true, refused, "the callee refused");
  out.peer = *judged.peer;
  out.answer = ToBytes(body.answer());
  out.addresses = *std::move(addresses);
  out.receive_id = body.receive_id();
  AckJudgement judgement;
  judgement.proved = true;
  judgement.ack = std::move(out);
  return judgement;
}

}  // namespace p2pd::session
