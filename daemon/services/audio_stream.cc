#include "daemon/services/audio_stream.h"

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/convert/call.h"
#include "daemon/errors.h"

namespace p2pd::daemon {
namespace {

// Voice waits half of it on average on its way out; a look costs some microseconds a stream.
constexpr absl::Duration kPumpInterval = absl::Milliseconds(4);
// 100 ms of 48 kHz mono.
constexpr size_t kMaxFrameBytes = 9'600;
constexpr int kChannels = 1;

grpc::Status Invalid(absl::string_view reason, absl::string_view message) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, reason, message);
}

bool Sends(v1::AudioStart::Direction direction) { return direction != v1::AudioStart::RECEIVE; }
bool Receives(v1::AudioStart::Direction direction) { return direction != v1::AudioStart::SEND; }

}  // namespace

AudioPump::AudioPump() : timer_(loop_, [this] { OnTimer(); }) {
  thread_ = std::make_unique<runtime::Thread>("p2pd-audio", [this] { loop_.Run(); });
}

AudioPump::~AudioPump() {
  loop_.Stop();
  thread_.reset();
}

void AudioPump::Add(AudioStream* stream) {
  loop_.PostAlways([this, stream] {
    streams_.insert(stream);
    timer_.Set(loop_.now());
  });
}

void AudioPump::Remove(AudioStream* stream, absl::AnyInvocable<void()> gone) {
  loop_.PostAlways([this, stream, gone = std::move(gone)]() mutable {
    streams_.erase(stream);
    gone();
  });
}

void AudioPump::OnTimer() {
  for (AudioStream* stream : streams_) stream->OnPump();
  if (!streams_.empty()) timer_.Set(loop_.now() + kPumpInterval);
}

AudioStream* AudioStream::Start(NodeHost& host, AudioPump& pump) {
  auto* stream = new AudioStream(host, pump);
  // Under the lock, as all that gRPC's threads do with the stream: whichever of them ends it has
  // seen how it began.
  const MutexLock lock(&stream->mutex_);
  stream->StartRead(&stream->request_);
  return stream;
}

void AudioStream::OnReadDone(bool ok) {
  const MutexLock lock(&mutex_);
  reading_ = false;
  if (!ok) {
    input_closed_ = true;
    if (source_ != nullptr) source_->Close();
    if (!begun_) EndWith(Invalid("START_MISSING", "the first message names the call"));
    return;
  }
  if (!begun_) {
    if (!request_.has_start()) {
      EndWith(Invalid("START_MISSING", "the first message names the call"));
      return;
    }
    begun_ = true;
    host_.PostAlways([this, start = request_.start()](NodeHost&) { Begin(start); });
    return;
  }
  if (!TakeFrame()) return;
  PushInput();
}

// The frame of the request that was read; false when it is none and the stream ends.
bool AudioStream::TakeFrame() {
  const std::string& pcm = request_.frame().pcm();
  if (!request_.has_frame() || pcm.empty() || pcm.size() % 2 != 0 || pcm.size() > kMaxFrameBytes) {
    EndWith(Invalid("FRAME_INVALID", "a frame has 2 to 9,600 bytes of 16-bit samples"));
    return false;
  }
  input_.resize(pcm.size() / 2);
  for (size_t i = 0; i < input_.size(); ++i) {
    const auto low = static_cast<uint8_t>(pcm[2 * i]);
    const auto high = static_cast<uint8_t>(pcm[2 * i + 1]);
    input_[i] = static_cast<int16_t>(static_cast<uint16_t>(low | (high << 8)));
  }
  input_taken_ = 0;
  return true;
}

// Moves what fits into the ring; asks the client for more when all of it did.
void AudioStream::PushInput() {
  if (finished_ || end_ || reading_ || input_closed_ || !started_) return;
  if (source_ == nullptr) {
    // A stream that only receives: what the client sends anyway is dropped.
    input_taken_ = input_.size();
  } else {
    input_taken_ += source_->Push(absl::MakeConstSpan(input_).subspan(input_taken_));
  }
  if (input_taken_ < input_.size()) return;
  reading_ = true;
  StartRead(&request_);
}

