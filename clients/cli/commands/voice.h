// Voice: the audio stream of one call, between WAV files on this side and the daemon. One thread
// sends, one receives.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "clients/common/connection.h"
#include "clients/common/wav.h"
#include "grpcpp/support/sync_stream.h"
#include "p2pd/v1/call_service.grpc.pb.h"

namespace p2pd::cli {

// What is played and where the recording goes, opened before anybody is called: a file that is
// missing or a folder that refuses must not ring somebody's telephone. What the recording replaces
// stays as it is until the call was answered.
struct VoiceFiles {
  std::vector<int16_t> play;
  std::unique_ptr<clients::WavWriter> record;
};
// Empty paths: nothing to play, nothing to record.
std::variant<VoiceFiles, std::string> OpenVoiceFiles(const std::string& play,
                                                     const std::string& record);

class Voice {
 public:
  // `call` is the resource name. `files` outlives the Voice.
  Voice(const clients::Connection& connection, const std::string& call, VoiceFiles* files);
  // Waits for the end of the stream, which comes with the end of the call, at most a few seconds
  // after `Finish`.
  ~Voice();
  Voice(const Voice&) = delete;
  Voice& operator=(const Voice&) = delete;

  // The call has ended: returns the status of the stream and what went wrong with the recording, if
  // anything did. A call that was `answered` and silent leaves an empty recording, any other none.
  grpc::Status Finish(bool answered);

 private:
  void Send();
  void Receive();

  VoiceFiles* files_;
  std::unique_ptr<v1::CallService::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamAudioRequest, v1::StreamAudioResponse>>
      stream_;
  std::string call_;
  std::thread sender_;
  std::thread receiver_;
};

}  // namespace p2pd::cli
