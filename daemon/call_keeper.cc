#include "daemon/call_keeper.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/node_host.h"
#include "libcore/base/hex.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/media/wav_file.h"

namespace p2pd::daemon {
namespace {

constexpr absl::Duration kMaxGreeting = absl::Minutes(1);
// What says that it is the caller's turn.
constexpr absl::Duration kTone = absl::Milliseconds(400);
constexpr double kToneHertz = 1000;
constexpr double kToneAmplitude = 0.2;
constexpr absl::Duration kExpireInterval = absl::Hours(1);

size_t SamplesOf(absl::Duration span) {
  return static_cast<size_t>(absl::ToInt64Milliseconds(span)) * media::kSampleRate / 1000;
}

node::AnsweringMachine::Options MachineOptions(const CallsConfig& config, size_t greeting) {
  return {.patience = config.voicemail,
          .greeting = absl::Seconds(static_cast<double>(greeting) / media::kSampleRate),
          .length = config.voicemail_length};
}

}  // namespace

absl::StatusOr<std::vector<int16_t>> CallKeeper::ReadGreeting(const CallsConfig& config) {
  std::vector<int16_t> out(SamplesOf(kBreath));
  if (!config.voicemail_greeting.empty()) {
    P2PD_ASSIGN_OR_RETURN(const std::vector<int16_t> spoken,
                          media::ReadWav(config.voicemail_greeting));
    if (spoken.size() > SamplesOf(kMaxGreeting)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the greeting ", config.voicemail_greeting, " is longer than a minute"));
    }
    out.insert(out.end(), spoken.begin(), spoken.end());
  }
  media::ToneSource tone(kToneHertz, kToneAmplitude);
  media::Frame frame;
  for (size_t i = 0; i < SamplesOf(kTone) / frame.size(); ++i) {
    tone.Read(frame);
    out.insert(out.end(), frame.begin(), frame.end());
  }
  return out;
}

CallKeeper::CallKeeper(NodeHost& host, std::unique_ptr<CallBook> book,
                       std::vector<int16_t> greeting)
    : host_(host),
      book_(std::move(book)),
      greeting_(std::move(greeting)),
      machine_(MachineOptions(host.config().calls, greeting_.size())),
      timer_(host.loop(), [this] { host_.PostAlways([this](NodeHost&) { Run(); }); }),
      expire_at_(host.now()) {
  timer_.Set(expire_at_);
}

void CallKeeper::OnChange() { timer_.Set(host_.now()); }

void CallKeeper::Run() {
  Follow();
  machine_.OnTimeout(host_.now());
  while (const auto order = machine_.PollOrder()) Obey(*order);
  if (host_.now() >= expire_at_) Expire();
  timer_.Set(Earliest(machine_.PollTimeout(), expire_at_));
}

void CallKeeper::Follow() {
  const node::EventLog& events = host_.node().events();
  const auto changes = events.Since(last_);
  last_ = events.last();
  std::set<std::string> calls;
  if (changes) {
    for (const node::Change& change : *changes) {
      if (change.topic == node::Topic::kCall) calls.insert(change.name);
    }
  }
  for (const node::CallView& view : host_.node().ListCalls()) {
    if (!changes || calls.count(Hex(view.info.id.view())) > 0) Consider(view);
  }
}

void CallKeeper::Consider(const node::CallView& view) {
  const bool ended = view.info.state == session::CallState::kEnded;
  const bool rings = view.info.state == session::CallState::kRinging && !view.info.outgoing;
  machine_.OnCall(host_.now(), view, rings && book_->messages() < kMaxMessages);
  if (ended) Release(view.info.id);
  Write(view);
}

// At each turn, not with each figure.
void CallKeeper::Write(const node::CallView& view) {
  const session::CallId& id = view.info.id;
  const bool last = view.info.state == session::CallState::kEnded && !view.figures_pending;
  if (host_.config().calls.history == absl::ZeroDuration() && !view.voicemail) return;
  const std::string turn = absl::StrCat(static_cast<int>(view.info.state), view.voicemail, last,
                                        " ", host_.RecordingOf(id).path);
  std::string& written = written_[id];
  if (written == turn) return;
  written = turn;
  const absl::Status status = book_->Put(host_.ShowCall(view));
  if (!status.ok()) P2PD_LOG(daemon, kError, status.message());
  std::erase_if(written_,
                [this](const auto& entry) { return !host_.node().FindCall(entry.first); });
}

void CallKeeper::Obey(const node::AnsweringMachine::Order& order) {
  using Kind = node::AnsweringMachine::Order::Kind;
  switch (order.kind) {
    case Kind::kTake:
      return Take(order.call);
    case Kind::kRecord: {
      const absl::Status status = host_.Record(order.call, true, media::RecordingFormat::kOpus);
      if (status.ok()) return;
      P2PD_LOG(daemon, kError, "the answering machine cannot record: ", status.message());
      host_.node().HangUp(host_.now(), order.call).IgnoreError();
      return;
    }
    case Kind::kLetGo:
      host_.Record(order.call, false, media::RecordingFormat::kOpus).IgnoreError();
      return Release(order.call);
    case Kind::kHangUp:
      host_.node().HangUp(host_.now(), order.call).IgnoreError();
      return;
  }
}

void CallKeeper::Take(const session::CallId& call) {
  const auto greeting = std::make_shared<media::BufferSource>(greeting_);
  const absl::Status attached = host_.AttachAudio(call, {.source = greeting, .sink = nullptr});
  // A client that speaks into it already is about to accept it.
  if (!attached.ok()) return;
  playing_[call] = greeting;
  const absl::Status taken = host_.node().TakeMessage(host_.now(), call);
  if (!taken.ok()) Release(call);
}

void CallKeeper::Release(const session::CallId& call) {
  const auto found = playing_.find(call);
  if (found == playing_.end()) return;
  host_.DetachAudio(call, {.source = found->second, .sink = nullptr});
  playing_.erase(found);
}

void CallKeeper::Expire() {
  expire_at_ = host_.now() + kExpireInterval;
  const absl::Status status = book_->EraseBefore(host_.wall() - host_.config().calls.history);
  if (!status.ok()) P2PD_LOG(daemon, kError, status.message());
}

bool CallKeeper::DeleteRecording(const v1::Call& call) const {
  return absl::StartsWith(call.recording(), host_.recordings() + "/") &&
         !absl::StrContains(call.recording(), "/../") && unlink(call.recording().c_str()) == 0;
}

}  // namespace p2pd::daemon
