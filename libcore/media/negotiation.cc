#include "libcore/media/negotiation.h"

#include <algorithm>

#include "libcore/base/check.h"
#include "p2pd/wire/v1/media.pb.h"

namespace p2pd::media {
namespace {

constexpr char kOpusName[] = "opus";
// The payload type that everybody uses for Opus; RFC 3551 §6 leaves 96..127 free.
constexpr uint8_t kOpusPayloadType = 111;
// Ours for redundant copies.
constexpr uint8_t kRedPayloadType = 112;
constexpr uint32_t kFirstDynamicType = 96;
constexpr uint32_t kLastDynamicType = 127;
constexpr uint32_t kOpusClock = 48'000;
constexpr uint32_t kPacketTimeMs = 20;

wire::v1::SrtpSuite ToWire(SrtpSuite suite) {
  switch (suite) {
    case SrtpSuite::kAeadAes128Gcm:
      return wire::v1::SRTP_SUITE_AEAD_AES_128_GCM;
    case SrtpSuite::kAeadAes256Gcm:
      return wire::v1::SRTP_SUITE_AEAD_AES_256_GCM;
  }
  P2PD_CHECK(false);
}

// nullopt for a suite of a newer peer.
std::optional<SrtpSuite> FromWire(int suite) {
  if (suite == wire::v1::SRTP_SUITE_AEAD_AES_128_GCM) return SrtpSuite::kAeadAes128Gcm;
  if (suite == wire::v1::SRTP_SUITE_AEAD_AES_256_GCM) return SrtpSuite::kAeadAes256Gcm;
  return std::nullopt;
}

bool IsOurs(const std::vector<SrtpSuite>& suites, SrtpSuite suite) {
  return std::find(suites.begin(), suites.end(), suite) != suites.end();
}

bool IsDynamic(uint32_t payload_type) {
  return payload_type >= kFirstDynamicType && payload_type <= kLastDynamicType;
}

bool IsUsable(const wire::v1::MediaCodec& codec) {
  return codec.name() == kOpusName && IsDynamic(codec.payload_type()) &&
         codec.clock_rate() == kOpusClock && codec.ptime_ms() == kPacketTimeMs &&
         codec.max_bitrate() >= static_cast<uint32_t>(kMinBitrate);
}

// A packet's type says what it is, so redundancy may not share that of any codec.
bool IsFreeForRed(const wire::v1::MediaOffer& offer) {
  const uint32_t type = offer.red_payload_type();
  return IsDynamic(type) && std::none_of(offer.codecs().begin(), offer.codecs().end(),
                                         [type](const wire::v1::MediaCodec& codec) {
                                           return codec.payload_type() == type;
                                         });
}

void FillOpus(uint32_t payload_type, int max_bitrate, wire::v1::MediaCodec* codec) {
  codec->set_name(kOpusName);
  codec->set_payload_type(payload_type);
  codec->set_clock_rate(kOpusClock);
  codec->set_ptime_ms(kPacketTimeMs);
  codec->set_max_bitrate(static_cast<uint32_t>(std::clamp(max_bitrate, kMinBitrate, kMaxBitrate)));
}

int SendBitrate(const wire::v1::MediaCodec& codec) {
  return static_cast<int>(
      std::clamp<uint32_t>(codec.max_bitrate(), uint32_t{kMinBitrate}, uint32_t{kMaxBitrate}));
}

// Zero means 'absent' in proto3, and `other` is the peer's.
uint32_t MakeSsrc(Rng& rng, uint32_t other) {
  for (;;) {
    const auto ssrc = static_cast<uint32_t>(rng.Next());
    if (ssrc != 0 && ssrc != other) return ssrc;
  }
}

bool Parse(ByteView encoded, google::protobuf::MessageLite* message) {
  return encoded.size() <= kMaxNegotiationBytes &&
         message->ParseFromArray(encoded.data(), static_cast<int>(encoded.size()));
}

Bytes Encode(const google::protobuf::MessageLite& message) {
  Bytes encoded(message.ByteSizeLong());
  P2PD_CHECK(encoded.size() <= kMaxNegotiationBytes);
  P2PD_CHECK(message.SerializeToArray(encoded.data(), static_cast<int>(encoded.size())));
  return encoded;
}

}  // namespace

Offer MakeOffer(const NegotiationOptions& options, Rng& rng) {
  P2PD_CHECK(!options.suites.empty() && options.suites.size() <= kMaxOfferedSuites);
  Offer offer;
  offer.options = options;
  offer.local_ssrc = MakeSsrc(rng, 0);
  wire::v1::MediaOffer message;
  FillOpus(kOpusPayloadType, options.max_bitrate, message.add_codecs());
  message.set_ssrc(offer.local_ssrc);
  if (options.redundancy) message.set_red_payload_type(kRedPayloadType);
  if (options.rekeying) message.set_mki_size(kSrtpMkiSize);
  for (const SrtpSuite suite : options.suites) message.add_suites(ToWire(suite));
  offer.encoded = Encode(message);
  return offer;
}

std::optional<Answer> AnswerOffer(ByteView encoded_offer, const NegotiationOptions& options,
                                  Rng& rng) {
  wire::v1::MediaOffer offer;
  if (!Parse(encoded_offer, &offer) || offer.ssrc() == 0) return std::nullopt;
  if (static_cast<size_t>(offer.codecs_size()) > kMaxOfferedCodecs ||
      static_cast<size_t>(offer.suites_size()) > kMaxOfferedSuites) {
    return std::nullopt;
  }
  const auto codec = std::find_if(offer.codecs().begin(), offer.codecs().end(), IsUsable);
  if (codec == offer.codecs().end()) return std::nullopt;
  std::optional<SrtpSuite> suite;
  for (const int offered : offer.suites()) {
    const auto known = FromWire(offered);
    if (known && IsOurs(options.suites, *known)) {
      suite = known;
      break;
    }
  }
  if (!suite) return std::nullopt;

  Answer answer;
  answer.negotiated.payload_type = static_cast<uint8_t>(codec->payload_type());
  answer.negotiated.max_send_bitrate = SendBitrate(*codec);
  answer.negotiated.suite = *suite;
  answer.negotiated.remote_ssrc = offer.ssrc();
  answer.negotiated.local_ssrc = MakeSsrc(rng, offer.ssrc());
  wire::v1::MediaAnswer message;
  FillOpus(codec->payload_type(), options.max_bitrate, message.mutable_codec());
  message.set_ssrc(answer.negotiated.local_ssrc);
  message.set_suite(ToWire(*suite));
  if (options.redundancy && IsFreeForRed(offer)) {
    message.set_red_payload_type(offer.red_payload_type());
    answer.negotiated.red_payload_type = static_cast<uint8_t>(offer.red_payload_type());
  }
  if (options.rekeying && offer.mki_size() == kSrtpMkiSize) {
    message.set_mki_size(kSrtpMkiSize);
    answer.negotiated.mki = true;
  }
  answer.encoded = Encode(message);
  return answer;
}

std::optional<Negotiated> AcceptAnswer(const Offer& offer, ByteView encoded_answer) {
  wire::v1::MediaAnswer answer;
  if (!Parse(encoded_answer, &answer)) return std::nullopt;
  if (answer.ssrc() == 0 || answer.ssrc() == offer.local_ssrc) return std::nullopt;
  const auto suite = FromWire(answer.suite());
  if (!suite || !IsOurs(offer.options.suites, *suite)) return std::nullopt;
  if (!IsUsable(answer.codec()) || answer.codec().payload_type() != kOpusPayloadType) {
    return std::nullopt;
  }
  if (answer.red_payload_type() != 0 &&
      (!offer.options.redundancy || answer.red_payload_type() != kRedPayloadType)) {
    return std::nullopt;
  }
  if (answer.mki_size() != 0 && (!offer.options.rekeying || answer.mki_size() != kSrtpMkiSize)) {
    return std::nullopt;
  }
  Negotiated negotiated;
  negotiated.mki = answer.mki_size() != 0;
  negotiated.payload_type = kOpusPayloadType;
  if (answer.red_payload_type() != 0) negotiated.red_payload_type = kRedPayloadType;
  negotiated.max_send_bitrate = SendBitrate(answer.codec());
  negotiated.suite = *suite;
  negotiated.local_ssrc = offer.local_ssrc;
  negotiated.remote_ssrc = answer.ssrc();
  return negotiated;
}

}  // namespace p2pd::media
