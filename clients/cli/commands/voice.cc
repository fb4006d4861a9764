#include "clients/cli/commands/voice.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace p2pd::cli {
namespace {

// 20 ms at a time: small enough to hang up promptly, large enough to cost nothing.
constexpr size_t kFrameSamples = 960;

// The API's samples are little-endian.
std::string ToWire(const int16_t* samples, size_t count) {
  std::string pcm(count * 2, '\0');
  for (size_t i = 0; i < count; ++i) {
    const auto sample = static_cast<uint16_t>(samples[i]);
    pcm[2 * i] = static_cast<char>(sample & 0xff);
    pcm[2 * i + 1] = static_cast<char>(sample >> 8);
  }
  return pcm;
}

std::vector<int16_t> FromWire(const std::string& pcm) {
  std::vector<int16_t> samples(pcm.size() / 2);
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto low = static_cast<uint8_t>(pcm[2 * i]);
    const auto high = static_cast<uint8_t>(pcm[2 * i + 1]);
    samples[i] = static_cast<int16_t>(static_cast<uint16_t>(low | high << 8));
  }
  return samples;
}

}  // namespace

std::variant<VoiceFiles, std::string> OpenVoiceFiles(const std::string& play,
                                                     const std::string& record) {
  VoiceFiles files;
  if (!play.empty()) {
    auto samples = clients::ReadWav(play);
    if (auto* problem = std::get_if<clients::WavProblem>(&samples)) return problem->text;
    files.play = std::move(std::get<0>(samples));
  }
  if (!record.empty()) {
    if (!play.empty() && clients::SameFile(play, record)) {
      return absl::StrCat("--record ", record, " is the file that --play reads: name another");
    }
    auto writer = clients::WavWriter::Create(record);
    if (auto* problem = std::get_if<clients::WavProblem>(&writer)) return problem->text;
    files.record = std::move(std::get<0>(writer));
  }
  return files;
}

Voice::Voice(const clients::Connection& connection, const std::string& call, VoiceFiles* files)
    : files_(files),
      stub_(v1::CallService::NewStub(connection.channel())),
      context_(connection.StreamContext()),
      stream_(stub_->StreamAudio(context_.get())),
      call_(call),
      sender_([this] { Send(); }),
      receiver_([this] { Receive(); }) {}

Voice::~Voice() {
  context_->TryCancel();
  if (sender_.joinable()) sender_.join();
  if (receiver_.joinable()) receiver_.join();
}

void Voice::Send() {
  v1::StreamAudioRequest request;
  request.mutable_start()->set_call(call_);
  request.mutable_start()->set_direction(v1::AudioStart::BOTH);
  if (!stream_->Write(request)) return;
  const std::vector<int16_t>& samples = files_->play;
  for (size_t at = 0; at < samples.size(); at += kFrameSamples) {
    request.mutable_frame()->set_pcm(
        ToWire(samples.data() + at, std::min(kFrameSamples, samples.size() - at)));
    if (!stream_->Write(request)) return;
  }
  stream_->WritesDone();
}

void Voice::Receive() {
  v1::StreamAudioResponse response;
  while (stream_->Read(&response)) {
    if (!response.has_frame() || !files_->record) continue;
    const v1::AudioFrame& frame = response.frame();
    // What was left out is silence in the recording, so that it keeps the time of the call.
    const size_t missing = std::min<size_t>(frame.dropped_frame_count(), 3000) * kFrameSamples;
    if (missing > 0) files_->record->Append(std::vector<int16_t>(missing));
    files_->record->Append(FromWire(frame.pcm()));
  }
}

grpc::Status Voice::Finish(bool answered) {
  receiver_.join();
  sender_.join();
  grpc::Status status = stream_->Finish();
  if (files_->record) {
    if (answered) files_->record->Begin();
    const std::string problem = files_->record->Close();
    if (!problem.empty()) return grpc::Status(grpc::StatusCode::DATA_LOSS, problem);
  }
  return status;
}

}  // namespace p2pd::cli
