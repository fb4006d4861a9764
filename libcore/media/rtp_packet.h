// The RTP header: parsed from a stranger's bytes, and written in front of a packet.
//
//     0                   1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//    |                           timestamp                           |
//    |                             SSRC                              |
//    |              CSRCs (CC of them), extension (if X)             |
//
// Rules: a view, no copy; everything is checked against the packet's own length. Extensions and
// CSRCs are passed over. Threads: pure functions. Sources: RFC 3550 §5.1, §5.3.1, Appendix A.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "libcore/base/bytes.h"

namespace p2pd::media {

// Bytes of the fixed part: all that we send.
inline constexpr size_t kRtpHeaderSize = 12;

struct RtpHeader {
  bool padding = false;
  bool marker = false;
  uint8_t payload_type = 0;  // 0..127
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  size_t size = kRtpHeaderSize;  // with CSRCs and extension
};

// nullopt for anything but a whole RTP version 2 header.
std::optional<RtpHeader> ParseRtpHeader(ByteView packet);

// The payload of an opened packet, without padding; nullopt when the padding does not fit.
std::optional<ByteView> RtpPayload(const RtpHeader& header, ByteView packet);

// The fixed part of `header` into the first kRtpHeaderSize bytes of `out`, which must be there.
void WriteRtpHeader(const RtpHeader& header, MutableByteView out);

// Turns 16-bit sequence numbers or 32-bit timestamps into 64-bit ones that do not wrap: each is the
// nearest to the one before (RFC 3550 Appendix A.1).
template <class T>
class Unwrapper {
 public:
  int64_t operator()(T value) {
    if (!last_) {
      last_ = value;
    } else {
      // The difference as a signed number of T's width.
      const T difference = static_cast<T>(value - static_cast<T>(*last_));
      constexpr T kHalf = static_cast<T>(T{1} << (8 * sizeof(T) - 1));
      *last_ += difference < kHalf ? int64_t{difference}
                                   : int64_t{difference} - (int64_t{1} << (8 * sizeof(T)));
    }
    return *last_;
  }

 private:
  std::optional<int64_t> last_;
};

}  // namespace p2pd::media
