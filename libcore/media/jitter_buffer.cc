#include "libcore/media/jitter_buffer.h"

#include <algorithm>
#include <numeric>

#include "libcore/media/time_stretch.h"

namespace p2pd::media {
namespace {

// A frame may wait in the fifo for almost one pull before it is played.
constexpr absl::Duration kPullTime = kFrameDuration;
// Target floor while packets are lost: FEC of a packet is in the next one, 20 ms later, and that
// may be a little late as well.
constexpr absl::Duration kFecTarget = absl::Milliseconds(30);
// Share of frames lost, averaged over about 200 frames (4 s), from which FEC counts.
constexpr double kLossSeen = 0.004;
constexpr double kLossMemory = 1.0 / 200;
// The delay may stray so far from the target before speech is scaled.
constexpr absl::Duration kTooMuch = absl::Milliseconds(7);
constexpr absl::Duration kTooLittle = absl::Milliseconds(4);
// Beyond, delay is taken back at every frame, with rougher seams.
constexpr absl::Duration kFarTooMuch = absl::Milliseconds(40);
// Frames between two operations: 60 ms keep the rhythm natural.
constexpr int kScalingPause = 3;
// How alike two periods must be; less is asked the longer no good place came.
constexpr double kAlike = 0.9;
constexpr double kAlikeStep = 0.02;
constexpr double kLeastAlike = 0.5;

}  // namespace

JitterBuffer::JitterBuffer(FrameDecoder& decoder)
    : decoder_(decoder), packets_(kMaxBufferedPackets) {
  std::iota(order_.begin(), order_.end(), uint8_t{0});
}

absl::Duration JitterBuffer::target() const {
  absl::Duration target = estimator_.target();
  if (loss_ >= kLossSeen) target = std::max(target, kFecTarget);
  return target + kPullTime;
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
  estimator_.OnPacket(now, extended);
  if (playing_ && extended < next_timestamp_) {
    ++stats_.packets_late;
    return;
  }
  if (waiting_ == kMaxBufferedPackets) {
    stats_.packets_flushed += waiting_;
    Pause();
  }
  size_t place = waiting_;
  while (place > 0 && at(place - 1).timestamp > extended) --place;
  if (place > 0 && at(place - 1).timestamp == extended) {
    ++stats_.packets_duplicate;
    return;
  }
  const auto first = order_.begin() + static_cast<std::ptrdiff_t>(place);
  std::rotate(first, order_.begin() + static_cast<std::ptrdiff_t>(waiting_),
              order_.begin() + static_cast<std::ptrdiff_t>(waiting_) + 1);
  Packet& packet = at(place);
  packet.timestamp = extended;
  packet.samples = *samples;
  packet.size = payload.size();
  std::copy(payload.begin(), payload.end(), packet.payload.begin());
  ++waiting_;
  ++stats_.packets_inserted;
}

void JitterBuffer::Pause() {
  waiting_ = 0;
  fifo_size_ = 0;
  stood_in_ = 0;
  playing_ = false;
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
  if (early >= static_cast<int64_t>(kFrameSamples)) return false;
  fifo_size_ = static_cast<size_t>(std::max<int64_t>(early, 0));
  std::fill_n(fifo_.begin(), fifo_size_, int16_t{0});
  stats_.samples_silent += fifo_size_;
  next_timestamp_ = at(0).timestamp;
  stood_in_ = 0;
  frames_since_scaling_ = 0;
  frames_wishing_ = 0;
  playing_ = true;
  return true;
}

JitterBuffer::Sound JitterBuffer::Get(Instant now, Frame& out) {
  if (!playing_ && !Start(now)) {
    out.fill(0);
    stats_.samples_silent += kFrameSamples;
    return Sound::kSilence;
  }
  any_voice_in_frame_ = false;
  // What is left over from the last frame was voice more often than not.
  if (fifo_size_ > 0) any_voice_in_frame_ = stood_in_ == 0;
  while (fifo_size_ < kFrameSamples && playing_) DecodeNext();
  if (playing_) Scale(now);
  const size_t count = std::min(fifo_size_, kFrameSamples);
  std::copy_n(fifo_.begin(), count, out.begin());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(count), out.end(), int16_t{0});
  std::copy(fifo_.begin() + static_cast<std::ptrdiff_t>(count),
            fifo_.begin() + static_cast<std::ptrdiff_t>(fifo_size_), fifo_.begin());
  fifo_size_ -= count;
  stats_.samples_silent += kFrameSamples - count;
  return any_voice_in_frame_ ? Sound::kVoice : Sound::kConcealed;
}

