#include "libcore/media/recording.h"

#include <gtest/gtest.h>
#include <sndfile.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "libcore/media/audio_endpoints.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::media {
namespace {

// A call of 20 ms: what is sent, and what is heard in two halves.
void Tick(RecordingTap& tap, int16_t heard) {
  Frame out = kSilentFrame;
  tap.source().Read(out);
  const std::vector<int16_t> half(kPullSamples, heard);
  tap.sink().Write(half);
  tap.sink().Write(half);
}

struct Taken {
  std::vector<int16_t> left;
  std::vector<int16_t> right;
};
Taken TakeAll(RecordingTap& tap) {
  Taken out;
  std::vector<int16_t> frames(2'000);
  while (const size_t count = tap.Take(absl::MakeSpan(frames))) {
    for (size_t i = 0; i < count; ++i) {
      out.left.push_back(frames[2 * i]);
      out.right.push_back(frames[2 * i + 1]);
    }
  }
  return out;
}

TEST(RecordingTap, BothSidesStandBesideEachOtherAndAreHeardAsBefore) {
  RecordingTap tap;
  BufferSource says(std::vector<int16_t>(kSampleRate, 100));
  BufferSink hears(kSampleRate);
  tap.SetInner(&says, &hears, false);
  for (int i = 0; i < 10; ++i) Tick(tap, 200);
  const Taken taken = TakeAll(tap);
  EXPECT_EQ(taken.left, std::vector<int16_t>(10 * kFrameSamples, 100));
  EXPECT_EQ(taken.right, std::vector<int16_t>(10 * kFrameSamples, 200));
  EXPECT_EQ(hears.samples().size(), 10 * kFrameSamples);
  EXPECT_EQ(tap.lost_samples(), 0u);
}

TEST(RecordingTap, WhoIsMutedOrAwayIsSilent) {
  RecordingTap tap;
  BufferSource says(std::vector<int16_t>(kSampleRate, 100));
  tap.SetInner(&says, nullptr, true);
  Tick(tap, 200);
  tap.SetInner(nullptr, nullptr, false);
  Tick(tap, 200);
  const Taken taken = TakeAll(tap);
  EXPECT_EQ(taken.left, std::vector<int16_t>(2 * kFrameSamples, 0));
  EXPECT_EQ(says.position(), kFrameSamples) << "muted, it goes on being taken";
}

TEST(RecordingTap, AHeldSideFallsBehindByALittleAndNoMore) {
  RecordingTap tap;
  // The source waits while a call is held, and the sink hears silence.
  const std::vector<int16_t> half(kPullSamples, 7);
  size_t taken = 0;
  for (int i = 0; i < 1'000; ++i) {
    tap.sink().Write(half);
    if (i % 10 == 0) taken += TakeAll(tap).right.size();
  }
  EXPECT_GT(taken, 1'000 * kPullSamples - kSampleRate / 3);
  tap.Close();
  taken += TakeAll(tap).right.size();
  EXPECT_EQ(taken, 1'000 * kPullSamples);
  EXPECT_TRUE(tap.drained());
}

TEST(RecordingTap, ADiskThatIsTooBusyLosesWhatIsBeyondTwoSeconds) {
  RecordingTap tap;
  for (int i = 0; i < 150; ++i) Tick(tap, 1);
  EXPECT_EQ(tap.lost_samples(), 2 * 50 * kFrameSamples);
  EXPECT_EQ(TakeAll(tap).left.size(), kTapSamples);
}

class RecordingFileTest : public ::testing::TestWithParam<RecordingFormat> {
 protected:
  // Samples of both channels as another reader finds them.
  std::vector<int16_t> Read() const {
    SF_INFO info{};
    SNDFILE* const file = sf_open(path_.c_str(), SFM_READ, &info);
    if (file == nullptr) return {};
    EXPECT_EQ(info.channels, 2);
    EXPECT_EQ(info.samplerate, kSampleRate);
    std::vector<int16_t> out(static_cast<size_t>(10 * 2 * kSampleRate));
    const auto count = sf_readf_short(file, out.data(), 10 * kSampleRate);
    sf_close(file);
    out.resize(static_cast<size_t>(2 * count));
    return out;
  }
  testing::TempFolder folder_;
  std::string path_ = folder_ / "call";
};

TEST_P(RecordingFileTest, IsReadByOthersAndBelongsToItsOwner) {
  auto file = RecordingFile::Create(path_, GetParam());
  ASSERT_TRUE(file.ok()) << file.status();
  ToneSource tone(440.0, 0.5);
  std::vector<int16_t> frames(2 * kFrameSamples);
  for (int i = 0; i < 100; ++i) {
    Frame left;
    tone.Read(left);
    for (size_t j = 0; j < kFrameSamples; ++j) frames[2 * j] = left[j];
    ASSERT_TRUE((*file)->Write(frames).ok());
    // A crash leaves what there is.
    if (i == 90) EXPECT_GT(Read().size(), 2u * kSampleRate / 2);
  }
  ASSERT_TRUE((*file)->Close().ok());
  struct stat facts{};
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  const std::vector<int16_t> read = Read();
  EXPECT_NEAR(static_cast<double>(read.size()), 2 * 100 * kFrameSamples, 2 * kFrameSamples);
  int16_t left = 0;
  int16_t right = 0;
  for (size_t i = 0; i + 1 < read.size(); i += 2) {
    left = std::max(left, read[i]);
    right = std::max<int16_t>(right, static_cast<int16_t>(std::abs(read[i + 1])));
  }
  EXPECT_GT(left, 14'000);
  EXPECT_LT(right, 200);
}

TEST_P(RecordingFileTest, NothingIsOverwritten) {
  ASSERT_TRUE(RecordingFile::Create(path_, GetParam()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(RecordingFile::Create(path_, GetParam()).status()));
  EXPECT_TRUE(absl::IsNotFound(RecordingFile::Create(folder_ / "no/call", GetParam()).status()));
}

INSTANTIATE_TEST_SUITE_P(Formats, RecordingFileTest,
                         ::testing::Values(RecordingFormat::kWav, RecordingFormat::kOpus));

}  // namespace
}  // namespace p2pd::media
