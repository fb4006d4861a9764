#include "daemon/recorder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "libcore/base/file.h"
#include "libcore/base/mutex.h"
#include "libcore/media/audio_endpoints.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::daemon {
namespace {

class RecorderTest : public ::testing::Test {
 protected:
  void Open() {
    recorder_ = std::make_unique<Recorder>(
        folder_ / "recordings",
        [this](const session::CallId& call, const std::string&, const absl::Status& status) {
          const MutexLock lock(&mutex_);
          EXPECT_EQ(call, call_);
          ended_ = status;
        });
  }
  auto Start(media::RecordingFormat format = media::RecordingFormat::kWav) {
    return recorder_->Start(call_, "../b/ob@example.org", absl::FromUnixSeconds(1'700'000'000),
                            format);
  }
  // As the media thread does for a second.
  static void Talk(media::RecordingTap& tap) {
    media::ToneSource tone;
    tap.SetInner(&tone, nullptr, false);
    const std::vector<int16_t> half(media::kPullSamples, 5);
    for (int i = 0; i < 50; ++i) {
      media::Frame frame;
      tap.source().Read(frame);
      tap.sink().Write(half);
      tap.sink().Write(half);
    }
  }
  absl::Status WaitForEnd() {
    const MutexLock lock(&mutex_);
    const auto over = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ended_.has_value(); };
    mutex_.Await(absl::Condition(&over));
    return *ended_;
  }

  testing::TempFolder folder_;
  session::CallId call_{std::array<uint8_t, 16>{0xab, 0xcd, 0xef, 0x01}};
  std::unique_ptr<Recorder> recorder_;
  Mutex mutex_;
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(RecorderTest, WritesWhatATapHasUntilItIsClosed) {
  Open();
  const auto started = Start();
  ASSERT_TRUE(started.ok()) << started.status();
  // A name that leads nowhere else.
  EXPECT_EQ(started->path,
            folder_ / "recordings/20231114T221320Z-_._b_ob@example.org-abcdef01.wav");
  Talk(*started->tap);
  started->tap->Close();
  EXPECT_TRUE(WaitForEnd().ok());
  EXPECT_EQ(std::filesystem::file_size(started->path), 44u + 2 * 2 * 48'000);
  EXPECT_TRUE(absl::IsAlreadyExists(Start().status()));
}

TEST_F(RecorderTest, WhatWasSaidIsThereWhenTheDaemonEnds) {
  Open();
  const auto started = Start(media::RecordingFormat::kOpus);
  ASSERT_TRUE(started.ok()) << started.status();
  Talk(*started->tap);
  recorder_.reset();
  EXPECT_TRUE(WaitForEnd().ok());
  EXPECT_GT(std::filesystem::file_size(started->path), 1'000u);
}

TEST_F(RecorderTest, AFolderThatCannotBeIsSaidAtOnce) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "recordings", Bytes{1}, FileMode::kSecret).ok());
  Open();
  EXPECT_FALSE(Start().ok());
}

}  // namespace
}  // namespace p2pd::daemon
