// Channel: messages to and from one neighbour over whatever link there is. Cuts them into
// fragments, sends under a congestion window, retransmits what was not acknowledged, puts together
// what arrives.
//
// Rules: a message is acknowledged when every fragment is. The first retransmission timeout of a
// message is reported as slow, so that the router can take another hop at once; the channel goes on
// trying until it is cancelled or gives up. What is more urgent goes first, within a class small
// messages before large ones and what was lost before what was not sent. Repair has a window of its
// own inside the common one, that falls when the round trip shows that a queue builds up on the way
// (RFC 6817), so that it fills nobody's line: a call's packet does not stand behind it there
// either, and may leave when the window is closed. Fragments name their message by a random number,
// so a message survives a change of link, and one that arrives twice is delivered once. A note is a
// message of one packet that is neither acknowledged nor sent again. Threads: one owner. Limits:
// below; what does not fit is refused and counted. Sources: RFC 9002 (loss detection, window), RFC
// 6298, RFC 6817 (LEDBAT).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/counters.h"
#include "libcore/base/small_queue.h"
#include "libcore/base/time.h"
#include "libcore/overlay/rtt.h"
#include "libcore/overlay/traffic.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {

// Bytes of unfinished messages from all neighbours together.
struct ReassemblyBudget {
  // Beyond it fragments of new messages are dropped.
  static constexpr size_t kMaxBytes = 16 << 20;
  size_t used = 0;
};

class Channel {
 public:
  // Messages and bytes that wait to be sent or acknowledged. Beyond it Queue refuses.
  static constexpr size_t kMaxMessages = 512;
  static constexpr size_t kMaxQueuedBytes = 2 << 20;
  // Notes that wait for a packet, and their size, so that one fits beside an ack. Beyond it
  // QueueNote refuses.
  static constexpr size_t kMaxNotes = 16;
  static constexpr size_t kMaxNote = kMaxPlaintext - kAckFrameSize - kNoteHeader;
  // Packets in flight: at first (RFC 9002 §7.2), least and most.
  static constexpr size_t kInitialWindow = 10;
  static constexpr size_t kMinWindow = 2;
  static constexpr size_t kMaxWindow = 60;  // what one ack frame can name
  // Packets of call set-up that may leave although the window is closed.
  static constexpr size_t kCallReserve = 4;
  // Packets of repair in flight: at first and least; and the time in queues on the way above which
  // there are to be fewer (RFC 6817 §2.4.2: 100 ms at most), by the least round trip of the last
  // two spans. A packet of repair has twice that time more before it counts as lost: what it waits
  // for is the line, not the neighbour.
  static constexpr size_t kLeastRepairWindow = 2;
  static constexpr absl::Duration kRepairDelay = absl::Milliseconds(100);
  static constexpr absl::Duration kBaseSpan = absl::Minutes(2);
  // Timeouts of one message without any progress before it is given up; with doubling about 6 s at
  // 100 ms.
  static constexpr int kMaxTimeouts = 6;
  static constexpr absl::Duration kMaxBackoff = absl::Seconds(4);
  // A packet is lost when one sent three later is acknowledged (RFC 9002 §6.1.1).
  static constexpr uint64_t kReordering = 3;
  // Unfinished messages from this neighbour, their bytes, and how long they may take.
  static constexpr size_t kMaxPartials = 16;
  static constexpr size_t kMaxPartialBytes = 512 * 1024;
  static constexpr absl::Duration kPartialLifetime = absl::Seconds(15);
  // Finished messages that are remembered so that a late copy is not delivered again: how many, and
  // for how long. The sender gives a message up within kMaxTimeouts times kMaxBackoff.
  static constexpr size_t kMaxFinished = 512;
  static constexpr absl::Duration kFinishedLifetime = absl::Minutes(1);