absl::Span<int16_t> JitterBuffer::FifoTail() { return absl::MakeSpan(fifo_).subspan(fifo_size_); }

void JitterBuffer::NoteLoss(bool lost) { loss_ += ((lost ? 1.0 : 0.0) - loss_) * kLossMemory; }

void JitterBuffer::DecodeNext() {
  DropPlayed();
  if (waiting_ == 0) {
    ConcealFrame();
    return;
  }
  const Packet& first = at(0);
  // What lies between what was played, or stood in for, and the first packet.
  const int64_t missing = first.timestamp - next_timestamp_ - stood_in_;
  if (missing <= 0) {
    DecodeFirst();
  } else if (missing <= static_cast<int64_t>(kFrameSamples) && OpusPacketHasFec(first.view())) {
    RecoverFrom(first, static_cast<size_t>(missing));
  } else {
    NoteLoss(true);
    ConcealFrame();
  }
}

void JitterBuffer::DecodeFirst() {
  const Packet& packet = at(0);
  const size_t samples = decoder_.Decode(packet.view(), FifoTail());
  if (samples == 0) {
    ++stats_.packets_undecodable;
    DropFront(1);
    ConcealFrame();
    return;
  }
  next_timestamp_ = packet.timestamp + static_cast<int64_t>(packet.samples);
  stood_in_ = 0;
  fifo_size_ += samples;
  stats_.samples_decoded += samples;
  any_voice_in_frame_ = true;
  NoteLoss(false);
  DropFront(1);
}

void JitterBuffer::RecoverFrom(const Packet& packet, size_t samples) {
  NoteLoss(true);
  const size_t got = decoder_.DecodeFec(packet.view(), samples, FifoTail());
  if (got == 0) {
    ConcealFrame();
    return;
  }
  fifo_size_ += got;
  stood_in_ += static_cast<int64_t>(got);
  stats_.samples_recovered += got;
  any_voice_in_frame_ = true;
}

void JitterBuffer::ConcealFrame() {
  if (SamplesToDuration(stood_in_) >= kMaxConcealment) {
    // Nothing to go on from: silence, and a fresh start at the next packet.
    ++stats_.pauses;
    playing_ = false;
    stood_in_ = 0;
    delay_ = absl::ZeroDuration();
    return;
  }
  size_t got = decoder_.Conceal(kFrameSamples, FifoTail());
  if (got == 0) {
    got = kFrameSamples;
    std::fill_n(FifoTail().begin(), got, int16_t{0});
  }
  fifo_size_ += got;
  stood_in_ += static_cast<int64_t>(got);
  stats_.samples_concealed += got;
}

// The sample behind the fifo is that of next_timestamp_ + stood_in_; it plays when the fifo is
// empty.
absl::Duration JitterBuffer::DelayAt(Instant now) const {
  return now + SamplesToDuration(static_cast<int64_t>(fifo_size_)) -
         estimator_.EarliestArrival(next_timestamp_ + stood_in_);
}

// Decodes the next packet ahead of its turn if it is there, so that something can be taken out.
void JitterBuffer::DecodeAhead() {
  if (fifo_size_ >= kFrameSamples + kMaxStretchLag) return;
  if (waiting_ == 0 || at(0).timestamp != next_timestamp_) return;
  DecodeFirst();
}

void JitterBuffer::Scale(Instant now) {
  delay_ = DelayAt(now);
  ++frames_since_scaling_;
  const absl::Duration excess = delay_ - target();
  if (stood_in_ != 0 || (excess <= kTooMuch && excess >= -kTooLittle)) {
    frames_wishing_ = 0;
    return;
  }
  const bool urgent = excess > kFarTooMuch;
  if (!urgent && frames_since_scaling_ < kScalingPause) return;
  ++frames_wishing_;
  const double alike =
      urgent ? kLeastAlike : std::max(kAlike - kAlikeStep * frames_wishing_, kLeastAlike);
  const bool shorten = excess > absl::ZeroDuration();
  auto most = static_cast<size_t>(DurationToSamples((shorten ? excess : -excess) + kTooLittle));
  if (shorten) {
    DecodeAhead();
    most = std::min(most, fifo_size_ - kFrameSamples);  // a frame must be left
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
  frames_since_scaling_ = 0;
  frames_wishing_ = 0;
  delay_ = DelayAt(now);
}

}  // namespace p2pd::media
