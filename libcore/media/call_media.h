// CallMedia: the sound of one call, both directions: encodes and protects what a source says,
// verifies, buffers, conceals and decodes what the peer says, and measures both.
//
// It is a protocol object without I/O: give it ticks and datagrams with the time, then take what
// PollTransmit and PollEvent offer until they are empty. Rules:
//  - Call OnTick every 10 ms on an absolute schedule. Packets leave every 20 ms of the media clock,
//  which
//    is the `now` that is passed in; late ticks are caught up, up to kMaxCatchUp.
//  - A datagram costs a header check and one AES-GCM pass before it is believed; nothing else
//  happens for
//    a forged or replayed one but a counter.
//  - The peer's address changes by SetRemote only. A packet that verifies but comes from elsewhere
//  is
//    heard, and reported as kRemoteMoved; the session layer checks the new path and decides.
//  - SRTP contexts live as long as the object: hold, mute and a change of path leave them alone.
//  - Fresh keys come by Rekey. What is under way under the old ones is heard for kKeyOverlap more.
// Threads: one owner, the media thread. No lock; no allocation in steady state but the datagrams
// given out. Limits: the jitter buffer's (kMaxBufferedPackets), kMaxMediaEvents events,
// kMaxPendingDatagrams datagrams that wait for PollTransmit; what is beyond is dropped and counted.
// Sources: RFC 3550, RFC 3711, RFC 7714, RFC 7587, RFC 3611.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/media/audio.h"
#include "libcore/media/level_meter.h"
#include "libcore/media/negotiation.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"

namespace p2pd::media {

// How often OnTick wants to be called.
inline constexpr absl::Duration kTickInterval = absl::Milliseconds(10);
// A clock that jumps by more is not caught up: the missing time is left out and counted.
inline constexpr absl::Duration kMaxCatchUp = absl::Milliseconds(200);
// Without an authentic RTP packet for so long, the media counts as stalled.
inline constexpr absl::Duration kStallTime = absl::Seconds(2);
// After the first packet under fresh keys, those of before are forgotten: longer than any packet is
// overtaken.
inline constexpr absl::Duration kKeyOverlap = absl::Seconds(5);
inline constexpr size_t kMaxMediaEvents = 32;
inline constexpr size_t kMaxPendingDatagrams = 32;

struct CallMediaOptions {
  // Bit/s at most; brought into [kMinBitrate, what the peer wants at most]. Where the way has not
  // so much, less is sent (rate_ladder.h).
  int bitrate = kDefaultBitrate;
  // Opus's 0..10. FACTS: 5 costs 136 µs for 20 ms.
  int complexity = 5;
  // Nothing is sent while nobody speaks, but what a listener makes comfort noise of, each 400 ms.
  // Who looks on sees when somebody speaks.
  bool dtx = false;
};

// Of one epoch, both directions; the direction is ours.
struct CallMediaKeys {
  // SrtpKeySize of the suite each.
  SecretBytes send_key;
  SecretBytes receive_key;
  // kSrtpSaltSize bytes each.
  SecretBytes send_salt;
  SecretBytes receive_salt;
};

struct CallMediaConfig {
  Negotiated negotiated;
  CallMediaKeys keys;
  net::Endpoint remote;
  CallMediaOptions options;
};

struct MediaEvent {
  enum class Kind {
    kFirstAudio,       // the first frame of the peer was decoded and given to the sink
    kStalled,          // no authentic RTP for kStallTime (also when none ever came)
    kResumed,          // authentic RTP again after kStalled
    kSourceExhausted,  // our source has ended; silence is sent from now on
    kRemoteBye,        // the peer's RTCP BYE
    kRemoteMoved,      // an authentic packet came from `from`
  };
  Kind kind = Kind::kFirstAudio;
  Instant at;
  net::Endpoint from;  // kRemoteMoved only
};

// What the peer's RTCP says of our packets.
enum class PeerHears {
  kUnknown,  // no report yet that could tell
  kNothing,  // it reports, and has had none although we sent for a second
  kVoice,    // it has had some
};

// What a call shows. Totals since the start unless a field says otherwise.
struct CallStats {
  // Ours to the peer.
  std::optional<AudioLevel> send_level;  // of what is encoded; none before the first frame
  uint64_t packets_sent = 0;
  uint64_t bytes_sent = 0;       // UDP payload
  double send_bitrate = 0;       // bit/s of UDP payload over the last second or so
  int encoder_bitrate = 0;       // bit/s that Opus aims at
  int encoder_loss_percent = 0;  // what FEC is tuned to, from the peer's reports
  int copy_distance = 0;         // frames back of the copy in each packet (RED); 0: none
  absl::Duration send_queue;     // what our packets wait on the way, beyond the least lately
  // The peer's to us.
  std::optional<AudioLevel> receive_level;  // of what the sink hears; none before the first frame
  uint64_t packets_received = 0;
  uint64_t bytes_received = 0;
  double receive_bitrate = 0;
  uint64_t packets_lost = 0;          // expected less received, RFC 3550 §A.3
  double loss = 0;                    // share lost over the last report intervals, 0..1
  double remote_loss = 0;             // what the peer says of our packets
  absl::Duration jitter;              // RFC 3550 §6.4.1
  absl::Duration remote_jitter;       // what the peer says
  std::optional<absl::Duration> rtt;  // from RTCP; none before the first report
  PeerHears peer_hears = PeerHears::kUnknown;
  // Jitter buffer.
  absl::Duration buffer_delay;  // what a packet waits now, beyond the fastest
  absl::Duration buffer_target;
  uint64_t frames_played = 0;        // 20 ms each, of the peer's voice or its concealment
  uint64_t frames_concealed = 0;     // invented, nothing was there
  uint64_t frames_recovered = 0;     // from copies or the FEC of the next packet
  uint64_t packets_late = 0;         // came after their turn
  uint64_t packets_discarded = 0;    // buffer full, duplicate or not decodable
  uint64_t samples_accelerated = 0;  // taken out to lower the delay
  uint64_t samples_expanded = 0;     // put in to raise it
  double concealed = 0;              // share of frames_played, 0..1
  // Estimates (e_model.h).
  double r_factor = 0;
  double mos = 0;
  // Dropped before they counted.
  uint64_t dropped_forged = 0;
  uint64_t dropped_replayed = 0;
  uint64_t dropped_malformed = 0;
  uint64_t dropped_wrong_ssrc = 0;
  uint64_t dropped_unknown_key = 0;  // an MKI of keys that we have not, or no more
  uint32_t key_epoch = 0;            // of the keys that we send under
  // Ticks that came more than one interval late, and media time left out for that.
  uint64_t late_ticks = 0;
  absl::Duration skipped;
  const char* codec = "";  // "opus"
  const char* suite = "";  // "AEAD_AES_128_GCM"
};

class CallMedia {
 public:
  // `source`, `sink` and `rng` outlive the object; source and sink may be null (silence, nowhere).
  // InvalidArgument for keys of the wrong length, Internal when Opus refuses its parameters.
  static absl::StatusOr<std::unique_ptr<CallMedia>> Create(CallMediaConfig config,
                                                           AudioSource* source, AudioSink* sink,
                                                           Rng& rng);
  ~CallMedia();
  CallMedia(const CallMedia&) = delete;
  CallMedia& operator=(const CallMedia&) = delete;

