// The outer form of a session datagram: what parses must come out the same when it is written
// again.
#include "libcore/base/check.h"
#include "libcore/session/envelope.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd;           // NOLINT: one function
  using namespace p2pd::session;  // NOLINT
  const ByteView input(data, size);
  const auto envelope = ParseEnvelope(input);
  if (!envelope) return 0;
  if (const auto* cookie = std::get_if<CookieReply>(&*envelope)) {
    P2PD_CHECK(ByteView(EncodeCookieReply(*cookie)) == input);
  } else if (const auto* not_here = std::get_if<NotHereReply>(&*envelope)) {
    P2PD_CHECK(ByteView(EncodeNotHere(not_here->nonce)) == input);
  } else if (const auto* packet = std::get_if<PacketFrame>(&*envelope)) {
    Bytes again = PacketHeader(packet->receiver_id, packet->number);
    Append(again, packet->sealed);
    P2PD_CHECK(ByteView(again) == input);
  } else if (const auto* hello = std::get_if<HelloFragment>(&*envelope)) {
    P2PD_CHECK(hello->index < hello->count && hello->count <= kMaxFragments);
    P2PD_CHECK(!hello->part.empty() && hello->part.end() == input.end());
  } else {
    const auto& ack = std::get<AckFragment>(*envelope);
    P2PD_CHECK(ack.index < ack.count && ack.count <= kMaxFragments);
    P2PD_CHECK(!ack.part.empty() && ack.part.end() == input.end());
  }
  return 0;
}
