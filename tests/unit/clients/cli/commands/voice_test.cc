#include "clients/cli/commands/voice.h"

#include <filesystem>

#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class VoiceTest : public WithFakeDaemon {
 protected:
  std::unique_ptr<clients::Connection> Connect() {
    auto opened = clients::Connection::Open({.control = control_});
    return std::move(std::get<0>(opened));
  }
};

TEST_F(VoiceTest, NoFilesAreNoVoice) {
  const auto opened = OpenVoiceFiles("", "");

  ASSERT_EQ(opened.index(), 0u);
  EXPECT_TRUE(std::get<VoiceFiles>(opened).play.empty());
  EXPECT_EQ(std::get<VoiceFiles>(opened).record, nullptr);
}

TEST_F(VoiceTest, SendsAllAndRecordsWhatComesBackSampleForSample) {
  const auto connection = Connect();
  auto opened = OpenVoiceFiles("", Path("heard.wav"));
  VoiceFiles files = std::move(std::get<VoiceFiles>(opened));
  for (int i = 0; i < 5000; ++i) files.play.push_back(static_cast<int16_t>(i * 13 - 32000));
  const std::vector<int16_t> said = files.play;

  {
    Voice voice(*connection, "calls/00ff", &files);
    EXPECT_TRUE(voice.Finish(/*answered=*/true).ok());
  }

  const auto heard = clients::ReadWav(Path("heard.wav"));
  ASSERT_EQ(heard.index(), 0u);
  ASSERT_EQ(std::get<0>(heard).size(), said.size());
  // The reader goes through floating point and a resampler of ratio 1: one step of rounding.
  for (size_t i = 0; i < said.size(); ++i) EXPECT_NEAR(std::get<0>(heard)[i], said[i], 1) << i;
}

TEST_F(VoiceTest, PlayingAndRecordingOneFileIsRefused) {
  auto writer = clients::WavWriter::Create(Path("same.wav"));
  ASSERT_TRUE(std::get<0>(writer)->Append(std::vector<int16_t>(4800, 1)));
  ASSERT_EQ(std::get<0>(writer)->Close(), "");
  std::filesystem::create_symlink("same.wav", Path("link.wav"));

  for (const char* name : {"same.wav", "link.wav"}) {
    const auto opened = OpenVoiceFiles(Path("same.wav"), Path(name));
    const auto* problem = std::get_if<std::string>(&opened);
    ASSERT_NE(problem, nullptr) << name;
    EXPECT_NE(problem->find(Path(name)), std::string::npos) << *problem;
  }
  EXPECT_EQ(std::get<0>(clients::ReadWav(Path("same.wav"))).size(), 4800u);
}

TEST_F(VoiceTest, GoesAwayCleanlyWhenTheCallNeverEnds) {
  const auto connection = Connect();
  VoiceFiles files;
  files.play.assign(1000000, 0);

  {
    const Voice voice(*connection, "calls/00ff", &files);
  }

  SUCCEED();
}

}  // namespace
}  // namespace p2pd::cli
