#include "libcore/media/jitter_buffer.h"

#include <algorithm>
#include <numeric>

#include "libcore/base/check.h"
#include "libcore/media/time_stretch.h"

namespace p2pd::media {
namespace {

// The delay may stray so far from the target before speech is scaled.
constexpr absl::Duration kTooMuch = absl::Milliseconds(5);
constexpr absl::Duration kTooLittle = absl::Milliseconds(3);
// Beyond, delay is taken back three times as often, with rougher seams.
constexpr absl::Duration kFarTooMuch = absl::Milliseconds(40);
// Between two operations: 60 ms keep the rhythm natural.
constexpr absl::Duration kScalingPause = absl::Milliseconds(60);
constexpr absl::Duration kUrgentPause = absl::Milliseconds(20);
// How alike two periods must be; less is asked the longer no good place came.
constexpr double kAlike = 0.9;
constexpr double kAlikeStep = 0.02;
constexpr double kLeastAlike = 0.5;
// 2.5 ms over which what was recovered takes over from what was invented.
constexpr size_t kSeam = 120;

}  // namespace

JitterBuffer::JitterBuffer(FrameDecoder& decoder, size_t pull_samples)
    : decoder_(decoder), pull_samples_(pull_samples), packets_(kMaxBufferedPackets) {
  P2PD_CHECK(pull_samples > 0 && pull_samples <= kFrameSamples);
  std::iota(order_.begin(), order_.end(), uint8_t{0});
}

absl::Duration JitterBuffer::target() const {
  return estimator_.target() + SamplesToDuration(static_cast<int64_t>(pull_samples_));
}

JitterBufferStats JitterBuffer::stats() const {
  JitterBufferStats stats = stats_;
  stats.packets_waiting = waiting_;
  return stats;
}

void JitterBuffer::Insert(Instant now, uint32_t timestamp, ByteView payload) {
  const auto samples = OpusPacketSamples(payload);
  if (!samples || payload.size() > kMaxOpusPayload) {
    ++stats_.packets_undecodable;
    return;
  }
  const int64_t extended = unwrap_(timestamp);
  if (estimator_.IsJump(now, extended)) {
    ++stats_.restarts;
    stats_.packets_flushed += waiting_;
    Pause();
    estimator_.Restart();
  }
  const bool first = !estimator_.started();
  estimator_.OnPacket(now, {.timestamp = extended,
                            .samples = *samples,
                            .has_fec = OpusPacketHasFec(payload),
                            .after_pause = newest_silent_});
  if (first || extended > newest_) {
    newest_ = extended;
    newest_silent_ = payload.size() <= kMaxDtxPayload;
  }
  if (playing_ && extended < next_timestamp_) {
    ++stats_.packets_late;
    return;
  }
  if (waiting_ == kMaxBufferedPackets) {
    stats_.packets_flushed += waiting_;
    Pause();
  }
  const size_t place = PlaceOf(extended);
  if (place > 0 && at(place - 1).timestamp == extended) {
    if (!at(place - 1).copy) ++stats_.packets_duplicate;
    at(place - 1).copy = false;
    return;
  }
  Keep(place, extended, *samples, payload, false);
  ++stats_.packets_inserted;
}

// What is before the first packet, or was stood in for, or is there, needs no copy.
void JitterBuffer::InsertCopy(Instant now, uint32_t timestamp, ByteView payload) {
  const auto samples = OpusPacketSamples(payload);
  if (!samples || payload.size() > kMaxOpusPayload || waiting_ == 0 ||
      waiting_ == kMaxBufferedPackets) {
    return;
  }
  const int64_t extended = unwrap_(timestamp);
  if (extended >= newest_) return;
  estimator_.OnCopy(now, extended, *samples);
  const int64_t first = playing_ ? next_timestamp_ : at(0).timestamp;
  const size_t place = PlaceOf(extended);
  if (extended < first || (place > 0 && at(place - 1).timestamp == extended)) return;
  Keep(place, extended, *samples, payload, true);
  ++stats_.copies_inserted;
}

// Behind how many waiting packets one of `timestamp` belongs.
size_t JitterBuffer::PlaceOf(int64_t timestamp) {
  size_t place = waiting_;
  while (place > 0 && at(place - 1).timestamp > timestamp) --place;
  return place;
}

void JitterBuffer::Keep(size_t place, int64_t timestamp, size_t samples, ByteView payload,
                        bool copy) {
  const auto here = order_.begin() + static_cast<std::ptrdiff_t>(place);
  std::rotate(here, order_.begin() + static_cast<std::ptrdiff_t>(waiting_),
              order_.begin() + static_cast<std::ptrdiff_t>(waiting_) + 1);
  Packet& packet = at(place);
  packet.timestamp = timestamp;
  packet.samples = samples;
  packet.size = payload.size();
  packet.copy = copy;
  std::copy(payload.begin(), payload.end(), packet.payload.begin());
  ++waiting_;
}

void JitterBuffer::Pause() {
  waiting_ = 0;
  fifo_size_ = 0;
  stood_in_ = 0;
  playing_ = false;
  silent_ = false;
  delay_ = absl::ZeroDuration();
}

void JitterBuffer::DropFront(size_t count) {
  const auto first = order_.begin();
  std::rotate(first, first + static_cast<std::ptrdiff_t>(count),
              first + static_cast<std::ptrdiff_t>(waiting_));
  waiting_ -= count;
}

// Packets whose turn is over: a jump past them was decided meanwhile.
void JitterBuffer::DropPlayed() {
  size_t over = 0;
  while (over < waiting_ && at(over).timestamp < next_timestamp_) ++over;
  if (over == 0) return;
  stats_.packets_late += over;
  DropFront(over);
}

// Begins to play when the first packet has waited for the target; fills up with silence to the
// sample.
bool JitterBuffer::Start(Instant now) {
  if (waiting_ == 0) return false;
  const Instant due = estimator_.EarliestArrival(at(0).timestamp) + target();
  const int64_t early = DurationToSamples(due - now);
  if (early >= static_cast<int64_t>(pull_samples_)) return false;
  fifo_size_ = static_cast<size_t>(std::max<int64_t>(early, 0));
  std::fill_n(fifo_.begin(), fifo_size_, int16_t{0});
  stats_.samples_silent += fifo_size_;
  next_timestamp_ = at(0).timestamp;
  stood_in_ = 0;
  since_scaling_ = absl::ZeroDuration();
  pulls_wishing_ = 0;
  silent_ = false;
  playing_ = true;
  return true;
}

JitterBuffer::Sound JitterBuffer::Get(Instant now, absl::Span<int16_t> out) {
  P2PD_CHECK(out.size() == pull_samples_);
  if (!playing_ && !Start(now)) {
    std::fill(out.begin(), out.end(), int16_t{0});
    stats_.samples_silent += out.size();
    return Sound::kSilence;
  }
  any_voice_in_frame_ = false;
  // What is left over from the last pull was voice more often than not.
  if (fifo_size_ > 0) any_voice_in_frame_ = stood_in_ == 0;
  while (fifo_size_ < out.size() && playing_) DecodeNext(now);
  if (playing_) Scale(now);
  const size_t count = std::min(fifo_size_, out.size());
  std::copy_n(fifo_.begin(), count, out.begin());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(count), out.end(), int16_t{0});
  std::copy(fifo_.begin() + static_cast<std::ptrdiff_t>(count),
            fifo_.begin() + static_cast<std::ptrdiff_t>(fifo_size_), fifo_.begin());
  fifo_size_ -= count;
  stats_.samples_silent += out.size() - count;
  return any_voice_in_frame_ ? Sound::kVoice : Sound::kConcealed;
}

