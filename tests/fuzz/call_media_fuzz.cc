// A peer that holds the keys and sends what it likes: payloads, RTCP, timestamps and pauses from
// the input. Whatever comes, the call goes on giving 20 ms of sound every 20 ms, and its queues
// stay bounded.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/media/call_media.h"
#include "libcore/media/rtp_packet.h"
#include "libcore/media/srtp.h"

namespace {

using namespace p2pd;
using namespace p2pd::media;

constexpr uint32_t kPeer = 0x01020304;
constexpr size_t kMaxActions = 200;

CallMediaConfig Config() {
  CallMediaConfig config;
  config.negotiated.local_ssrc = 0x05060708;
  config.negotiated.remote_ssrc = kPeer;
  config.keys.send_key = SecretBytes(Bytes(16, 3));
  config.keys.receive_key = SecretBytes(Bytes(16, 1));
  config.keys.send_salt = SecretBytes(Bytes(12, 4));
  config.keys.receive_salt = SecretBytes(Bytes(12, 2));
  config.options.complexity = 0;
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  SeededRng rng(1);
  NullSink sink;
  auto media = CallMedia::Create(Config(), nullptr, &sink, rng);
  auto peer = SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, Bytes(16, 1), Bytes(12, 2));
  P2PD_CHECK(media.ok() && peer.ok());
  ByteReader reader(ByteView(data, size));
  Instant now = Instant::FromNanos(1'000'000'000);
  const Instant start = now;
  uint16_t sequence = 0;
  for (size_t i = 0; i < kMaxActions && reader.remaining() >= 6; ++i) {
    const uint8_t action = reader.U8();
    const uint32_t timestamp = reader.U32();
    const ByteView body = reader.Take(std::min<size_t>(reader.U8(), reader.remaining()));
    Bytes packet;
    size_t sealed = 0;
    if ((action & 1) != 0) {
      RtpHeader header;
      header.payload_type = 111;
      header.sequence = sequence++;
      header.timestamp = (action & 2) != 0 ? timestamp : sequence * 960u;
      header.ssrc = kPeer;
      packet.resize(kRtpHeaderSize);
      WriteRtpHeader(header, absl::MakeSpan(packet));
      Append(packet, body);
      const size_t plain = packet.size();
      packet.resize(plain + kSrtpOverhead);
      sealed = peer->ProtectRtp(absl::MakeSpan(packet), plain, kRtpHeaderSize);
    } else {
      packet = {0x81, 200, 0, 12, 1, 2, 3, 4};
      Append(packet, body);
      const size_t plain = packet.size();
      packet.resize(plain + kSrtcpOverhead);
      sealed = peer->ProtectRtcp(absl::MakeSpan(packet), plain);
    }
    if (sealed > 0) (*media)->OnDatagram(now, net::Endpoint{}, ByteView(packet).first(sealed));
    for (int tick = 0; tick < (action >> 2) % 8; ++tick) {
      now = now + kTickInterval;
      (*media)->OnTick(now);
      while ((*media)->PollTransmit(now)) {
      }
      while ((*media)->PollEvent()) {
      }
    }
    if ((action & 0x80) != 0) (*media)->SetHold((action & 0x40) != 0);
    const CallStats stats = (*media)->stats(now);
    P2PD_CHECK(stats.buffer_delay < absl::Seconds(60) && stats.r_factor >= 0 && stats.mos >= 1);
  }
  const int64_t ticks = absl::ToInt64Milliseconds(now - start) / 10;
  P2PD_CHECK(ticks == 0 || sink.samples() == static_cast<size_t>(ticks) * kPullSamples);
  return 0;
}
