// Offers and answers of a stranger: what is accepted was ours to offer and lies in range.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/media/negotiation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::media;
  p2pd::SeededRng rng(1);
  const p2pd::ByteView input(data, size);
  NegotiationOptions options;
  options.suites = {SrtpSuite::kAeadAes256Gcm};
  const auto in_range = [](const Negotiated& n) {
    return n.payload_type >= 96 && n.payload_type <= 127 && n.max_send_bitrate >= kMinBitrate &&
           n.max_send_bitrate <= kMaxBitrate && n.local_ssrc != n.remote_ssrc &&
           n.local_ssrc != 0 && n.remote_ssrc != 0 && n.suite == SrtpSuite::kAeadAes256Gcm;
  };
  const auto answer = AnswerOffer(input, options, rng);
  P2PD_CHECK(!answer ||
             (in_range(answer->negotiated) && answer->encoded.size() <= kMaxNegotiationBytes));
  const Offer offer = MakeOffer(options, rng);
  const auto negotiated = AcceptAnswer(offer, input);
  P2PD_CHECK(!negotiated || in_range(*negotiated));
  return 0;
}