absl::Span<int16_t> JitterBuffer::FifoTail() { return absl::MakeSpan(fifo_).subspan(fifo_size_); }

void JitterBuffer::DecodeNext(Instant now) {
  DropPlayed();
  if (silent_) {
    PlayComfort(now);
    return;
  }
  if (waiting_ == 0) {
    // Short, so that a packet that comes meanwhile need not wait.
    Conceal(pull_samples_);
    return;
  }
  const Packet& first = at(0);
  // What lies between what was played, or stood in for, and the first packet.
  const int64_t missing = first.timestamp - next_timestamp_ - stood_in_;
  // The last of it can be had from the first packet.
  const auto last = static_cast<int64_t>(OpusPacketHasFec(first.view()) ? first.samples : 0);
  if (missing < 0 && first.copy) {
    DecodeRestOfCopy(static_cast<size_t>(-missing));
  } else if (missing <= 0) {
    DecodeFirst();
  } else if (missing <= last) {
    RecoverFrom(first, static_cast<size_t>(missing));
  } else {
    Conceal(static_cast<size_t>(std::min<int64_t>(missing - last, kFrameSamples)));
  }
}

void JitterBuffer::DecodeFirst() {
  const Packet& packet = at(0);
  const size_t samples = decoder_.Decode(packet.view(), FifoTail());
  if (samples == 0) {
    ++stats_.packets_undecodable;
    DropFront(1);
    Conceal(kFrameSamples);
    return;
  }
  next_timestamp_ = packet.timestamp + static_cast<int64_t>(packet.samples);
  silent_ = packet.silent();
  stood_in_ = 0;
  fifo_size_ += samples;
  (packet.copy ? stats_.samples_recovered : stats_.samples_decoded) += samples;
  any_voice_in_frame_ = true;
  DropFront(1);
}

