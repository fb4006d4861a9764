// Channel: reliable messages in order over packets that get lost, doubled and reordered.
//
// A message is cut into chunks of at most 1,024 bytes, numbered over the whole session; the last
// chunk of all is the goodbye. The receiver says which number it waits for and which of the 64
// behind it are there; the sender repeats what is missing once three later ones arrived, or after
// the retransmission timeout. The window grows by one a chunk acknowledged, halves on loss and
// starts anew after a timeout, between 2 and 64 chunks.
//
// Rules: at most kMaxMessages are unacknowledged; a receiver holds at most 64 chunks ahead of what
// it waits for and one message of kMaxMessage; who sends beyond that breaks the protocol. The owner
// seals and sends what Fill() puts into packets. Threads: one owner. Sources: RFC 6298 for the
// timeout, RFC 5681 for the window.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/base/time.h"
#include "p2pd/wire/v1/session.pb.h"

namespace p2pd::session {

class Channel {
 public:
  static constexpr size_t kChunk = 1024;      // bytes; with all else in a packet under 1,200
  static constexpr size_t kMaxMessages = 64;  // unacknowledged, ours
  static constexpr size_t kAhead = 64;        // chunks kept beyond the one waited for

  // --- sending ---
  // False when kMaxMessages wait already or the goodbye was said.
  bool Push(ByteView message);
  void PushGoodbye();
  // True when everything, the goodbye included, was acknowledged.
  bool AllAcknowledged() const { return chunks_.empty(); }
  // True when Fill would put something in.
  bool WantsToSend() const;
  // Puts chunks and, if one is due, an acknowledgement into `packet`, at most `budget` bytes.
  void Fill(Instant now, wire::v1::SessionPacket& packet, size_t budget);
  // The retransmission timeout, when something is under way.
  std::optional<Instant> Timeout() const;
  void OnTimeout(Instant now);
  // A round trip measured elsewhere (hello to ack, ping to pong).
  void OnRoundTrip(absl::Duration sample);
  absl::Duration RetransmissionTimeout() const { return rto_; }

  // --- receiving ---
  struct Received {
    std::vector<Bytes> messages;
    bool goodbye = false;
    bool violation = false;  // the other side broke the protocol
  };
  Received OnPacket(Instant now, const wire::v1::SessionPacket& packet);

 private:
  struct Chunk {
    uint64_t number = 0;
    Bytes data;
    bool end = false;
    bool goodbye = false;
    bool in_flight = false;
    bool arrived = false;
    int times_sent = 0;
    Instant sent_at;
  };
  struct Part {
    Bytes data;
    bool end = false;
    bool goodbye = false;
  };

  bool MaySend(const Chunk& chunk) const;
  void OnAck(Instant now, uint64_t next, uint64_t later);
  bool Take(const wire::v1::SessionPacket::Chunk& chunk);
  void Collect(Received& out);
  void Arrived(Instant now, Chunk& chunk);
  void DetectLoss();

  // Sender.
  std::deque<Chunk> chunks_;  // unacknowledged and unsent, in order
  uint64_t next_number_ = 0;
  size_t messages_ = 0;
  bool goodbye_said_ = false;
  size_t in_flight_ = 0;
  size_t window_ = 10;  // RFC 6928: ten segments at first
  size_t backoff_ = 0;
  std::optional<absl::Duration> srtt_;
  absl::Duration rttvar_;
  absl::Duration rto_ = absl::Milliseconds(500);

  // Receiver.
  uint64_t expected_ = 0;
  std::map<uint64_t, Part> ahead_;
  Bytes message_;
  bool ack_due_ = false;
};

}  // namespace p2pd::session