  Channel(Counters& counters, ReassemblyBudget& budget) : counters_(counters), budget_(budget) {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // `message` is random and names it on the wire. False when there is no room.
  bool Queue(uint64_t message, Bytes bytes, Urgency urgency = Urgency::kReply);
  // A message that nobody acknowledges: it goes once, and if it is lost nobody knows. Outside of
  // the window, so for what is rare.
  bool QueueNote(Bytes bytes);
  // Forgets it; fragments under way may still arrive.
  void Cancel(uint64_t message);
  // The next packet wants an ack even if it carries nothing else.
  void Ping() { ping_due_ = true; }
  void AckDue() { ack_due_ = true; }

  bool WantsToSend() const;
  // Frames for one packet that will go as `number` over the link with `link`; empty when there is
  // nothing to send. `ack` is what that link received so far.
  Bytes Fill(Instant now, uint32_t link, uint64_t number, const std::optional<AckFrame>& ack);

  void OnAck(Instant now, uint32_t link, const AckFrame& ack);
  // The whole message when this was its last fragment.
  std::optional<Bytes> OnFragment(Instant now, const FragmentFrame& frame);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

  enum class Outcome { kAcked, kSlow, kLost };
  struct Report {
    Outcome outcome = Outcome::kAcked;
    // nullopt: a ping was slow.
    std::optional<uint64_t> message;
    uint32_t link = 0;  // that the slow one went over
  };
  std::optional<Report> PollReport();
  // All messages that are not acknowledged yet: the peer is gone.
  std::vector<uint64_t> Unfinished() const;
  // Nothing waits to be sent or acknowledged.
  bool Idle() const { return outgoing_.empty() && in_flight_.empty() && notes_.empty(); }

  // A round trip that was measured before the link was open.
  void OnRoundTrip(absl::Duration sample) { round_trip_.OnSample(sample); }
  // The same where something went more than once (RoundTrip::OnBound).
  void OnRoundTripBound(absl::Duration most) { round_trip_.OnBound(most); }
  const RoundTrip& round_trip() const { return round_trip_; }
  // Several timeouts went by and nothing was acknowledged.
  bool Stalled() const { return backoff_ > 1; }
  size_t window() const { return window_; }
  size_t repair_window() const { return repair_window_; }
  size_t messages_waiting() const { return outgoing_.size(); }

 private:
  enum class Fate : uint8_t { kUnsent, kInFlight, kAcked };
  struct Outgoing {
    Bytes bytes;
    absl::InlinedVector<Fate, 8> fragments;
    size_t acked = 0;
    int timeouts = 0;   // since the last fragment that was acknowledged
    bool late = false;  // some fragment was, at the timeout that is being dealt with
    bool slow = false;
    Urgency urgency = Urgency::kReply;
  };
  using Piece = std::pair<uint64_t, uint16_t>;  // message, fragment
  struct SentPacket {
    uint64_t order = 0;  // of sending, over all links
    uint64_t number = 0;
    Instant at;
    uint32_t link = 0;
    bool ping = false;
    bool repair = false;  // nothing else
    absl::InlinedVector<Piece, 1> pieces;
  };
  struct Partial {
    std::map<uint16_t, Bytes> fragments;
    uint16_t count = 0;
    size_t bytes = 0;
    Instant deadline;
  };

  // Where a piece stands: by class and size, then in the order of coming.
  struct Turn {
    uint8_t rank = 0;
    int64_t order = 0;
    friend auto operator<=>(const Turn&, const Turn&) = default;
  };
  using Waiting = absl::btree_map<Turn, Piece>;

  absl::Duration CurrentTimeout() const;
  Instant DueOf(const SentPacket& packet) const;
  static uint8_t RankOf(Urgency urgency, bool large) {
    return static_cast<uint8_t>(2 * static_cast<int>(urgency) + (large ? 1 : 0));
  }
  // May a piece of this rank leave now? Higher ranks may not when it may not.
  bool MayLeave(uint8_t rank) const;
  // The next that may leave, or the end.
  Waiting::iterator NextPiece();
  // Of a packet that was sent once: what it says of the queues on the way.
  void OnDelay(Instant now, absl::Duration round_trip, bool repair);
  ByteView FragmentOf(const Outgoing& message, uint16_t index) const;
  void Acknowledge(const SentPacket& packet);
  void Requeue(const SentPacket& packet, bool timed_out);
  void ShrinkWindow(uint64_t order, size_t window);
  void DropPartial(std::map<uint64_t, Partial>::iterator it);
  void ExpirePartials(Instant now);
  // A packet is known to have arrived: the window grows (RFC 9002 §7.3).
  void GrowWindow(const SentPacket& packet);
  // Shows all in the order of sending to `take`; those that it returns true for go.
  template <class Take>
  bool EraseSent(const Take& take);
  bool Finished(uint64_t message) const;
  void Remember(Instant now, uint64_t message);

  Counters& counters_;
  ReassemblyBudget& budget_;

  absl::btree_map<uint64_t, Outgoing> outgoing_;
  size_t queued_bytes_ = 0;
  Waiting waiting_;
  int64_t next_turn_ = 1;
  int64_t next_again_ = -1;  // of what was lost, before all others of its rank
  SmallQueue<Bytes> notes_;
  bool ping_due_ = false;
  bool ack_due_ = false;

  uint64_t next_order_ = 1;
  // By order of sending; the window's worth and pings, so they are looked through.
  std::vector<SentPacket> in_flight_;
  size_t window_ = kInitialWindow;
  size_t threshold_ = kMaxWindow;
  size_t grown_ = 0;
  size_t repair_window_ = kLeastRepairWindow;
  size_t repair_grown_ = 0;
  // Packets sent before belong to a delay that was answered.
  Instant repair_slowed_;
  // Least round trips: of this span, and of the one before.
  Instant base_since_;
  absl::Duration base_ = absl::InfiniteDuration();
  absl::Duration base_before_ = absl::InfiniteDuration();
  uint64_t recovery_ = 0;  // packets sent before this one belong to a loss already answered
  int backoff_ = 0;
  RoundTrip round_trip_;
  SmallQueue<Report> reports_;

  std::map<uint64_t, Partial> partials_;
  size_t partial_bytes_ = 0;
  SmallQueue<std::pair<Instant, uint64_t>> finished_;  // with the time, oldest first
};

}  // namespace p2pd::overlay
