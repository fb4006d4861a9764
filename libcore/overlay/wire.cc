#include "libcore/overlay/wire.h"

#include <limits>
#include <utility>

namespace p2pd::overlay {
namespace {

// Bytes of most datagrams of a handshake.
constexpr size_t kUsualDatagram = 512;

// First byte of each frame.
enum class FrameType : uint8_t {
  kPing = 1,
  kAck = 2,
  kFragment = 3,
  kChallenge = 4,
  kChallengeReply = 5,
  kClose = 6,
  kFullAck = 7,
  kNote = 8
};

std::optional<FragmentFrame> ReadFragment(ByteReader& reader) {
  FragmentFrame frame;
  frame.message = reader.U64();
  frame.index = reader.U16();
  frame.count = reader.U16();
  frame.bytes = reader.Take16();
  if (!reader.ok() || frame.count == 0 || frame.count > kMaxFragments) return std::nullopt;
  if (frame.index >= frame.count || frame.bytes.size() > kMaxFragment) return std::nullopt;
  // All but the last are full, so that the place of each is known.
  const bool last = frame.index + 1 == frame.count;
  if (last ? frame.bytes.empty() : frame.bytes.size() != kMaxFragment) return std::nullopt;
  return frame;
}

std::optional<Frame> ReadFrame(ByteReader& reader) {
  const uint8_t type = reader.U8();
  switch (type) {
    case static_cast<uint8_t>(FrameType::kPing):
      return PingFrame{};
    case static_cast<uint8_t>(FrameType::kAck): {
      AckFrame frame;
      frame.largest = reader.U32();
      frame.mask = reader.U64();
      return frame;
    }
    case static_cast<uint8_t>(FrameType::kFullAck): {
      const uint64_t largest = reader.U32();
      return AckFrame{largest, AckFrame::FullMask(largest)};
    }
    case static_cast<uint8_t>(FrameType::kFragment): {
      const std::optional<FragmentFrame> frame = ReadFragment(reader);
      if (!frame) return std::nullopt;
      return *frame;
    }
    case static_cast<uint8_t>(FrameType::kNote): {
      const ByteView bytes = reader.Take16();
      if (!reader.ok() || bytes.empty()) return std::nullopt;
      return NoteFrame{bytes};
    }
    case static_cast<uint8_t>(FrameType::kChallenge):
      return ChallengeFrame{reader.U64()};
    case static_cast<uint8_t>(FrameType::kChallengeReply):
      return ChallengeReplyFrame{reader.U64()};
    case static_cast<uint8_t>(FrameType::kClose):
      return CloseFrame{};
  }
  return std::nullopt;
}

struct FrameWriter {
  ByteWriter& writer;

  void Type(FrameType type) { writer.U8(static_cast<uint8_t>(type)); }
  void operator()(const PingFrame&) { Type(FrameType::kPing); }
  void operator()(const AckFrame& frame) {
    Type(frame.Full() ? FrameType::kFullAck : FrameType::kAck);
    writer.U32(static_cast<uint32_t>(frame.largest));
    if (!frame.Full()) writer.U64(frame.mask);
  }
  void operator()(const FragmentFrame& frame) {
    Type(FrameType::kFragment);
    writer.U64(frame.message).U16(frame.index).U16(frame.count).Put16(frame.bytes);
  }
  void operator()(const NoteFrame& frame) {
    Type(FrameType::kNote);
    writer.Put16(frame.bytes);
  }
  void operator()(const ChallengeFrame& frame) {
    Type(FrameType::kChallenge);
    writer.U64(frame.nonce);
  }
  void operator()(const ChallengeReplyFrame& frame) {
    Type(FrameType::kChallengeReply);
    writer.U64(frame.nonce);
  }
  void operator()(const CloseFrame&) { Type(FrameType::kClose); }
};

struct FrameSizer {
  size_t operator()(const PingFrame&) { return 1; }
  size_t operator()(const AckFrame& frame) { return frame.Full() ? 5 : kAckFrameSize; }
  size_t operator()(const FragmentFrame& frame) { return kFragmentHeader + frame.bytes.size(); }
  size_t operator()(const NoteFrame& frame) { return kNoteHeader + frame.bytes.size(); }
  size_t operator()(const ChallengeFrame&) { return 9; }
  size_t operator()(const ChallengeReplyFrame&) { return 9; }
  size_t operator()(const CloseFrame&) { return 1; }
};

}  // namespace

std::optional<DatagramType> TypeOf(ByteView datagram) {
  if (datagram.size() < 2 || datagram.size() > net::kMaxDatagram) return std::nullopt;
  if (datagram[0] < net::kOverlayFirstByte || datagram[1] != kWireVersion) return std::nullopt;
  const int kind = datagram[0] - net::kOverlayFirstByte;
  if (kind > static_cast<int>(DatagramType::kBeacon)) return std::nullopt;
  return static_cast<DatagramType>(kind);
}

ByteWriter StartDatagram(DatagramType type) {
  // A handshake's; a packet is not made here.
  ByteWriter writer(kUsualDatagram);
  writer.U8(static_cast<uint8_t>(net::kOverlayFirstByte + static_cast<int>(type)));
  writer.U8(kWireVersion);
  return writer;
}

std::optional<Frames> ParseFrames(ByteView plaintext) {
  ByteReader reader(plaintext);
  Frames out;
  while (reader.ok() && reader.remaining() > 0) {
    std::optional<Frame> frame = ReadFrame(reader);
    if (!frame || !reader.ok()) return std::nullopt;
    out.push_back(*frame);
  }
  return out;
}

void WriteFrame(const Frame& frame, ByteWriter& writer) { std::visit(FrameWriter{writer}, frame); }
size_t FrameSize(const Frame& frame) { return std::visit(FrameSizer{}, frame); }

bool ParseProto(ByteView bytes, google::protobuf::MessageLite& message) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return false;
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Bytes SerializeProto(const google::protobuf::MessageLite& message) {
  Bytes out(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(out.data());
  return out;
}

Bytes Signed(absl::string_view prefix, absl::string_view body) {
  Bytes out = ToBytes(prefix);
  Append(out, AsBytes(body));
  return out;
}

}  // namespace p2pd::overlay
