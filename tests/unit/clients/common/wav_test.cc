#include "clients/common/wav.h"

#include <sndfile.h>
#include <sys/stat.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "gtest/gtest.h"

namespace p2pd::clients {
namespace {

class WavTest : public ::testing::Test {
 protected:
  WavTest() {
    char pattern[] = "/tmp/p2pctl-wav-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~WavTest() override { EXPECT_EQ(std::system(("rm -rf '" + folder_ + "'").c_str()), 0); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // A sine of 440 Hz, one second, the same on all channels.
  void WriteSine(const std::string& path, int rate, int channels) {
    SF_INFO info{};
    info.samplerate = rate;
    info.channels = channels;
    info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
    ASSERT_NE(file, nullptr);
    std::vector<float> samples;
    for (int i = 0; i < rate; ++i) {
      const double value = 0.5 * std::sin(2 * std::numbers::pi * 440 * i / rate);
      samples.insert(samples.end(), static_cast<size_t>(channels), static_cast<float>(value));
    }
    sf_writef_float(file, samples.data(), rate);
    sf_close(file);
  }

  std::string folder_;
};

TEST_F(WavTest, AnyRateAndChannelsBecome48kHzMono) {
  for (const auto& [rate, channels] : std::vector<std::pair<int, int>>{
           {8000, 1}, {16000, 1}, {44100, 2}, {48000, 1}, {96000, 6}}) {
    WriteSine(Path("x.wav"), rate, channels);

    const auto read = ReadWav(Path("x.wav"));

    ASSERT_EQ(read.index(), 0u) << rate;
    const std::vector<int16_t>& samples = std::get<0>(read);
    EXPECT_NEAR(static_cast<double>(samples.size()), kSampleRate, 10) << rate;
    // Where the sine should be, away from the resampler's edges.
    double error = 0;
    for (size_t i = 4800; i < 43200; ++i) {
      const double expected =
          16384 * std::sin(2 * std::numbers::pi * 440 * static_cast<double>(i) / kSampleRate);
      error = std::max(error, std::abs(expected - samples[i]));
    }
    EXPECT_LT(error, 400) << rate;
  }
}

TEST_F(WavTest, ProblemsNameTheFile) {
  std::ofstream(Path("text.wav")) << "this is no sound at all, whatever its name says";
  std::ofstream(Path("empty.wav")) << "";
  for (const char* name : {"none.wav", "text.wav", "empty.wav"}) {
    const auto read = ReadWav(Path(name));
    const auto* problem = std::get_if<WavProblem>(&read);
    ASSERT_NE(problem, nullptr) << name;
    EXPECT_NE(problem->text.find(name), std::string::npos);
  }
}

TEST_F(WavTest, WhatIsWrittenCanBeReadBeforeItIsClosed) {
  auto made = WavWriter::Create(Path("r.wav"));
  ASSERT_EQ(made.index(), 0u);
  WavWriter& writer = *std::get<0>(made);
  ASSERT_TRUE(writer.Append(std::vector<int16_t>(4800, 100)));

  const auto read = ReadWav(Path("r.wav"));

  ASSERT_EQ(read.index(), 0u);
  EXPECT_EQ(std::get<0>(read).size(), 4800u);
  EXPECT_EQ(writer.Close(), "");
  EXPECT_FALSE(writer.Append({1, 2, 3}));
}

TEST_F(WavTest, ARecordingThatNeverBeganChangesNothing) {
  WriteSine(Path("old.wav"), 8000, 1);
  const auto before = std::get<0>(ReadWav(Path("old.wav")));
  std::filesystem::create_symlink("old.wav", Path("link.wav"));

  for (const char* name : {"old.wav", "link.wav", "new.wav"}) {
    auto made = WavWriter::Create(Path(name));
    ASSERT_EQ(made.index(), 0u) << name;
  }

  EXPECT_EQ(std::get<0>(ReadWav(Path("old.wav"))), before);
  EXPECT_FALSE(std::filesystem::exists(Path("new.wav")));
}

TEST_F(WavTest, ARecordingThatBeganReplacesWhatWasThere) {
  WriteSine(Path("old.wav"), 8000, 1);
  std::filesystem::create_symlink("old.wav", Path("link.wav"));
  auto made = WavWriter::Create(Path("link.wav"));
  ASSERT_EQ(made.index(), 0u);

  ASSERT_TRUE(std::get<0>(made)->Begin());
  EXPECT_EQ(std::get<0>(made)->Close(), "");

  EXPECT_TRUE(std::filesystem::is_symlink(Path("link.wav")));
  EXPECT_EQ(std::filesystem::file_size(Path("old.wav")), 44u);
}

TEST_F(WavTest, FoldersAndPipesWithoutReaderAreNoRecordings) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  for (const std::string& path : {folder_, Path("pipe"), Path("no/such.wav")}) {
    auto made = WavWriter::Create(path);
    const auto* problem = std::get_if<WavProblem>(&made);
    ASSERT_NE(problem, nullptr) << path;
    EXPECT_NE(problem->text.find(path), std::string::npos);
  }
}

TEST_F(WavTest, OneFileHasManyNames) {
  WriteSine(Path("x.wav"), 8000, 1);
  WriteSine(Path("y.wav"), 8000, 1);
  std::filesystem::create_symlink("x.wav", Path("link.wav"));
  std::filesystem::create_hard_link(Path("x.wav"), Path("hard.wav"));

  EXPECT_TRUE(SameFile(Path("x.wav"), folder_ + "/./x.wav"));
  EXPECT_TRUE(SameFile(Path("x.wav"), Path("link.wav")));
  EXPECT_TRUE(SameFile(Path("x.wav"), Path("hard.wav")));
  EXPECT_FALSE(SameFile(Path("x.wav"), Path("y.wav")));
  EXPECT_FALSE(SameFile(Path("none"), Path("none")));
}

TEST_F(WavTest, AFullDiskIsReported) {
  auto made = WavWriter::Create("/dev/full");
  if (const auto* problem = std::get_if<WavProblem>(&made)) {
    EXPECT_NE(problem->text.find("/dev/full"), std::string::npos);
    return;
  }
  WavWriter& writer = *std::get<0>(made);
  bool written = true;
  for (int i = 0; i < 100 && written; ++i) written = writer.Append(std::vector<int16_t>(48000, 1));
  EXPECT_FALSE(written);
  EXPECT_NE(writer.Close().find("/dev/full"), std::string::npos);
}

}  // namespace
}  // namespace p2pd::clients
