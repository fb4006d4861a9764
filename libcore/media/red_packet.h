// Redundant audio (RFC 2198): an RTP payload that carries copies of earlier frames before its own,
// so that a frame whose packet was lost comes once more in a later one.
//
//     0                   1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |1|  block PT   |  timestamp offset         |   block length    |  for each copy
//    |0|  block PT   |                                                  the frame itself
//    |  the copies, in the order of their headers, then the frame   |
//
// Rules: the payload is taken whole or not at all: every block, the frame included, is of the
// call's codec and not empty, a copy is older than its frame, and lengths add up. Threads:
// RedWriter has one owner, the rest are pure functions; no allocation. Limits: kMaxRedCopies in a
// packet, kMaxRedDistance frames back, kMaxRedBlock bytes a copy. Sources: RFC 2198 §3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/media/audio.h"

namespace p2pd::media {

// We send one; others may send two.
inline constexpr size_t kMaxRedCopies = 2;
// Frames between ours and the one that it copies, at most: 60 ms are as much delay as a
// conversation gives for bursts, and the 14 bits of the offset hold 341.
inline constexpr uint8_t kMaxRedDistance = 3;
// Bytes that 10 bits count.
inline constexpr size_t kMaxRedBlock = 1'023;
struct RedCopy {
  uint32_t offset = 0;  // samples before the packet's timestamp, 1..16,383
  ByteView payload;
};

struct RedPayload {
  ByteView frame;
  std::array<RedCopy, kMaxRedCopies> copies;
  size_t count = 0;
};

// A view of `payload`; nullopt for anything but what the rules above allow. `block_type` is the
// payload type of the codec.
std::optional<RedPayload> ParseRed(ByteView payload, uint8_t block_type);

// The frames sent last, and payloads with a copy of one of them.
class RedWriter {
 public:
  // Keeps the frame for later copies. One of more than kMaxRedBlock bytes is not kept.
  void Remember(uint32_t timestamp, ByteView frame);
  // Writes `frame` behind a copy of the one `distance` frames before it. The size; 0 when that is
  // not there or not so long ago (a pause was between), or `out` is too small.
  size_t Write(uint32_t timestamp, ByteView frame, uint8_t distance, uint8_t block_type,
               MutableByteView out) const;

 private:
  struct Sent {
    uint32_t timestamp = 0;
    size_t size = 0;  // 0: none
    std::array<uint8_t, kMaxRedBlock> payload;
  };

  std::array<Sent, kMaxRedDistance> sent_{};
  size_t next_ = 0;
};

}  // namespace p2pd::media
