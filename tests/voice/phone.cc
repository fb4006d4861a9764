// p2pd-voice-phone: a telephone without hardware at a running daemon: it says a WAV file at the
// pace of a microphone over the API's audio stream, notes to the microsecond when each sample was
// handed over, and records what comes back with the time at which it came.
//
//   p2pd-voice-phone --control unix:PATH (--dial EMAIL | --answer) --play F.wav --record F.wav
//     [--seconds N]
//
// Prints 'active' when voice may flow, and at the end one line of JSON: `mouth` and `ear`, seconds
// on CLOCK_MONOTONIC at which the first sample was said and the first recorded one was heard, and
// the call's own figures. The ear is a player that never runs dry in 99 of 100 frames: its clock
// starts as late behind the first frame as the 99th percentile of the frames needs. Exit codes: 0
// the call was hung up by plan, 1 otherwise, 2 usage.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "clients/common/connection.h"
#include "clients/common/wav.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/support/sync_stream.h"
#include "p2pd/v1/call_service.grpc.pb.h"

namespace p2pd::voice {
namespace {

// A sound card's usual period: 10 ms.
constexpr size_t kPeriodSamples = 480;
constexpr double kPeriod = 0.01;

using Samples = std::vector<int16_t>;

double Now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<double>(at.tv_sec) + 1e-9 * static_cast<double>(at.tv_nsec);
}

void SleepUntil(double at) {
  timespec deadline{};
  deadline.tv_sec = static_cast<time_t>(at);
  deadline.tv_nsec = static_cast<long>((at - static_cast<double>(deadline.tv_sec)) * 1e9);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) != 0) {
  }
}

class Phone {
 public:
  explicit Phone(const clients::Connection& connection)
      : connection_(connection), stub_(v1::CallService::NewStub(connection.channel())) {}

  bool Dial(const std::string& email) {
    v1::CreateCallRequest request;
    request.set_peer_email(email);
    v1::Call call;
    const auto context = connection_.UnaryContext();
    const grpc::Status status = stub_->CreateCall(context.get(), request, &call);
    if (!status.ok()) std::fprintf(stderr, "%s\n", status.error_message().c_str());
    name_ = call.name();
    return status.ok();
  }

  // Waits for a call and takes it.
  bool Answer() {
    const auto context = connection_.StreamContext();
    const auto reader = stub_->WatchCalls(context.get(), {});
    std::puts("waiting");
    std::fflush(stdout);
    v1::WatchCallsResponse seen;
    while (reader->Read(&seen)) {
      if (seen.call().direction() != v1::Call::INCOMING || seen.call().state() != v1::Call::RINGING)
        continue;
      name_ = seen.call().name();
      v1::AnswerCallRequest request;
      request.set_name(name_);
      v1::Call call;
      const auto unary = connection_.UnaryContext();
      const bool ok = stub_->AnswerCall(unary.get(), request, &call).ok();
      context->TryCancel();
      return ok;
    }
    return false;
  }

  // True once voice flows.
  bool WaitActive() {
    const auto context = connection_.StreamContext();
    v1::WatchCallsRequest request;
    request.set_name(name_);
    const auto reader = stub_->WatchCalls(context.get(), request);
    v1::WatchCallsResponse seen;
    while (reader->Read(&seen)) {
      if (seen.call().state() == v1::Call::ACTIVE || seen.call().state() == v1::Call::ENDED) break;
    }
    context->TryCancel();
    return seen.call().state() == v1::Call::ACTIVE;
  }

  // Speaks and listens for `seconds`, hangs up, and keeps what was heard.
  void Talk(const Samples& says, double seconds) {
    const auto context = connection_.StreamContext();
    const auto stream = stub_->StreamAudio(context.get());
    v1::StreamAudioRequest start;
    start.mutable_start()->set_call(name_);
    start.mutable_start()->set_live(true);
    stream->Write(start);
    std::thread listener([&] { Listen(*stream); });
    mouth_ = Now() + 0.1;
    v1::StreamAudioRequest chunk;
    for (size_t k = 0; static_cast<double>(k) * kPeriod < seconds; ++k) {
      std::string& pcm = *chunk.mutable_frame()->mutable_pcm();
      pcm.assign(2 * kPeriodSamples, '\0');
      for (size_t i = 0; i < kPeriodSamples && k * kPeriodSamples + i < says.size(); ++i) {
        const auto sample = static_cast<uint16_t>(says[k * kPeriodSamples + i]);
        pcm[2 * i] = static_cast<char>(sample & 0xff);
        pcm[2 * i + 1] = static_cast<char>(sample >> 8);
      }
      SleepUntil(mouth_ + static_cast<double>(k) * kPeriod);
      if (!stream->Write(chunk)) break;
    }
    v1::GetCallRequest get;
    get.set_name(name_);
    const auto asked = connection_.UnaryContext();
    stub_->GetCall(asked.get(), get, &call_);
    v1::HangUpCallRequest hang_up;
    hang_up.set_name(name_);
    v1::Call ended;
    const auto unary = connection_.UnaryContext();
    stub_->HangUpCall(unary.get(), hang_up, &ended);
    listener.join();
    context->TryCancel();
  }

