#include "daemon/services/audio_stream.h"

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

class AudioStreamTest : public ServedNode {
 protected:
  // The reason with which a stream ends that begins with these messages.
  std::string EndOf(const std::vector<v1::StreamAudioRequest>& requests) {
    const auto stub = v1::CallService::NewStub(channel_);
    grpc::ClientContext context;
    SetDeadline(context);
    const auto stream = stub->StreamAudio(&context);
    for (const v1::StreamAudioRequest& request : requests) stream->Write(request);
    stream->WritesDone();
    v1::StreamAudioResponse response;
    while (stream->Read(&response)) {
    }
    return ReasonOfStatus(stream->Finish());
  }
};

TEST_F(AudioStreamTest, TheFirstMessageNamesTheCall) {
  EXPECT_EQ(EndOf({}), "START_MISSING");
  v1::StreamAudioRequest frame;
  frame.mutable_frame()->set_pcm("1234");
  EXPECT_EQ(EndOf({frame}), "START_MISSING");
  EXPECT_EQ(EndOf({v1::StreamAudioRequest()}), "START_MISSING");
}

TEST_F(AudioStreamTest, ACallThatIsNotThereIsNamed) {
  v1::StreamAudioRequest start;
  start.mutable_start()->set_call("calls/00112233445566778899aabbccddeeff");
  EXPECT_EQ(EndOf({start}), "CALL_UNKNOWN");
}

TEST_F(AudioStreamTest, AClientThatGoesAwayLeavesNothingBehind) {
  const auto stub = v1::CallService::NewStub(channel_);
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto stream = stub->StreamAudio(&context);
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
}

}  // namespace
}  // namespace p2pd::daemon
