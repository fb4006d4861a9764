// Two CallMedia over a simulated link: latency, jitter, loss in a row or at random, reordering,
// spikes, and a clock for each end that may drift.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/media/call_media.h"

namespace p2pd::media {

struct Link {
  absl::Duration latency = absl::Milliseconds(20);
  absl::Duration jitter;  // standard deviation of what is added, one-sided normal
  bool reorder = false;   // else first in, first out
  double loss = 0.0;      // at random
  double to_bad = 0.0;    // Gilbert: chance per packet to enter a state that loses all
  double to_good = 1.0;   // and to leave it
  double duplicate = 0.0;
  double kbps = 0.0;  // what passes, with 28 bytes of IP and UDP a packet; 0: everything
  absl::Duration queue = absl::Milliseconds(300);  // of room before that, then the tail is dropped
  absl::Duration spike;  // every 5 s, for 60 ms, packets take that much longer
};

class CallPair {
 public:
  struct Options {
    Link there;  // from a to b
    Link back;
    double drift_ppm = 0.0;  // b's clock against a's
    uint64_t seed = 1;
    NegotiationOptions offer;
    CallMediaOptions media;
    std::vector<int16_t> a_says;
    std::vector<int16_t> b_says;
    absl::Duration late_ticks;  // each tick comes up to so much late
  };
  explicit CallPair(Options options);

  // Lets both run for `duration` of a's time.
  void Run(absl::Duration duration);

  CallMedia& a() { return *a_.media; }
  CallMedia& b() { return *b_.media; }
  const std::vector<MediaEvent>& a_events() const { return a_.events; }
  const std::vector<MediaEvent>& b_events() const { return b_.events; }
  absl::Span<const int16_t> a_heard() const { return a_.sink->samples(); }
  absl::Span<const int16_t> b_heard() const { return b_.sink->samples(); }
  Instant Now(bool at_b = false) const { return Local(at_b ? b_ : a_); }
  Link& there() { return a_.link; }
  Link& back() { return b_.link; }
  net::Endpoint a_address() const { return a_.address; }
  net::Endpoint b_address() const { return b_.address; }
  void MoveA(const net::Endpoint& address) { a_.address = address; }
  // Datagrams from a to b are shown to this first; false keeps them back.
  std::function<bool(net::Transmit&)> tap;
  // Buffer delay of b every 100 ms.
  const std::vector<absl::Duration>& b_delays() const { return b_delays_; }
  size_t bytes_from_a() const { return bytes_from_a_; }

 private:
  struct End {
    std::unique_ptr<CallMedia> media;
    std::unique_ptr<BufferSource> source;
    std::unique_ptr<BufferSink> sink;
    net::Endpoint address;
    Link link;  // of what it sends
    bool bad = false;
    int64_t last_arrival = 0;
    int64_t free_at = 0;  // when the narrow way has sent what it has
    double rate = 1.0;
    Instant next_tick;
    std::vector<MediaEvent> events;
  };
  struct Flying {
    net::Endpoint from;
    Bytes datagram;
  };
  Instant Local(const End& end) const {
    return Instant::FromNanos(1'000'000'000 +
                              static_cast<int64_t>(static_cast<double>(time_) * end.rate));
  }
  void Drain(End& from, End& to);
  void Post(End& from, End& to, const net::Transmit& transmit);
  void Tick(End& end, End& other);

  SeededRng rng_;
  SeededRng media_rng_;
  absl::Duration late_ticks_;
  int64_t time_ = 0;  // nanoseconds
  End a_;
  End b_;
  std::multimap<int64_t, Flying> to_a_;  // by time of arrival
  std::multimap<int64_t, Flying> to_b_;
  std::vector<absl::Duration> b_delays_;
  int64_t next_sample_ = 0;
  size_t bytes_from_a_ = 0;
};

}  // namespace p2pd::media
