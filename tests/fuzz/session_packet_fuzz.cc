// The plaintext of protected packets, from a peer that has the keys and means no good: whatever it
// says, memory stays bounded and what we send fits in our datagrams.
#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/session/link.h"
#include "libcore/session/session.h"

namespace {

p2pd::session::TrafficKey Key(uint8_t fill) {
  p2pd::session::TrafficKey out;
  out.key = p2pd::SecretBytes(p2pd::Bytes(32, fill));
  return out;
}

}  // namespace

// The input is a list of packets, each behind its length of 16 bits.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd;           // NOLINT: one function
  using namespace p2pd::session;  // NOLINT
  SeededRng rng(1);
  Counters counters;
  Instant now;
  Link::Options options;
  options.idle_timeout = absl::Seconds(30);
  const net::Endpoint here = *net::Endpoint::Parse("192.0.2.1:1");
  const net::Endpoint there = *net::Endpoint::Parse("192.0.2.2:2");
  Link link(now, options, Key(1), Key(2), rng, counters);
  PacketSealer peer(Key(2), 0);
  link.channel().Push(Bytes(5000, 1));
  ByteReader reader(ByteView(data, size));
  for (int i = 0; i < 64 && reader.remaining() > 0; ++i) {
    const ByteView plaintext = reader.Take16();
    if (!reader.ok() || plaintext.size() > 1167) break;
    const Bytes datagram = peer.Seal(plaintext);
    const auto envelope = ParseEnvelope(datagram);
    const Link::Incoming incoming =
        link.OnPacket(now, i % 3 == 2 ? there : here, std::get<PacketFrame>(*envelope));
    P2PD_CHECK(incoming.opened);
    for (const Bytes& message : incoming.received.messages) {
      P2PD_CHECK(message.size() <= kMaxMessage);
    }
    if (incoming.received.violation) break;
    std::vector<net::Transmit> out;
    link.Flush(now, out);
    for (const net::Transmit& transmit : out) {
      P2PD_CHECK(transmit.datagram.size() <= net::kMaxDatagram);
    }
    now = std::max(now + absl::Milliseconds(50), std::min(link.Timeout(), now + absl::Seconds(1)));
    link.OnTimeout(now);
  }
  return 0;
}
