#include "libcore/media/opus_codec.h"

#include <gtest/gtest.h>

#include <cmath>

#include "libcore/base/rng.h"
#include "tests/unit/media/speech.h"

namespace p2pd::media {
namespace {

double Power(absl::Span<const int16_t> samples) {
  double sum = 0.0;
  for (const int16_t sample : samples) sum += 1.0 * sample * sample;
  return sum / static_cast<double>(samples.size());
}

class Codec : public ::testing::Test {
 protected:
  Codec() : speech_(MadeSpeech(3, 4)) {}
  Frame FrameAt(size_t i) const {
    Frame frame;
    std::copy_n(speech_.begin() + static_cast<std::ptrdiff_t>(i * kFrameSamples), kFrameSamples,
                frame.begin());
    return frame;
  }
  Bytes Encode(size_t i) {
    Bytes out(kMaxOpusPayload);
    out.resize(encoder_.Encode(FrameAt(i), absl::MakeSpan(out)));
    return out;
  }
  std::vector<int16_t> speech_;
  SpeechEncoder encoder_ = *SpeechEncoder::Create({});
  SpeechDecoder decoder_ = *SpeechDecoder::Create();
  std::vector<int16_t> out_ = std::vector<int16_t>(kMaxOpusSamples);
};

TEST_F(Codec, RateIsWhatWasAskedFor) {
  for (const int rate : {12'000, 24'000, 32'000, 64'000}) {
    encoder_.SetBitrate(rate);
    size_t bytes = 0;
    for (size_t i = 0; i < 200; ++i) bytes += Encode(i).size();
    EXPECT_NEAR(static_cast<double>(bytes) * 8 / 4.0, rate, 0.35 * rate);
  }
}

TEST_F(Codec, DecodesItsOwnFrames) {
  double error = 0.0;
  double power = 0.0;
  for (size_t i = 0; i < 200; ++i) {
    const Bytes packet = Encode(i);
    ASSERT_EQ(OpusPacketSamples(packet), kFrameSamples);
    ASSERT_EQ(decoder_.Decode(packet, absl::MakeSpan(out_)), kFrameSamples);
    // 6.5 ms later: 312 samples. Levels over a frame are enough here.
    const double a = std::sqrt(Power(FrameAt(i)));
    const double b = std::sqrt(Power(absl::MakeConstSpan(out_.data(), kFrameSamples)));
    error += std::abs(a - b);
    power += a;
  }
  EXPECT_LT(error, 0.5 * power);
}

TEST_F(Codec, FecBringsTheLostFrameBackBetterThanConcealment) {
  encoder_.SetLossPercent(20);
  std::vector<Bytes> packets;
  for (size_t i = 0; i < 200; ++i) packets.push_back(Encode(i));
  SpeechDecoder whole = *SpeechDecoder::Create();
  SpeechDecoder concealed = *SpeechDecoder::Create();
  double fec_error = 0.0;
  double concealed_error = 0.0;
  int with_fec = 0;
  std::vector<int16_t> truth(kMaxOpusSamples);
  std::vector<int16_t> invented(kMaxOpusSamples);
  for (size_t i = 0; i + 1 < packets.size(); ++i) {
    whole.Decode(packets[i], absl::MakeSpan(truth));
    if (i % 5 == 4 && OpusPacketHasFec(packets[i + 1])) {
      ++with_fec;
      ASSERT_EQ(decoder_.DecodeFec(packets[i + 1], kFrameSamples, absl::MakeSpan(out_)),
                kFrameSamples);
      ASSERT_EQ(concealed.Conceal(kFrameSamples, absl::MakeSpan(invented)), kFrameSamples);
      for (size_t n = 0; n < kFrameSamples; ++n) {
        fec_error += std::pow(1.0 * truth[n] - out_[n], 2.0);
        concealed_error += std::pow(1.0 * truth[n] - invented[n], 2.0);
      }
    } else {
      decoder_.Decode(packets[i], absl::MakeSpan(out_));
      concealed.Decode(packets[i], absl::MakeSpan(out_));
    }
  }
  EXPECT_GT(with_fec, 10);
  EXPECT_LT(fec_error, 0.8 * concealed_error);
}

TEST_F(Codec, NoFecWhereNoneIsExpected) {
  encoder_.SetLossPercent(0);
  int with_fec = 0;
  for (size_t i = 0; i < 100; ++i) with_fec += OpusPacketHasFec(Encode(i)) ? 1 : 0;
  EXPECT_EQ(with_fec, 0);
}

TEST_F(Codec, ConcealmentFadesAway) {
  for (size_t i = 0; i < 40; ++i) decoder_.Decode(Encode(i), absl::MakeSpan(out_));
  double last = 0.0;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(decoder_.Conceal(kFrameSamples, absl::MakeSpan(out_)), kFrameSamples);
    last = Power(absl::MakeConstSpan(out_.data(), kFrameSamples));
  }
  EXPECT_LT(last, Power(speech_) / 100);
}

TEST_F(Codec, StrangeSizesAreHandled) {
  EXPECT_EQ(decoder_.Conceal(0, absl::MakeSpan(out_)), 0u);
  EXPECT_EQ(decoder_.Conceal(100, absl::MakeSpan(out_)), 0u);
  EXPECT_EQ(decoder_.Conceal(kFrameSamples + 7, absl::MakeSpan(out_)), kFrameSamples);
  EXPECT_EQ(decoder_.DecodeFec(Encode(0), 50, absl::MakeSpan(out_)), 0u);
  EXPECT_EQ(decoder_.Decode(Encode(1), absl::MakeSpan(out_).first(100)), 0u);
}

TEST_F(Codec, GarbageIsNotDecoded) {
  EXPECT_FALSE(OpusPacketSamples({}).has_value());
  EXPECT_EQ(decoder_.Decode({}, absl::MakeSpan(out_)), 0u);
  EXPECT_FALSE(OpusPacketHasFec({}));
  EXPECT_FALSE(OpusPacketHasFec(Bytes{0x08}));
  SeededRng rng(9);
  for (int i = 0; i < 3'000; ++i) {
    Bytes packet(1 + rng.Below(200));
    rng.Fill(absl::MakeSpan(packet));
    const auto samples = OpusPacketSamples(packet);
    const size_t got = decoder_.Decode(packet, absl::MakeSpan(out_));
    EXPECT_LE(got, kMaxOpusSamples);
    if (!samples) {
      EXPECT_EQ(got, 0u);
    }
    decoder_.DecodeFec(packet, kFrameSamples, absl::MakeSpan(out_));
  }
}

TEST(SpeechEncoder, OptionsAreBroughtIntoRange) {
  EXPECT_TRUE(SpeechEncoder::Create({-5, 77, 900}).ok());
}

}  // namespace
}  // namespace p2pd::media
