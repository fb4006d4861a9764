// MediaHost: the media thread. It runs the CallMedia of every call by a beat of 10 ms, and is
// reached from the core thread by bounded queues alone; no lock is shared between the two.
//
// Rules: packets and commands wait in their queues until the next tick, packets with the time of
// their arrival, so that 10 ms of waiting do not show as jitter. A packet is told to its call by
// its SSRC. The beat rests while no call runs. What a call plays and hears is handed in as source
// and sink and kept until the call stops. Threads: all methods from the core thread; `send` and
// `report` are called on the media thread. Limits: kMaxPackets waiting packets (newest refused,
// counted), kMaxCommands commands.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <variant>

#include "absl/functional/any_invocable.h"
#include "libcore/base/bounded_queue.h"
#include "libcore/base/rng.h"
#include "libcore/media/audio.h"
#include "libcore/media/call_media.h"
#include "libcore/media/conference.h"
#include "libcore/media/recording.h"
#include "libcore/net/endpoint.h"
#include "libcore/node/call_desk.h"
#include "libcore/runtime/tick_loop.h"

namespace p2pd::daemon {

// What a call plays and where what it hears goes. Owners: the gRPC stream that feeds it, and the
// media thread while the call runs.
struct CallAudio {
  std::shared_ptr<media::AudioSource> source;  // null: silence
  std::shared_ptr<media::AudioSink> sink;      // null: nowhere
};

class MediaHost {
 public:
  // 64 calls of 100 packets a second for 0.3 s.
  static constexpr size_t kMaxPackets = 2048;
  // A few for each of 64 calls.
  static constexpr size_t kMaxCommands = 4096;
  using Send = absl::AnyInvocable<void(const net::Endpoint&, ByteView)>;
  using Report = absl::AnyInvocable<void(node::MediaReport)>;

  MediaHost(Rng& rng, Send send, Report report);
  ~MediaHost();

  // `audio` counts for MediaStart only.
  void Obey(node::MediaCommand command, CallAudio audio);
  // Replaces what a running call plays (when `source` is set) or where it is heard (when `sink`
  // is).
  void SetAudio(const session::CallId& call, CallAudio audio);
  // From now on the call is heard by `tap` too; null: by the one before no more, which is closed,
  // as it is at the call's end.
  void SetTap(const session::CallId& call, std::shared_ptr<media::RecordingTap> tap);
  // A datagram of kind RTP or RTCP.
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);

  // To be called about once a second: lets the beat rest when the last call has stopped.
  void Rest();

  runtime::TickStats ticks() const { return beat_->stats(); }
  uint64_t dropped_queue_full() const { return dropped_queue_full_; }
  uint64_t dropped_unknown_ssrc() const {
    return dropped_unknown_ssrc_.load(std::memory_order_relaxed);
  }
  // Calls whose media runs, as commanded.
  size_t running() const { return running_; }

 private:
  struct Packet {
    Instant at;
    net::Endpoint from;
    Bytes datagram;
  };
  struct Voice {
    CallAudio audio;
    std::shared_ptr<media::Conference> conference;
    std::unique_ptr<media::Conference::Seat> seat;
    std::shared_ptr<media::RecordingTap> tap;
    std::unique_ptr<media::CallMedia> media;
    bool muted = false;
    Instant report_at;
    bool stopped = false;
  };
  struct AudioChange {
    session::CallId call;
    CallAudio audio;
  };
  struct TapChange {
    session::CallId call;
    std::shared_ptr<media::RecordingTap> tap;
  };
  struct Command {
    std::variant<node::MediaCommand, AudioChange, TapChange> what;
    CallAudio audio;                                // of MediaStart
    std::shared_ptr<media::Conference> conference;  // of MediaSeat
  };

  // Core thread.
  void Push(Command command);
  std::shared_ptr<media::Conference> ConferenceOf(uint64_t number);
  // Media thread.
  void OnTick(Instant due);
  void Run(Instant now, Command command);
  void Start(Instant now, node::MediaStart start, CallAudio audio);
  void Switch(Instant now, node::MediaSwitch order);
  void Stop(Instant now, const session::CallId& call);
  void Change(AudioChange change);
  void Change(TapChange change);
  static void Seat(Voice& voice, std::shared_ptr<media::Conference> conference);
  static void Connect(Voice& voice);
  void Deliver(const Packet& packet);
  void Drain(Instant now, const session::CallId& call, Voice& voice);
  Voice* Find(const session::CallId& call);

  Rng& rng_;
  Send send_;
  Report report_;
  BoundedQueue<Packet> packets_{kMaxPackets};
  BoundedQueue<Command> commands_{kMaxCommands};
  uint64_t dropped_queue_full_ = 0;  // core thread
  size_t running_ = 0;               // core thread
  // By number; core thread. The calls in them keep them.
  std::map<uint64_t, std::weak_ptr<media::Conference>> conferences_;
  std::atomic<uint64_t> dropped_unknown_ssrc_{0};
  std::map<session::CallId, Voice> voices_;  // media thread
  // Last, so that the thread ends before what it uses.
  std::unique_ptr<runtime::TickLoop> beat_;
};

}  // namespace p2pd::daemon