  double mouth() const { return mouth_; }
  const Samples& heard() const { return heard_; }
  const v1::Call& call() const { return call_; }
  double ear() const {
    if (starts_.empty()) return 0.0;
    std::vector<double> ordered = starts_;
    const auto at = static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(ordered.size() - 1));
    std::nth_element(ordered.begin(), ordered.begin() + at, ordered.end());
    return ordered[static_cast<size_t>(at)];
  }

 private:
  void Listen(grpc::ClientReaderWriter<v1::StreamAudioRequest, v1::StreamAudioResponse>& stream) {
    v1::StreamAudioResponse response;
    while (stream.Read(&response)) {
      const double now = Now();
      if (!response.has_frame()) continue;
      const v1::AudioFrame& frame = response.frame();
      heard_.resize(heard_.size() + frame.dropped_frame_count() * kPeriodSamples);
      // When the first of all samples was heard if this one is heard now.
      starts_.push_back(now - static_cast<double>(heard_.size()) / clients::kSampleRate);
      for (size_t i = 0; i + 1 < frame.pcm().size(); i += 2) {
        const auto low = static_cast<uint8_t>(frame.pcm()[i]);
        const auto high = static_cast<uint8_t>(frame.pcm()[i + 1]);
        heard_.push_back(static_cast<int16_t>(static_cast<uint16_t>(low | high << 8)));
      }
    }
  }

  const clients::Connection& connection_;
  std::unique_ptr<v1::CallService::Stub> stub_;
  std::string name_;
  double mouth_ = 0.0;
  Samples heard_;
  std::vector<double> starts_;
  v1::Call call_;
};

int Usage() {
  std::fprintf(stderr,
               "usage: p2pd-voice-phone --control unix:PATH (--dial EMAIL | --answer) --play F.wav "
               "--record F.wav [--seconds N]\n");
  return 2;
}

int Main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool flag = word == "--answer";
    if (word.rfind("--", 0) != 0 || (!flag && i + 1 >= argc)) return Usage();
    options[word] = flag ? "yes" : argv[++i];
  }
  const bool dials = options.count("--dial") != 0;
  if (dials == (options.count("--answer") != 0) || options["--control"].empty()) return Usage();
  auto played = clients::ReadWav(options["--play"]);
  if (const auto* problem = std::get_if<clients::WavProblem>(&played)) {
    std::fprintf(stderr, "%s\n", problem->text.c_str());
    return 2;
  }
  const Samples& says = std::get<Samples>(played);
  double seconds = static_cast<double>(says.size()) / clients::kSampleRate + 1.0;
  if (options.count("--seconds") != 0) seconds = std::atof(options["--seconds"].c_str());
  auto opened = clients::Connection::Open({.control = options["--control"]});
  if (!std::holds_alternative<std::unique_ptr<clients::Connection>>(opened)) {
    std::fprintf(stderr, "no daemon at %s\n", options["--control"].c_str());
    return 1;
  }
  Phone phone(*std::get<std::unique_ptr<clients::Connection>>(opened));
  if (!(dials ? phone.Dial(options["--dial"]) : phone.Answer()) || !phone.WaitActive()) return 1;
  std::puts("active");
  std::fflush(stdout);
  phone.Talk(says, seconds);
  auto record = clients::WavWriter::Create(options["--record"]);
  auto* writer = std::get_if<std::unique_ptr<clients::WavWriter>>(&record);
  if (writer == nullptr || !(*writer)->Append(phone.heard()) || !(*writer)->Close().empty())
    return 1;
  std::string call;
  if (!google::protobuf::util::MessageToJsonString(phone.call(), &call).ok()) return 1;
  std::puts(absl::StrFormat("{\"mouth\": %.6f, \"ear\": %.6f, \"call\": %s}", phone.mouth(),
                            phone.ear(), call)
                .c_str());
  return 0;
}

}  // namespace
}  // namespace p2pd::voice

int main(int argc, char** argv) { return p2pd::voice::Main(argc, argv); }