void AudioStream::Begin(const v1::AudioStart& start) {
  const auto call = FindCallName(start.call(), host_.node().ListCalls());
  const auto view = call ? host_.node().FindCall(*call) : std::nullopt;
  grpc::Status status;
  if (!view) {
    status = Error(grpc::StatusCode::NOT_FOUND, "CALL_UNKNOWN",
                   absl::StrCat("no call '", start.call(), "'"));
  } else if (view->info.state == session::CallState::kEnded) {
    status = Error(grpc::StatusCode::FAILED_PRECONDITION, "CALL_STATE_WRONG", "the call has ended");
  } else if (!host_.watchers().Add(this)) {
    status = Error(grpc::StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS",
                   "too many streams are open");
  } else {
    watching_ = true;
    call_ = call;
    if (Sends(start.direction())) {
      attached_.source = std::make_shared<media::PcmStreamSource>(
          start.live() ? media::PcmStreamSource::Pace::kLive
                       : media::PcmStreamSource::Pace::kPaced);
    }
    if (Receives(start.direction())) attached_.sink = std::make_shared<media::PcmStreamSink>();
    const absl::Status attached = host_.AttachAudio(*call, attached_);
    if (!attached.ok()) attached_ = {};
    status = ToGrpc(attached, {{absl::StatusCode::kAlreadyExists, "AUDIO_TAKEN"},
                               {absl::StatusCode::kFailedPrecondition, "AUDIO_NOT_STREAMED"}});
  }
  const MutexLock lock(&mutex_);
  if (!status.ok()) {
    EndWith(status);
    return;
  }
  source_ = std::static_pointer_cast<media::PcmStreamSource>(attached_.source);
  sink_ = std::static_pointer_cast<media::PcmStreamSink>(attached_.sink);
  if (source_ != nullptr && input_closed_) source_->Close();
  live_ = start.live();
  call_name_ = CallName(*call);
  started_ = true;
  WriteNext();
  PushInput();
  pump_.Add(this);
}

void AudioStream::OnPump() {
  const MutexLock lock(&mutex_);
  if (input_taken_ < input_.size()) PushInput();
  WriteNext();
}

// A whole frame of what was heard, if there is one; at the call's end also the rest.
bool AudioStream::FillFrame() {
  if (sink_ == nullptr) return false;
  const media::PcmStreamStats stats = sink_->stats();
  const size_t wanted = live_ ? media::kPullSamples : media::kFrameSamples;
  if (stats.level_samples < wanted &&
      !(call_ended_ && sink_->drained() == false && stats.level_samples > 0)) {
    return false;
  }
  media::Frame frame = media::kSilentFrame;
  if (sink_->Pop(absl::MakeSpan(frame).first(wanted)) == 0) return false;
  std::string& pcm = *response_.mutable_frame()->mutable_pcm();
  pcm.resize(wanted * 2);
  for (size_t i = 0; i < wanted; ++i) {
    const auto sample = static_cast<uint16_t>(frame[i]);
    pcm[2 * i] = static_cast<char>(sample & 0xff);
    pcm[2 * i + 1] = static_cast<char>(sample >> 8);
  }
  const uint64_t dropped = (stats.overrun_samples - dropped_samples_told_) / wanted;
  dropped_samples_told_ += dropped * wanted;
  response_.mutable_frame()->set_dropped_frame_count(static_cast<uint32_t>(dropped));
  return true;
}

// Nothing more will come: the call is over and all of it was sent, or all that there was to send
// was played and nothing is received.
bool AudioStream::Over() {
  if (call_ended_) return true;
  return sink_ == nullptr && source_ != nullptr && input_closed_ &&
         source_->stats().level_samples == 0;
}

void AudioStream::WriteNext() {
  if (writing_ || finished_) return;
  if (end_) {
    finished_ = true;
    Finish(*end_);
    return;
  }
  if (!started_) return;
  response_.Clear();
  if (!said_started_) {
    said_started_ = true;
    response_.mutable_started()->set_call(call_name_);
    response_.mutable_started()->set_sample_rate(media::kSampleRate);
    response_.mutable_started()->set_channel_count(kChannels);
  } else if (FillFrame()) {
    // Written below.
  } else if (!said_ended_ && Over()) {
    said_ended_ = true;
    if (source_ != nullptr) {
      response_.mutable_ended()->set_played_sample_count(source_->stats().samples_out);
    }
    if (sink_ != nullptr) {
      response_.mutable_ended()->set_recorded_sample_count(sink_->stats().samples_out);
    }
    response_.mutable_ended();
  } else if (said_ended_) {
    EndWith(grpc::Status::OK);
    return;
  } else {
    return;
  }
  writing_ = true;
  StartWrite(&response_);
}

void AudioStream::EndWith(const grpc::Status& status) {
  if (!end_) end_ = status;
  WriteNext();
}

void AudioStream::OnWriteDone(bool ok) {
  const MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok && !end_) end_ = grpc::Status::CANCELLED;
  WriteNext();
}

void AudioStream::OnCancel() {
  const MutexLock lock(&mutex_);
  EndWith(grpc::Status::CANCELLED);
}

void AudioStream::OnDone() {
  {
    const MutexLock lock(&mutex_);
  }
  // First the pump forgets the stream, then the core thread, behind every task that names it.
  pump_.Remove(this, [this] {
    host_.PostAlways([this](NodeHost&) {
      Detach();
      delete this;
    });
  });
}

void AudioStream::Detach() {
  if (watching_) host_.watchers().Remove(this);
  if (call_) host_.DetachAudio(*call_, attached_);
}

void AudioStream::OnChange() {
  if (!call_) return;
  const auto view = host_.node().FindCall(*call_);
  if (view && view->info.state != session::CallState::kEnded) return;
  const MutexLock lock(&mutex_);
  call_ended_ = true;
}

void AudioStream::OnDrain() {
  const MutexLock lock(&mutex_);
  EndWith(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the daemon is ending"));
}

}  // namespace p2pd::daemon
