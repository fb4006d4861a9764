// Binary layouts of the overlay: datagram headers and the frames inside a packet; and the bounded
// way in which its protobuf messages are read.
//
// Datagrams: the first byte is net::kOverlayFirstByte + kind, the second the version. Frames stand
// one behind another in a packet's plaintext. Parsers return nullopt for anything else than exactly
// what is drawn in README.md. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "libcore/base/bytes.h"
#include "libcore/base/codec.h"
#include "libcore/net/demux.h"
#include "libcore/net/transmit.h"

namespace p2pd::overlay {

inline constexpr uint8_t kWireVersion = 1;

enum class DatagramType : uint8_t {
  kKnock = 0,
  kCookie = 1,
  kHello = 2,
  kWelcome = 3,
  kPacket = 4,
  kLetter = 5,
  kLetterAnswer = 6,
  kBeacon = 7
};

// Type of a datagram of our version; nullopt otherwise.
std::optional<DatagramType> TypeOf(ByteView datagram);
// The two bytes with which a datagram of this type starts.
ByteWriter StartDatagram(DatagramType type);

// Header of a packet, authenticated and not encrypted: type, version, index (4), number (4). A link
// is replaced long before its numbers end (Link::kMaxPackets).
inline constexpr size_t kPacketHeader = 10;
inline constexpr size_t kPacketTag = 16;
// Plaintext that fits a packet.
inline constexpr size_t kMaxPlaintext = net::kMaxDatagram - kPacketHeader - kPacketTag;
inline constexpr size_t kAckFrameSize = 13;  // at most
inline constexpr size_t kFragmentHeader = 15;
inline constexpr size_t kNoteHeader = 3;
// Message bytes in one fragment: what is left beside an ack frame.
inline constexpr size_t kMaxFragment = kMaxPlaintext - kAckFrameSize - kFragmentHeader;
// A message between neighbours: kMaxPayload of node.h with what the router puts around it.
inline constexpr size_t kMaxMessage = 76 * 1024;
inline constexpr size_t kMaxFragments = (kMaxMessage + kMaxFragment - 1) / kMaxFragment;

// Packets up to `largest` that arrived: bit i of `mask` stands for largest - 1 - i. On the wire the
// mask is left out when nothing is missing.
struct AckFrame {
  uint64_t largest = 0;  // 32 bits on the wire
  uint64_t mask = 0;

  // The mask when all before `largest` arrived.
  static uint64_t FullMask(uint64_t largest) {
    return largest >= 64 ? ~uint64_t{0} : (uint64_t{1} << largest) - 1;
  }
  bool Full() const { return mask == FullMask(largest); }
};
// Wants an ack, says nothing.
struct PingFrame {};
// Part of a message; a message of one part is the usual case.
struct FragmentFrame {
  uint64_t message = 0;  // random per sender and message
  uint16_t index = 0;
  uint16_t count = 1;
  ByteView bytes;  // points into the plaintext
};
// A message of one part that wants no ack: one that is lost is made up for by what comes later.
struct NoteFrame {
  ByteView bytes;  // points into the plaintext
};
// "Are you there?" to an address from which a known neighbour seems to speak now, and the answer.
struct ChallengeFrame {
  uint64_t nonce = 0;
};
struct ChallengeReplyFrame {
  uint64_t nonce = 0;
};
// The sender forgets this link.
struct CloseFrame {};
using Frame = std::variant<AckFrame, PingFrame, FragmentFrame, NoteFrame, ChallengeFrame,
                           ChallengeReplyFrame, CloseFrame>;

// Most packets hold an ack and a message.
using Frames = absl::InlinedVector<Frame, 3>;

// Frames of a packet. nullopt when anything does not parse; nothing of the packet is used then.
std::optional<Frames> ParseFrames(ByteView plaintext);
void WriteFrame(const Frame& frame, ByteWriter& writer);
size_t FrameSize(const Frame& frame);

// Parses `message` from all of `bytes`; false when it does not parse.
bool ParseProto(ByteView bytes, google::protobuf::MessageLite& message);
Bytes SerializeProto(const google::protobuf::MessageLite& message);
// What a signature covers: prefix ‖ body.
Bytes Signed(absl::string_view prefix, absl::string_view body);

}  // namespace p2pd::overlay