// The last `samples` of the packet before this one. When its beginning was already stood in for,
// the two are blended.
void JitterBuffer::RecoverFrom(const Packet& packet, size_t samples) {
  std::array<int16_t, kMaxOpusSamples> recovered;
  std::array<int16_t, kSeam> invented{};
  const bool seam = samples < packet.samples && samples > kSeam;
  if (seam) decoder_.Conceal(kSeam, absl::MakeSpan(invented));
  const size_t got = decoder_.DecodeFec(packet.view(), packet.samples, absl::MakeSpan(recovered));
  if (got < samples) {
    Conceal(std::min(samples, kFrameSamples));
    return;
  }
  AppendRecovered(absl::MakeConstSpan(recovered).subspan(got - samples, samples),
                  absl::MakeConstSpan(invented).first(seam ? kSeam : 0));
  stood_in_ += static_cast<int64_t>(samples);
}

// A copy whose first `begun` samples were stood in for: time does not wait for it as it does for a
// late packet, since what comes after it is there.
void JitterBuffer::DecodeRestOfCopy(size_t begun) {
  const Packet& packet = at(0);
  std::array<int16_t, kMaxOpusSamples> recovered;
  std::array<int16_t, kSeam> invented{};
  const size_t seam = begun + kSeam < packet.samples ? kSeam : 0;
  if (seam > 0) decoder_.Conceal(kSeam, absl::MakeSpan(invented));
  const size_t got =
      begun < packet.samples ? decoder_.Decode(packet.view(), absl::MakeSpan(recovered)) : 0;
  if (got > begun) {
    AppendRecovered(absl::MakeConstSpan(recovered).subspan(begun, got - begun),
                    absl::MakeConstSpan(invented).first(seam));
    stood_in_ = 0;
    next_timestamp_ = packet.timestamp + static_cast<int64_t>(packet.samples);
  }
  DropFront(1);
}

// Puts `recovered` into the fifo, whose beginning fades over from `invented`.
void JitterBuffer::AppendRecovered(absl::Span<const int16_t> recovered,
                                   absl::Span<const int16_t> invented) {
  const auto out = FifoTail();
  for (size_t i = 0; i < recovered.size(); ++i) {
    const int weight = i < invented.size() ? static_cast<int>(i) : static_cast<int>(kSeam);
    const int rest = static_cast<int>(kSeam) - weight;
    const int old = rest > 0 ? invented[i] : 0;
    out[i] = static_cast<int16_t>((recovered[i] * weight + old * rest) / static_cast<int>(kSeam));
  }
  fifo_size_ += recovered.size();
  stats_.samples_recovered += recovered.size();
  any_voice_in_frame_ = true;
}

