#include "tests/unit/media/call_pair.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "libcore/base/check.h"

namespace p2pd::media {
namespace {

constexpr int64_t kStep = 500'000;  // nanoseconds: the grain of the simulation
constexpr int64_t kTick = 10'000'000;

double Normal(Rng& rng) {
  const double u = 1.0 - rng.Unit();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * rng.Unit());
}

}  // namespace

CallPair::CallPair(Options options)
    : rng_(options.seed), media_rng_(options.seed + 1'000), late_ticks_(options.late_ticks) {
  const Offer offer = MakeOffer(options.offer, media_rng_);
  const auto answer = AnswerOffer(offer.encoded, NegotiationOptions{}, media_rng_);
  P2PD_CHECK(answer.has_value());
  const auto accepted = AcceptAnswer(offer, answer->encoded);
  P2PD_CHECK(accepted.has_value());

  a_.address = *net::Endpoint::Parse("192.0.2.1:7464");
  b_.address = *net::Endpoint::Parse("[2001:db8::2]:7464");
  a_.link = options.there;
  b_.link = options.back;
  b_.rate = 1.0 + options.drift_ppm / 1e6;
  a_.source = std::make_unique<BufferSource>(std::move(options.a_says));
  b_.source = std::make_unique<BufferSource>(std::move(options.b_says));
  const size_t key_size = SrtpKeySize(accepted->suite);
  const Bytes key_ab(key_size, 1), key_ba(key_size, 2), salt_ab(kSrtpSaltSize, 3),
      salt_ba(kSrtpSaltSize, 4);
  const auto make = [&](End& end, const Negotiated& negotiated, const net::Endpoint& remote,
                        bool is_a) {
    end.sink = std::make_unique<BufferSink>(size_t{kSampleRate} * 3600);
    CallMediaConfig config;
    config.negotiated = negotiated;
    config.keys.send_key = SecretBytes(ByteView(is_a ? key_ab : key_ba));
    config.keys.send_salt = SecretBytes(ByteView(is_a ? salt_ab : salt_ba));
    config.keys.receive_key = SecretBytes(ByteView(is_a ? key_ba : key_ab));
    config.keys.receive_salt = SecretBytes(ByteView(is_a ? salt_ba : salt_ab));
    config.remote = remote;
    config.options = options.media;
    auto media = CallMedia::Create(std::move(config), end.source.get(), end.sink.get(), media_rng_);
    P2PD_CHECK(media.ok());
    end.media = *std::move(media);
  };
  make(a_, *accepted, b_.address, true);
  make(b_, answer->negotiated, a_.address, false);
  a_.next_tick = Local(a_);
  // The two clocks are not in step.
  b_.next_tick = Local(b_) + absl::Nanoseconds(static_cast<int64_t>(rng_.Below(kTick)));
}

void CallPair::Post(End& from, End& to, const net::Transmit& transmit) {
  const Link& link = from.link;
  from.bad = from.bad ? rng_.Unit() >= link.to_good : rng_.Unit() < link.to_bad;
  if (from.bad || rng_.Unit() < link.loss) return;
  int64_t sent = time_;
  if (link.kbps > 0.0) {
    sent = std::max(sent, from.free_at);
    if (sent - time_ > absl::ToInt64Nanoseconds(link.queue)) return;
    const auto bits = static_cast<double>(8 * (transmit.datagram.size() + 28));
    from.free_at = sent += static_cast<int64_t>(bits / link.kbps * 1e6);
  }
  int64_t arrival = sent + absl::ToInt64Nanoseconds(link.latency);
  arrival += static_cast<int64_t>(std::abs(Normal(rng_)) *
                                  static_cast<double>(absl::ToInt64Nanoseconds(link.jitter)));
  if (time_ % 5'000'000'000 >= 2'000'000'000 && time_ % 5'000'000'000 < 2'060'000'000) {
    arrival += absl::ToInt64Nanoseconds(link.spike);
  }
  if (!link.reorder) arrival = std::max(arrival, from.last_arrival);
  from.last_arrival = std::max(from.last_arrival, arrival);
  auto& inbox = &to == &a_ ? to_a_ : to_b_;
  inbox.emplace(arrival, Flying{from.address, transmit.datagram});
  if (rng_.Unit() < link.duplicate) {
    inbox.emplace(arrival + 3'000'000, Flying{from.address, transmit.datagram});
  }
}

void CallPair::Drain(End& from, End& to) {
  while (auto transmit = from.media->PollTransmit(Local(from))) {
    if (&from == &a_) bytes_from_a_ += transmit->datagram.size();
    if (&from == &a_ && tap && !tap(*transmit)) continue;
    if (transmit->to == to.address) Post(from, to, *transmit);
  }
  while (const auto event = from.media->PollEvent()) from.events.push_back(*event);
}

void CallPair::Tick(End& end, End& other) {
  const Instant now = Local(end);
  if (now < end.next_tick) return;
  end.media->OnTick(now);
  // On an absolute schedule, each a little late by chance.
  Instant due = end.next_tick;
  while (due <= now) due = due + absl::Nanoseconds(kTick);
  const auto late = static_cast<uint64_t>(absl::ToInt64Nanoseconds(late_ticks_));
  end.next_tick = late == 0 ? due : due + absl::Nanoseconds(static_cast<int64_t>(rng_.Below(late)));
  Drain(end, other);
}

void CallPair::Run(absl::Duration duration) {
  const int64_t end = time_ + absl::ToInt64Nanoseconds(duration);
  for (; time_ < end; time_ += kStep) {
    for (auto* side : {&a_, &b_}) {
      auto& inbox = side == &a_ ? to_a_ : to_b_;
      while (!inbox.empty() && inbox.begin()->first <= time_) {
        const Flying flying = std::move(inbox.begin()->second);
        inbox.erase(inbox.begin());
        side->media->OnDatagram(Local(*side), flying.from, flying.datagram);
        Drain(*side, side == &a_ ? b_ : a_);
      }
    }
    Tick(a_, b_);
    Tick(b_, a_);
    if (time_ >= next_sample_) {
      b_delays_.push_back(b_.media->stats(Local(b_)).buffer_delay);
      next_sample_ += 100'000'000;
    }
  }
}

}  // namespace p2pd::media
