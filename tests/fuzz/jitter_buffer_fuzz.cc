// Packets in any order, at any time, with any timestamp, length and kind: whatever arrives, each
// pull gives exactly its samples, the queue and the delay stay bounded, and no packet is counted
// twice or lost without a count.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/media/jitter_buffer.h"

namespace {

using namespace p2pd;
using namespace p2pd::media;

constexpr size_t kMaxActions = 600;

// Decodes to constants; every fifth packet and every seventh concealment is refused.
class Decoder final : public FrameDecoder {
 public:
  size_t Decode(ByteView payload, absl::Span<int16_t> out) override {
    const auto samples = OpusPacketSamples(payload);
    P2PD_CHECK(samples && *samples <= out.size());
    return ++decoded_ % 5 == 0 ? 0 : Fill(*samples, 1'000, out);
  }
  size_t DecodeFec(ByteView, size_t samples, absl::Span<int16_t> out) override {
    return Fill(samples, 2'000, out);
  }
  size_t Conceal(size_t samples, absl::Span<int16_t> out) override {
    P2PD_CHECK(samples > 0 && samples <= out.size());
    return ++concealed_ % 7 == 0 ? 0 : Fill(samples, 3'000, out);
  }

 private:
  static size_t Fill(size_t samples, int16_t value, absl::Span<int16_t> out) {
    P2PD_CHECK(samples <= out.size());
    std::fill_n(out.begin(), samples, value);
    return samples;
  }
  int decoded_ = 0;
  int concealed_ = 0;
};

}  // namespace

// First byte: how long a pull is. Then actions of five bytes: what, two of timestamp, two of
// payload.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader reader(ByteView(data, size));
  const bool halves = (reader.U8() & 1) != 0;
  Decoder decoder;
  JitterBuffer buffer(decoder, halves ? kPullSamples : kFrameSamples);
  std::array<int16_t, kFrameSamples> frame;
  const auto out = absl::MakeSpan(frame).first(halves ? kPullSamples : kFrameSamples);
  Instant now = Instant::FromNanos(1'000'000'000);
  uint32_t timestamp = 0;
  uint64_t offered = 0;
  uint64_t copies = 0;
  for (size_t i = 0; i < kMaxActions && reader.remaining() >= 5; ++i) {
    const uint8_t what = reader.U8();
    const uint16_t offset = reader.U16();
    const Bytes payload = ToBytes(reader.Take(2));
    if ((what & 1) != 0) {
      // In order, a few packets off, or anywhere.
      timestamp += 960;
      uint32_t at = timestamp;
      if ((what & 2) != 0) at += static_cast<uint32_t>(static_cast<int16_t>(offset)) / 16 * 120;
      if ((what & 4) != 0) at = uint32_t{offset} << 16;
      // One byte (DTX), two, or a whole packet.
      const size_t length = (what & 8) != 0 ? 1 : 2;
      Bytes packet(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(length));
      if ((what & 16) != 0) packet.resize(60, 0x40);
      buffer.Insert(now, at, packet);
      ++offered;
      // A copy from some frames back, or from anywhere.
      if ((what & 32) != 0) {
        buffer.InsertCopy(now, at - 960 * (offset % 5), packet);
        buffer.InsertCopy(now, at - offset, packet);
        copies += 2;
      }
    }
    for (int pull = 0; pull < what >> 6; ++pull) {
      now = now + absl::Milliseconds(halves ? 10 : 20);
      buffer.Get(now, out);
      P2PD_CHECK(buffer.delay() < absl::Seconds(60));
    }
    const JitterBufferStats stats = buffer.stats();
    P2PD_CHECK(stats.packets_waiting <= kMaxBufferedPackets);
    P2PD_CHECK(buffer.target() <= kMaxTarget + kFrameDuration);
    // What waits, was late or was flushed had been inserted; the rest was refused when it came.
    P2PD_CHECK(stats.packets_inserted <= offered && stats.copies_inserted <= copies &&
               stats.packets_waiting <= stats.packets_inserted + stats.copies_inserted);
  }
  return 0;
}
