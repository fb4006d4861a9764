#include "libcore/media/resampler.h"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace p2pd::media {
namespace {

// speexdsp's 0..10: 256 taps and 0.97 of the band kept. Files are converted once, before a call.
constexpr int kQuality = SPEEX_RESAMPLER_QUALITY_MAX;
// Samples given to the library at once; it counts in 32 bits.
constexpr size_t kBlock = 4'096;

struct ResamplerFreer {
  void operator()(SpeexResamplerState* state) const { speex_resampler_destroy(state); }
};

}  // namespace

absl::StatusOr<std::vector<int16_t>> Resample(absl::Span<const int16_t> input, int from_hz,
                                              int to_hz) {
  for (const int rate : {from_hz, to_hz}) {
    if (rate < kMinFileRate || rate > kMaxFileRate) {
      return absl::InvalidArgumentError(absl::StrCat("sample rate ", rate, " Hz is not between ",
                                                     kMinFileRate, " and ", kMaxFileRate));
    }
  }
  if (from_hz == to_hz) return std::vector<int16_t>(input.begin(), input.end());
  int error = RESAMPLER_ERR_SUCCESS;
  const std::unique_ptr<SpeexResamplerState, ResamplerFreer> state(speex_resampler_init(
      1, static_cast<spx_uint32_t>(from_hz), static_cast<spx_uint32_t>(to_hz), kQuality, &error));
  if (state == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot resample from ", from_hz, " Hz: ", speex_resampler_strerror(error)));
  }
  // Takes the filter's delay off the start; the zeros fed at the end bring out what it holds back.
  speex_resampler_skip_zeros(state.get());
  const uint64_t wanted =
      (uint64_t{input.size()} * static_cast<uint64_t>(to_hz) + static_cast<uint64_t>(from_hz) / 2) /
      static_cast<uint64_t>(from_hz);
  std::vector<int16_t> output(wanted);
  const std::vector<int16_t> zeros(kBlock);
  size_t taken = 0;
  size_t made = 0;
  // The zeros that may be needed: the filter's length. A block that makes nothing would loop.
  const size_t latency = static_cast<size_t>(speex_resampler_get_input_latency(state.get()));
  const size_t end = input.size() + 2 * latency + kBlock;
  while (made < output.size() && taken < end) {
    const bool tail = taken >= input.size();
    const size_t left = tail ? zeros.size() : std::min(kBlock, input.size() - taken);
    auto in_size = static_cast<spx_uint32_t>(left);
    auto out_size = static_cast<spx_uint32_t>(std::min<size_t>(output.size() - made, 1u << 20));
    speex_resampler_process_int(state.get(), 0, tail ? zeros.data() : input.data() + taken,
                                &in_size, output.data() + made, &out_size);
    if (in_size == 0 && out_size == 0) break;
    taken += in_size;
    made += out_size;
  }
  return output;
}

}  // namespace p2pd::media