// Puts invented sound into the fifo; how much.
size_t JitterBuffer::Invent(size_t samples) {
  size_t got = decoder_.Conceal(samples, FifoTail());
  if (got == 0) {
    got = samples;
    std::fill_n(FifoTail().begin(), got, int16_t{0});
  }
  fifo_size_ += got;
  stood_in_ += static_cast<int64_t>(got);
  return got;
}

void JitterBuffer::Conceal(size_t samples) {
  if (SamplesToDuration(stood_in_) >= kMaxConcealment) {
    // Nothing to go on from: silence, and a fresh start at the next packet.
    ++stats_.pauses;
    playing_ = false;
    stood_in_ = 0;
    delay_ = absl::ZeroDuration();
    return;
  }
  stats_.samples_concealed += Invent(samples);
}

// The sender is silent: noise until its next packet is due at the target.
void JitterBuffer::PlayComfort(Instant now) {
  auto left = static_cast<int64_t>(pull_samples_);
  if (waiting_ == 0 && SamplesToDuration(stood_in_) >= kMaxComfort) {
    silent_ = false;
    return;
  }
  if (waiting_ > 0) {
    const Instant plays = now + SamplesToDuration(static_cast<int64_t>(fifo_size_));
    const Instant due = estimator_.EarliestArrival(at(0).timestamp) + target();
    left = DurationToSamples(due - plays);
    if (left < static_cast<int64_t>(kOpusStep)) {
      DecodeFirst();
      return;
    }
  }
  stats_.samples_comfort += Invent(std::min(static_cast<size_t>(left), pull_samples_));
}

// The sample behind the fifo is that of next_timestamp_ + stood_in_; it plays when the fifo is
// empty.
absl::Duration JitterBuffer::DelayAt(Instant now) const {
  return now + SamplesToDuration(static_cast<int64_t>(fifo_size_)) -
         estimator_.EarliestArrival(next_timestamp_ + stood_in_);
}

// Decodes the next packet ahead of its turn if it is there, so that something can be taken out.
void JitterBuffer::DecodeAhead() {
  if (fifo_size_ >= pull_samples_ + 2 * kMaxStretchLag) return;
  if (waiting_ == 0 || at(0).timestamp != next_timestamp_) return;
  DecodeFirst();
}

void JitterBuffer::Scale(Instant now) {
  delay_ = DelayAt(now);
  since_scaling_ += SamplesToDuration(static_cast<int64_t>(pull_samples_));
  const absl::Duration excess = delay_ - target();
  if (stood_in_ != 0 || (excess <= kTooMuch && excess >= -kTooLittle)) {
    pulls_wishing_ = 0;
    return;
  }
  const bool urgent = excess > kFarTooMuch;
  if (since_scaling_ < (urgent ? kUrgentPause : kScalingPause)) return;
  ++pulls_wishing_;
  const double alike =
      urgent ? kLeastAlike : std::max(kAlike - kAlikeStep * pulls_wishing_, kLeastAlike);
  const bool shorten = excess > absl::ZeroDuration();
  auto most = static_cast<size_t>(DurationToSamples((shorten ? excess : -excess) + kTooLittle));
  if (shorten) {
    DecodeAhead();
    most = std::min(most, fifo_size_ - pull_samples_);  // a pull must be left
  }
  const PitchMatch match = FindPitch(absl::MakeConstSpan(fifo_.data(), fifo_size_), most);
  if (match.lag == 0 || (!match.quiet && match.correlation < alike)) return;
  if (shorten) {
    fifo_size_ = RemovePeriod(absl::MakeSpan(fifo_.data(), fifo_size_), match.lag);
    stats_.samples_removed += match.lag;
  } else {
    fifo_size_ = InsertPeriod(absl::MakeSpan(fifo_), fifo_size_, match.lag);
    stats_.samples_inserted += match.lag;
  }
  since_scaling_ = absl::ZeroDuration();
  pulls_wishing_ = 0;
  delay_ = DelayAt(now);
}

}  // namespace p2pd::media
