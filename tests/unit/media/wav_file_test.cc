#include "libcore/media/wav_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>

#include "libcore/base/file.h"
#include "libcore/media/audio_endpoints.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::media {
namespace {

using ::testing::HasSubstr;

void Little(Bytes& to, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) to.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// A WAV by hand, so that the reader is not judged by our own writer.
Bytes Wav(int format, int channels, int rate, int bits, const Bytes& data) {
  Bytes file;
  Append(file, AsBytes("RIFF"));
  Little(file, 36 + data.size(), 4);
  Append(file, AsBytes("WAVEfmt "));
  Little(file, 16, 4);
  Little(file, static_cast<uint64_t>(format), 2);
  Little(file, static_cast<uint64_t>(channels), 2);
  Little(file, static_cast<uint64_t>(rate), 4);
  Little(file, static_cast<uint64_t>(rate) * static_cast<uint64_t>(channels * bits / 8), 4);
  Little(file, static_cast<uint64_t>(channels * bits / 8), 2);
  Little(file, static_cast<uint64_t>(bits), 2);
  Append(file, AsBytes("data"));
  Little(file, data.size(), 4);
  Append(file, data);
  return file;
}

TEST(DecodeWav, SixteenBitMonoIsTakenAsItIs) {
  Bytes data;
  for (int i = 0; i < 1'000; ++i) Little(data, static_cast<uint16_t>(i * 13 - 5'000), 2);
  const auto samples = DecodeWav(Wav(1, 1, 48'000, 16, data));
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 1'000u);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ((*samples)[static_cast<size_t>(i)], i * 13 - 5'000);
}

TEST(DecodeWav, ChannelsAreAveraged) {
  Bytes data;
  for (int i = 0; i < 100; ++i) {
    Little(data, 1'000, 2);
    Little(data, 3'000, 2);
  }
  const auto samples = DecodeWav(Wav(1, 2, 48'000, 16, data));
  ASSERT_TRUE(samples.ok());
  ASSERT_EQ(samples->size(), 100u);
  EXPECT_EQ((*samples)[50], 2'000);
}

TEST(DecodeWav, OtherRatesBecome48k) {
  for (const int rate : {8'000, 16'000, 44'100, 96'000}) {
    const Bytes data(static_cast<size_t>(rate) * 2, 0);
    const auto samples = DecodeWav(Wav(1, 1, rate, 16, data));
    ASSERT_TRUE(samples.ok()) << rate;
    EXPECT_EQ(samples->size(), 48'000u) << rate;
  }
}

TEST(DecodeWav, Encodings) {
  Bytes eight(100, 192);  // unsigned, 128 is zero: half of full scale
  EXPECT_EQ((*DecodeWav(Wav(1, 1, 48'000, 8, eight)))[50], 16'384);
  Bytes wide;
  for (int i = 0; i < 100; ++i) Little(wide, 0x400000, 3);
  EXPECT_EQ((*DecodeWav(Wav(1, 1, 48'000, 24, wide)))[50], 16'384);
  Bytes real;
  for (int i = 0; i < 100; ++i) {
    const float half = 0.5f;
    uint32_t bits = 0;
    std::memcpy(&bits, &half, 4);
    Little(real, bits, 4);
  }
  EXPECT_EQ((*DecodeWav(Wav(3, 1, 48'000, 32, real)))[50], 16'384);
  const auto mu_law = DecodeWav(Wav(7, 1, 8'000, 8, Bytes(8'000, 0xff)));
  ASSERT_TRUE(mu_law.ok());
  EXPECT_EQ((*mu_law)[24'000], 0);
}

TEST(DecodeWav, FloatsThatAreNoNumbersAreSilence) {
  Bytes data;
  for (int i = 0; i < 100; ++i) Little(data, i % 2 == 0 ? 0x7fc00000u : 0xff800000u, 4);
  const auto samples = DecodeWav(Wav(3, 1, 48'000, 32, data));
  ASSERT_TRUE(samples.ok());
  EXPECT_EQ((*samples)[7], 0);
}

TEST(DecodeWav, SaysWhatIsWrong) {
  const auto message = [](const Bytes& file) {
    const auto samples = DecodeWav(file);
    EXPECT_EQ(samples.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(samples.status().message());
  };
  EXPECT_THAT(message({}), HasSubstr("not a WAV file"));
  EXPECT_THAT(message(ToBytes("fLaC this is FLAC and not WAV")), HasSubstr("not a WAV file"));
  EXPECT_THAT(message(ToBytes("RIFF1234WAVE")), HasSubstr("damaged"));
  EXPECT_THAT(message(Wav(1, 1, 48'000, 16, {})), HasSubstr("without samples"));
  EXPECT_THAT(message(Wav(1, 1, 1'000, 16, Bytes(200))), HasSubstr("1000 Hz"));
  EXPECT_THAT(message(Wav(1, 33, 48'000, 16, Bytes(6'600))), HasSubstr("33 channels"));
}

TEST(DecodeWav, RefusesEncodingsNobodyAskedFor) {
  // 2 is Microsoft's ADPCM; libsndfile would read it, with a decoder of its own.
  Bytes file = Wav(1, 1, 8'000, 16, Bytes(2'000));
  file[20] = 2;
  EXPECT_FALSE(DecodeWav(file).ok());
}

TEST(DecodeWav, AShortFileGivesWhatIsThere) {
  const Bytes file = Wav(1, 1, 48'000, 16, Bytes(2'000, 1));
  const auto samples = DecodeWav(ByteView(file).first(file.size() - 1'000));
  ASSERT_TRUE(samples.ok());
  EXPECT_EQ(samples->size(), 500u);
}

TEST(DecodeWav, TooLongIsRefused) {
  // 4 kHz in 8 bits: half an hour and a second is 7 MB.
  const auto samples = DecodeWav(Wav(1, 1, 4'000, 8, Bytes(4'000 * 1'801, 128)));
  EXPECT_EQ(samples.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ReadWav, NamesThePath) {
  const testing::TempFolder folder;
  const auto missing = ReadWav(folder / "none.wav");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("none.wav"));
  ASSERT_TRUE(WriteFileAtomically(folder / "bad.wav", AsBytes("hello"), FileMode::kPublic).ok());
  const auto bad = ReadWav(folder / "bad.wav");
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("bad.wav: not a WAV file"));
}

TEST(EncodeWav, ComesBack) {
  std::vector<int16_t> samples;
  for (int i = 0; i < 5'000; ++i) samples.push_back(static_cast<int16_t>(i * 7 - 17'000));
  const auto back = DecodeWav(EncodeWav(samples));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, samples);
}

TEST(WavWriter, IsValidAtAnyMoment) {
  const testing::TempFolder folder;
  const std::string path = folder / "call.wav";
  auto writer = WavWriter::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ToneSource tone;
  Frame frame;
  for (int i = 0; i < 60; ++i) {
    tone.Read(frame);
    (*writer)->Write(frame);
  }
  // As after kill -9: not finished. The header counts whole half seconds.
  auto heard = ReadWav(path);
  ASSERT_TRUE(heard.ok()) << heard.status();
  EXPECT_EQ(heard->size(), 48'000u);
  (*writer)->Finish();
  heard = ReadWav(path);
  ASSERT_TRUE(heard.ok());
  EXPECT_EQ(heard->size(), 60 * kFrameSamples);
  (*writer)->Finish();
  (*writer)->Write(frame);  // after the end: nothing
  EXPECT_EQ((*writer)->data_bytes(), 60 * kFrameSamples * 2);
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(WavWriter, TellsThatItCannot) {
  const testing::TempFolder folder;
  const auto writer = WavWriter::Create(folder / "no/such/folder.wav");
  EXPECT_EQ(writer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(writer.status().message()), HasSubstr("folder.wav"));
}

TEST(WavWriter, AFullDiskStopsTheRecordingOnly) {
  auto writer = WavWriter::Create("/dev/full");
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace p2pd::media
