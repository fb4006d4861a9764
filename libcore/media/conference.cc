#include "libcore/media/conference.h"

#include <algorithm>
#include <cmath>

#include "libcore/base/check.h"

namespace p2pd::media {
namespace {

// What waits for who hears: three frames, and the one that is being said.
constexpr size_t kRing = 4 * kFrameSamples;
// Two clocks of one beat: whoever hears stays this far behind, so that nothing is missing when the
// other is served later in a beat.
constexpr size_t kReserve = kPullSamples;
constexpr size_t kMostWaiting = 3 * kFrameSamples;

// Loudness rises within a frame and falls to a third in 300 ms.
constexpr double kFallPerSample = 1.0 / (0.3 * kSampleRate);
// Who is louder than this speaks: -50 dBov, where rooms end.
constexpr double kSpeech = 103.0;
// Who is heard stays so while nobody else is twice as loud.
constexpr double kFavour = 2.0;
// Of full scale per sample: in and out within a frame.
constexpr float kFade = 1.0F / kFrameSamples;

// What the sum is held below, and how the gain comes back: 6 dB in half a second.
constexpr float kCeiling = 30'000.0F;
constexpr float kRecovery = 0.5F / (0.5F * kSampleRate);

}  // namespace

struct Conference::Party {
  // What it said last, faded already; sample i at i % kRing.
  std::array<int16_t, kRing> said{};
  uint64_t written = 0;
  double loudness = 0.0;
  bool heard = false;  // among the loudest
  float gain = 0.0F;
  // As one who hears: how far it is with what each other said.
  struct Place {
    uint64_t at = 0;
    bool hears = false;
  };
  std::array<Place, kParties> places{};
  float ceiling_gain = 1.0F;
};

Conference::Conference() = default;
Conference::~Conference() = default;

std::unique_ptr<Conference::Seat> Conference::Join() {
  for (size_t own = 0; own < kParties; own += 2) {
    if (parties_[own] != nullptr) continue;
    parties_[own] = std::make_unique<Party>();
    parties_[own + 1] = std::make_unique<Party>();
    return std::unique_ptr<Seat>(new Seat(*this, own, own + 1));
  }
  return nullptr;
}

size_t Conference::seats() const {
  return static_cast<size_t>(
      std::count_if(parties_.begin(), parties_.end(),
                    [](const std::unique_ptr<Party>& party) { return party != nullptr; }) /
      2);
}

Conference::Seat::~Seat() {
  for (const size_t party : {own_, far_}) {
    conference_.parties_[party] = nullptr;
    for (const std::unique_ptr<Party>& other : conference_.parties_) {
      if (other != nullptr) other->places[party] = {};
    }
  }
}

void Conference::Seat::SetOwn(AudioSource* source, AudioSink* sink) {
  plays_ = source;
  hears_ = sink;
}

bool Conference::Seat::Source::Read(Frame& out) {
  Frame own = kSilentFrame;
  if (seat_.plays_ != nullptr && !seat_.plays_->Read(own)) {
    // Its file is over; the others go on.
    own = kSilentFrame;
    seat_.plays_ = nullptr;
  }
  seat_.conference_.Say(seat_.own_, seat_.muted_ ? kSilentFrame : own);
  seat_.conference_.Hear(seat_.far_, absl::MakeSpan(out));
  return true;
}

void Conference::Seat::Sink::Write(absl::Span<const int16_t> samples) {
  seat_.conference_.Say(seat_.far_, samples);
  if (seat_.hears_ == nullptr) return;
  Frame mix;
  P2PD_CHECK(samples.size() <= mix.size());
  const absl::Span<int16_t> out = absl::MakeSpan(mix).first(samples.size());
  seat_.conference_.Hear(seat_.own_, out);
  seat_.hears_->Write(out);
}

// How loud this party is, and whether it is among those who are heard.
void Conference::Judge(size_t party, absl::Span<const int16_t> samples) {
  Party& speaker = *parties_[party];
  double squares = 0.0;
  for (const int16_t sample : samples) squares += static_cast<double>(sample) * sample;
  const auto count = static_cast<double>(samples.size());
  const double now = std::sqrt(squares / count);
  const double faded = speaker.loudness * std::exp(-count * kFallPerSample);
  speaker.loudness = std::max(now, faded);

  const double weight = speaker.loudness * (speaker.heard ? kFavour : 1.0);
  size_t before = 0;
  for (size_t other = 0; other < kParties; ++other) {
    if (other == party || parties_[other] == nullptr) continue;
    const Party& rival = *parties_[other];
    if (rival.loudness * (rival.heard ? kFavour : 1.0) > weight) ++before;
  }
  speaker.heard = speaker.loudness > kSpeech && before < kLoudest;
}

void Conference::Say(size_t party, absl::Span<const int16_t> samples) {
  if (samples.empty()) return;
  P2PD_CHECK(samples.size() <= kFrameSamples);
  Judge(party, samples);
  Party& speaker = *parties_[party];
  const float aim = speaker.heard ? 1.0F : 0.0F;
  for (const int16_t sample : samples) {
    speaker.gain = std::clamp(aim, speaker.gain - kFade, speaker.gain + kFade);
    const float faded = speaker.gain * static_cast<float>(sample);
    speaker.said[speaker.written++ % kRing] = static_cast<int16_t>(std::lround(faded));
  }
}

void Conference::Hear(size_t party, absl::Span<int16_t> out) {
  Party& listener = *parties_[party];
  std::array<float, kFrameSamples> sum{};
  for (size_t other = 0; other < kParties; ++other) {
    if (other == party || parties_[other] == nullptr) continue;
    const Party& speaker = *parties_[other];
    Party::Place& place = listener.places[other];
    const uint64_t wanted = out.size() + (place.hears ? 0 : kReserve);
    if (speaker.written - place.at > kMostWaiting) place.at = speaker.written - wanted;
    place.hears = speaker.written - place.at >= wanted;
    if (!place.hears) continue;
    for (size_t i = 0; i < out.size(); ++i) {
      sum[i] += static_cast<float>(speaker.said[(place.at + i) % kRing]);
    }
    place.at += out.size();
  }
  float peak = 0.0F;
  for (size_t i = 0; i < out.size(); ++i) peak = std::max(peak, std::abs(sum[i]));
  const float most = peak > kCeiling ? kCeiling / peak : 1.0F;
  for (size_t i = 0; i < out.size(); ++i) {
    listener.ceiling_gain = std::min(most, listener.ceiling_gain + kRecovery);
    out[i] = static_cast<int16_t>(std::lround(sum[i] * listener.ceiling_gain));
  }
}

}  // namespace p2pd::media