  // Every kTickInterval; early and double calls are harmless.
  void OnTick(Instant now);
  // A datagram that the demultiplexer holds for RTP or RTCP. True when it was authentic, so that a
  // port that serves several calls can ask one after the other; SSRCs make that rare.
  bool OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  std::optional<net::Transmit> PollTransmit(Instant now);
  // When OnTick has something to do next; nullopt before the first OnTick.
  std::optional<Instant> PollTimeout() const;
  std::optional<MediaEvent> PollEvent();

  CallStats stats(Instant now) const;
  const Counters& counters() const;
  // The SSRC by which the peer's packets are told from those of other calls.
  uint32_t remote_ssrc() const;
  std::optional<net::Endpoint> remote() const;

  // Silence is sent instead of the source, which is still read.
  void SetMuted(bool muted);
  // We hold the call: the source is not read, a packet of silence a second keeps the path open, the
  // sink hears silence.
  void SetHold(bool hold);
  // The peer holds the call (known from signalling): the sink hears silence, stalls are not
  // reported.
  void SetRemoteHold(bool hold);
  // Where datagrams go from now on. nullopt: nowhere, nothing is sent; the source is still read.
  void SetRemote(const std::optional<net::Endpoint>& remote);
  // Fresh keys, of an epoch above the last. `send`: what leaves from now on is under them; else
  // from the first packet on that came under them. InvalidArgument for keys of the wrong length,
  // FailedPrecondition when packets carry no MKI.
  absl::Status Rekey(CallMediaKeys keys, uint32_t epoch, bool send);
  // From the next frame; the old one is not Finished. Null as in Create.
  void ReplaceSource(AudioSource* source);
  void ReplaceSink(AudioSink* sink);
  // Bit/s at most, brought into range.
  void SetBitrate(int bitrate);
  // Sends RTCP BYE (take it with PollTransmit), finishes the sink, and does nothing more.
  void Stop(Instant now);

 private:
  class Impl;
  explicit CallMedia(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::media
