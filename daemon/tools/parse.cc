#include "daemon/tools/parse.h"

#include "libcore/base/codec.h"
#include "libcore/base/rng.h"
#include "libcore/media/negotiation.h"
#include "libcore/media/rtcp_packet.h"
#include "libcore/media/rtp_packet.h"
#include "libcore/media/wav_file.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/handshake.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/wire.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/crypto.h"
#include "libcore/pki/pkcs12.h"
#include "libcore/pki/revocation.h"
#include "libcore/pki/user_key.h"
#include "libcore/presence/environment.h"
#include "libcore/presence/messages.h"
#include "libcore/session/envelope.h"
#include "libcore/store/key.h"
#include "libcore/store/messages.h"
#include "libcore/store/object.h"

namespace p2pd::tools {
namespace {

// Parsing draws no chance that matters: where an interface asks for some, it gets this.
SeededRng& Chance() {
  static SeededRng& rng = *new SeededRng(1);
  return rng;
}
pki::Crypto& Crypto() {
  static pki::Crypto& crypto = *pki::Crypto::Create(Chance()).release();
  return crypto;
}

bool Pem(ByteView input) { return !input.empty() && input[0] != 0x30; }

bool AcceptsCertificate(ByteView input, absl::Time) {
  return Pem(input) ? pki::Certificate::AllFromPem(input).ok()
                    : pki::Certificate::FromDer(input).ok();
}

bool AcceptsChain(ByteView input, absl::Time) {
  ByteReader reader(input);
  std::vector<Bytes> ders;
  while (reader.ok() && reader.remaining() > 0 &&
         ders.size() <= pki::CertificateChain::kMaxLength) {
    ders.push_back(ToBytes(reader.Take16()));
  }
  return reader.AtEnd() && pki::CertificateChain::FromDer(ders).ok();
}

bool AcceptsCrl(ByteView input, absl::Time) {
  return Pem(input) ? pki::Crl::FromPem(input).ok() : pki::Crl::FromDer(input).ok();
}

bool AcceptsNegotiation(ByteView input, absl::Time) {
  const media::Offer offer = media::MakeOffer({}, Chance());
  return media::AnswerOffer(input, {}, Chance()).has_value() ||
         media::AcceptAnswer(offer, input).has_value();
}

bool AcceptsText(ByteView input, absl::Time) {
  return net::Endpoint::Parse(AsText(input)).has_value() ||
         store::ParseKey(AsText(input)).has_value() || pki::NormaliseEmail(AsText(input)).ok();
}

}  // namespace

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind>& kinds = *new std::vector<Kind>{
      {"endpoint", "an address and port as they travel",
       [](ByteView in, absl::Time) { return net::Endpoint::FromBytes(in).has_value(); }},
      {"media_negotiation", "offer or answer of a call's media", AcceptsNegotiation},
      {"overlay_frames", "what a link of the overlay carries, decrypted",
       [](ByteView in, absl::Time) { return overlay::ParseFrames(in).has_value(); }},
      {"overlay_hello", "first datagram of an overlay link",
       [](ByteView in, absl::Time) { return overlay::ParseHello(in).has_value(); }},
      {"overlay_knock", "datagram that asks for a cookie",
       [](ByteView in, absl::Time) { return overlay::ParseKnock(in).has_value(); }},
      {"overlay_record", "signed record of a node",
       [](ByteView in, absl::Time) { return overlay::NodeRecord::Parse(in).has_value(); }},
      {"pki_certificate", "X.509 certificate, DER or PEM", AcceptsCertificate},
      {"pki_chain", "DER certificates, each behind its length of 16 bits", AcceptsChain},
      {"pki_crl", "revocation list, DER or PEM", AcceptsCrl},
      {"pki_csr", "certificate request, DER or PEM",
       [](ByteView in, absl::Time) { return pki::ParseCsr(in).ok(); }},
      {"pki_pem_key", "private key without passphrase, PEM",
       [](ByteView in, absl::Time) { return pki::UserKey::FromPem(Crypto(), in, {}).ok(); }},
      {"pki_pkcs12", "key and certificates under the passphrase 'p'",
       [](ByteView in, absl::Time) {
         return pki::ParsePkcs12(Crypto(), in, SecretBytes(AsBytes("p"))).ok();
       }},
      {"presence_answer", "answer to a hello of purpose presence",
       [](ByteView in, absl::Time) { return presence::ParseAnswer(in).has_value(); }},
      {"presence_config", "decrypted user environment",
       [](ByteView in, absl::Time) { return presence::DecodeConfig(in).has_value(); }},
      {"presence_lease", "presence lease between contacts",
       [](ByteView in, absl::Time) { return presence::ParseLease(in).has_value(); }},
      {"presence_offer", "offer of a hello of purpose presence",
       [](ByteView in, absl::Time) { return presence::ParseOffer(in).has_value(); }},
      {"rtcp", "RTCP compound packet, decrypted",
       [](ByteView in, absl::Time) { return media::ParseRtcp(in, 0x1111).has_value(); }},
      {"rtp", "RTP packet, decrypted",
       [](ByteView in, absl::Time) {
         const auto header = media::ParseRtpHeader(in);
         return header && media::RtpPayload(*header, in).has_value();
       }},
      {"session_envelope", "session datagram",
       [](ByteView in, absl::Time) { return session::ParseEnvelope(in).has_value(); }},
      {"store_message", "request to a storing node or its reply",
       [](ByteView in, absl::Time) {
         return store::ParseRequest(in).has_value() || store::ParseReply(in).has_value();
       }},
      {"store_object", "stored object, judged with its proofs",
       [](ByteView in, absl::Time now) { return store::Validate(in, now).object.has_value(); }},
      {"text", "what a person types: ADDR:PORT, KEY or e-mail address", AcceptsText},
      {"wav", "WAV file", [](ByteView in, absl::Time) { return media::DecodeWav(in).ok(); }},
  };
  return kinds;
}

const Kind* FindKind(absl::string_view name) {
  for (const Kind& kind : Kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace p2pd::tools
