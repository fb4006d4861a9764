// SRTP and SRTCP from a stranger: nothing that the peer did not protect is ever accepted, and state
// does not move. The first byte picks the kind. The corpus holds packets protected under this
// target's key.
#include <cstddef>
#include <cstdint>
#include <set>

#include "libcore/base/check.h"
#include "libcore/media/rtp_packet.h"
#include "libcore/media/srtp.h"

namespace {

constexpr uint32_t kSsrc = 0x01020304;

p2pd::Bytes Protected(bool rtp) {
  using namespace p2pd::media;
  auto sender =
      SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, p2pd::Bytes(16, 1), p2pd::Bytes(12, 2));
  P2PD_CHECK(sender.ok());
  if (!rtp) {
    p2pd::Bytes packet = {0x80, 201, 0, 1, 1, 2, 3, 4};
    packet.resize(8 + kSrtcpOverhead);
    P2PD_CHECK(sender->ProtectRtcp(absl::MakeSpan(packet), 8) == packet.size());
    return packet;
  }
  RtpHeader header;
  header.payload_type = 111;
  header.sequence = 7;
  header.ssrc = kSsrc;
  p2pd::Bytes packet(kRtpHeaderSize + 20 + kSrtpOverhead);
  WriteRtpHeader(header, absl::MakeSpan(packet));
  P2PD_CHECK(sender->ProtectRtp(absl::MakeSpan(packet), kRtpHeaderSize + 20, kRtpHeaderSize) ==
             packet.size());
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::media;
  if (size == 0) return 0;
  static const p2pd::Bytes good_rtp = Protected(true);
  static const p2pd::Bytes good_rtcp = Protected(false);
  const bool rtp = (data[0] & 1) != 0;
  const p2pd::ByteView packet(data + 1, size - 1);
  auto receiver = SrtpReceiver::Create(SrtpSuite::kAeadAes128Gcm, p2pd::Bytes(16, 1),
                                       p2pd::Bytes(12, 2), kSsrc);
  P2PD_CHECK(receiver.ok());
  p2pd::Bytes out(size + 64);
  const auto open = [&](p2pd::ByteView bytes) {
    return (rtp ? receiver->UnprotectRtp(bytes, absl::MakeSpan(out))
                : receiver->UnprotectRtcp(bytes, absl::MakeSpan(out)))
        .verdict;
  };
  const p2pd::ByteView good = rtp ? good_rtp : good_rtcp;
  const bool accepted = open(packet) == SrtpReceiver::Verdict::kOk;
  P2PD_CHECK(accepted == (packet == good));
  // Refused, it left no trace: the true packet still opens, once.
  out.resize(good.size() + 64);
  P2PD_CHECK((open(good) == SrtpReceiver::Verdict::kOk) == !accepted);
  P2PD_CHECK(open(good) == SrtpReceiver::Verdict::kReplayed);
  return 0;
}
