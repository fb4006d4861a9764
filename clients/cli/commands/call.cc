#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/commands/stream.h"
#include "clients/cli/commands/voice.h"
#include "clients/cli/format.h"
#include "p2pd/v1/call_service.grpc.pb.h"
#include "p2pd/v1/identity_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Stub = v1::CallService::Stub;
using BrokenPipe = clients::Interrupt::BrokenPipe;

std::string CallName(const std::string& call) {
  return absl::StartsWith(call, "calls/") ? call : "calls/" + call;
}

std::string RequestId() {
  std::random_device device;  // lint: allow(a client has no injected Rng; it only has to differ)
  return absl::StrFormat("%08x%08x%08x%08x", device(), device(), device(), device());
}

// What happened since the last look, a line each, on standard error: standard output is the answer.
class StepPrinter {
 public:
  void Print(const v1::Call& call) {
    for (; printed_ < call.steps_size(); ++printed_) {
      const v1::CallStep& step = call.steps(printed_);
      std::fprintf(stderr, "%10s  %-20s %s\n", Show(step.elapsed()).c_str(),
                   Show(step.kind()).c_str(), step.detail().c_str());
    }
  }

 private:
  int printed_ = 0;
};

// "-21 dBov, peak -6"; a dash before anything was sent or heard.
std::string LevelText(bool there, const v1::AudioLevel& level) {
  if (!there) return "-";
  return absl::StrFormat("%.0f dBov, peak %.0f", level.rms_dbov(), level.peak_dbov());
}

void PrintMedia(const v1::MediaStats& stats) {
  std::printf("codec        %s\n", stats.codec().c_str());
  std::printf("bit rate     %d out, %d in (bit/s)\n", stats.send_bits_per_second(),
              stats.receive_bits_per_second());
  std::printf("level        %s out; %s in\n",
              LevelText(stats.has_send_level(), stats.send_level()).c_str(),
              LevelText(stats.has_receive_level(), stats.receive_level()).c_str());
  std::printf("packets      %llu out, %llu in, %llu lost, %llu late, %llu rejected\n",
              static_cast<unsigned long long>(stats.sent_packet_count()),
              static_cast<unsigned long long>(stats.received_packet_count()),
              static_cast<unsigned long long>(stats.lost_packet_count()),
              static_cast<unsigned long long>(stats.late_packet_count()),
              static_cast<unsigned long long>(stats.rejected_packet_count()));
  std::printf("loss         %.1f %% in, %.1f %% out\n", 100 * stats.receive_loss_ratio(),
              100 * stats.send_loss_ratio());
  std::printf("jitter       %s, playout delay %s, concealed %.1f %%\n",
              Show(stats.jitter()).c_str(), Show(stats.playout_delay()).c_str(),
              100 * stats.concealed_ratio());
  if (stats.has_round_trip_time())
    std::printf("round trip   %s\n", Show(stats.round_trip_time()).c_str());
  if (stats.mos() > 0)
    std::printf("quality      R %.0f, MOS %.1f (estimate)\n", stats.r_factor(), stats.mos());
}

// One line of `call watch`.
std::string WatchText(const v1::Call& call) {
  std::string out = Show(call.state());
  if (call.state() != v1::Call::ACTIVE || !call.has_media_stats()) return out;
  const v1::MediaStats& stats = call.media_stats();
  absl::StrAppend(&out, "  keys of epoch ", stats.key_epoch(), "  out ",
                  LevelText(stats.has_send_level(), stats.send_level()), "  in ",
                  LevelText(stats.has_receive_level(), stats.receive_level()));
  return out;
}

std::string WhyItEnded(const v1::Call& call) {
  return absl::StrCat(Show(call.end_reason()), call.end_detail().empty() ? "" : ": ",
                      call.end_detail());
}

std::string TransferText(const v1::CallTransfer& transfer) {
  std::string out = absl::StrCat(transfer.by_peer() ? "the other side sends us to " : "to ",
                                 transfer.target_email(), ": ", Show(transfer.state()));
  if (transfer.state() == v1::CallTransfer::FAILED)
    absl::StrAppend(&out, " (", Show(transfer.failure()), ")");
  return out;
}

// With what keeps voice from flowing while it is active.
std::string StateOf(const v1::Call& call) {
  std::string out = Show(call.state());
  if (call.state() != v1::Call::ACTIVE) return out;
  if (call.held_local()) absl::StrAppend(&out, ", held");
  if (call.held_remote()) absl::StrAppend(&out, ", held by the other side");
  if (call.muted()) absl::StrAppend(&out, ", muted");
  if (call.recorded_local()) absl::StrAppend(&out, ", recorded");
  if (call.recorded_remote()) absl::StrAppend(&out, ", recorded by the other side");
  if (call.conference() != 0) absl::StrAppend(&out, ", in conference ", call.conference());
  return out;
}

void PrintCall(const v1::Call& call) {
  std::printf("call         %s\n", LastWord(call.name()).c_str());
  std::printf("with         %s %s\n", call.peer_email().c_str(), call.peer_display_name().c_str());
  std::printf("state        %s", StateOf(call).c_str());
  if (call.state() == v1::Call::ENDED) std::printf(" (%s)", WhyItEnded(call).c_str());
  std::printf("\n");
  if (call.voicemail()) std::printf("taken by     the answering machine\n");
  if (!call.referred_by().empty()) std::printf("sent by      %s\n", call.referred_by().c_str());
  if (call.has_transfer()) std::printf("transfer     %s\n", TransferText(call.transfer()).c_str());
  if (!call.safety_phrase().empty()) std::printf("safety       %s\n", call.safety_phrase().c_str());
  if (!call.key_fingerprint().empty())
    std::printf("keys         %s, epoch %u\n", call.key_fingerprint().c_str(),
                call.media_stats().key_epoch());
  if (call.path() != v1::Call::PATH_UNSPECIFIED) {
    std::printf("path         %s\n", call.path() == v1::Call::RELAYED
                                         ? "through another node, which cannot listen"
                                         : "direct");
  }
  if (!call.peer_address().empty()) std::printf("address      %s\n", call.peer_address().c_str());
  if (!call.recording().empty()) std::printf("recording    %s\n", call.recording().c_str());
  if (!call.recording_trouble().empty())
    std::printf("             ended early: %s\n", call.recording_trouble().c_str());
  if (call.has_media_stats()) PrintMedia(call.media_stats());
}

void ShowCall(Session& session, const v1::Call& call) {
  if (session.json()) {
    Session::PrintJson(call);
  } else {
    PrintCall(call);
  }
}

// What lacks for voice in both directions, as far as this side knows; empty when nothing does. A
// call of two seconds may end before the other side has said what it received: then it counts that
// ours was sent.
std::string WhatVoiceLacks(const v1::Call& call) {
  const v1::MediaStats& stats = call.media_stats();
  if (!call.has_answer_time()) return "nobody answered";
  if (stats.received_packet_count() == 0) return "no packet came from the other side";
  if (std::none_of(call.steps().begin(), call.steps().end(), [](const v1::CallStep& step) {
        return step.kind() == v1::CallStep::FIRST_AUDIO_RECEIVED;
      })) {
    return "packets came from the other side, but no voice could be played of them";
  }
  if (stats.sent_packet_count() == 0) return "no packet was sent to the other side";
  if (stats.peer_hears() == v1::MediaStats::NOTHING) {
    return "the other side reports that none of our packets came";
  }
  return "";
}

bool WasHungUp(const v1::Call& call) {
  return call.end_reason() == v1::Call::HANGUP_LOCAL ||
         call.end_reason() == v1::Call::HANGUP_REMOTE || call.end_reason() == v1::Call::TRANSFERRED;
}

bool HangUp(const clients::Connection& connection, const std::string& name) {
  const auto stub = v1::CallService::NewStub(connection.channel());
  v1::HangUpCallRequest request;
  request.set_name(name);
  v1::Call call;
  const auto context = connection.UnaryContext();
  return stub->HangUpCall(context.get(), request, &call).ok();
}

// Hangs up when the time is over, unless told before that the call has ended.
class HangUpTimer {
 public:
  HangUpTimer(const clients::Connection& connection, std::string name)
      : connection_(connection), name_(std::move(name)) {}
  ~HangUpTimer() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  void Start(std::chrono::milliseconds span) {
    if (thread_.joinable()) return;
    thread_ = std::thread([this, span] {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, span, [this] { return ended_; })) HangUp(connection_, name_);
    });
  }

 private:
  const clients::Connection& connection_;
  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

struct Limit {
  bool given = false;
  std::chrono::milliseconds span{0};
};

// --for, else as long as the file plays and a second more, else for ever.
std::variant<Limit, std::string> LimitOf(const VoiceArgs& voice, const VoiceFiles& files) {
  if (!voice.duration.empty()) {
    const auto parsed = ParseDuration(voice.duration);
    if (!parsed) return absl::StrCat("--for ", voice.duration, " is no duration such as 10s");
    return Limit{true,
                 std::chrono::milliseconds(parsed->seconds() * 1000 + parsed->nanos() / 1'000'000)};
  }
  if (files.play.empty()) return Limit{};
  return Limit{true,
               std::chrono::milliseconds(1000 + files.play.size() * 1000 / clients::kSampleRate)};
}

// Follows one call to its end, with its voice; returns the call as it ended, or a status that says
// why it was lost.
struct Followed {
  grpc::Status status;
  v1::Call call;
};

Followed Follow(Session& session, const clients::Connection& connection, const v1::Call& start,
                VoiceFiles* files, Limit limit, bool show_steps) {
  Followed followed;
  followed.call = start;
  Voice voice(connection, start.name(), files);
  HangUpTimer timer(connection, start.name());
  const auto stub = v1::CallService::NewStub(connection.channel());
  const auto context = connection.StreamContext();
  v1::WatchCallsRequest request;
  request.set_name(start.name());
  // Whatever ends this program, nobody is left talking to it.
  request.set_hang_up_at_end(true);
  const auto reader = stub->WatchCalls(context.get(), request);
  StepPrinter steps;
  v1::WatchCallsResponse response;
  while (reader->Read(&response)) {
    if (!response.has_call()) continue;
    followed.call = response.call();
    if (session.json()) {
      Session::PrintJson(response.call());
    } else if (show_steps) {
      steps.Print(response.call());
    }
    if (response.call().state() == v1::Call::ACTIVE && limit.given) timer.Start(limit.span);
    if (response.call().state() == v1::Call::ENDED) context->TryCancel();
  }
  followed.status = reader->Finish();
  if (followed.call.state() == v1::Call::ENDED) {
    followed.status = voice.Finish(followed.call.has_answer_time());
  }
  // A stream that had not been attached when the call ended says that the call is over; that is no
  // news, and the call says why.
  if (followed.call.state() == v1::Call::ENDED &&
      followed.status.error_code() == grpc::StatusCode::FAILED_PRECONDITION &&
      (!followed.call.has_answer_time() ||
       clients::ReasonOf(followed.status) == "CALL_STATE_WRONG")) {
    followed.status = grpc::Status::OK;
  }
  return followed;
}

ExitCode Conclude(Session& session, const Followed& followed) {
  if (!followed.status.ok()) return clients::Report(followed.status);
  if (!session.json()) PrintCall(followed.call);
  const std::string lacking = WhatVoiceLacks(followed.call);
  if (lacking.empty()) {
    if (!WasHungUp(followed.call)) {
      std::fprintf(
          stderr,
          "p2pctl: nobody hung up: %s; voice had flowed both ways before, so the exit code "
          "is 0\n",
          WhyItEnded(followed.call).c_str());
    }
    return ExitCode::kDone;
  }
  const bool here =
      followed.call.has_answer_time() && followed.call.end_reason() != v1::Call::ANSWERED_ELSEWHERE;
  const std::string why = WhyItEnded(followed.call);
  const ExitCode failed = clients::ReportFailure(
      here ? absl::StrCat("no voice both ways: ", lacking, "; the call ended: ", why)
           : absl::StrCat("no call: ", why));
  if (followed.call.end_reason() == v1::Call::NOT_FOUND) return ExitCode::kNotFound;
  if (followed.call.end_reason() == v1::Call::NO_ANSWER) return ExitCode::kTimedOut;
  return failed;
}

// The user gives up, perhaps while the daemon is still being asked to dial: no call stays behind.
class GivenUp {
 public:
  explicit GivenUp(const clients::Connection& connection) : connection_(connection) {}
  void Now() {
    std::string name;
    {
      const std::lock_guard lock(mutex_);
      given_up_ = true;
      name = name_;
    }
    if (!name.empty()) HangUp(connection_, name);
  }
  void Dialled(const std::string& name) {
    bool at_once = false;
    {
      const std::lock_guard lock(mutex_);
      name_ = name;
      at_once = given_up_;
    }
    if (at_once) HangUp(connection_, name);
  }

 private:
  const clients::Connection& connection_;
  std::mutex mutex_;
  std::string name_;
  bool given_up_ = false;
};

}  // namespace

ExitCode CallDial(Session& session, const std::string& email, const VoiceArgs& voice) {
  auto opened = OpenVoiceFiles(voice.play, voice.record);
  if (auto* problem = std::get_if<std::string>(&opened)) return clients::ReportUsage(*problem);
  VoiceFiles files = std::move(std::get<VoiceFiles>(opened));
  const auto limit = LimitOf(voice, files);
  if (const auto* problem = std::get_if<std::string>(&limit)) return clients::ReportUsage(*problem);
  clients::Connection* connection = session.Connect();
  if (connection == nullptr) return session.problem();
  v1::CreateCallRequest request;
  request.set_parent(session.Identity());
  request.set_peer_email(email);
  request.set_request_id(RequestId());
  GivenUp given_up(*connection);
  const clients::Interrupt interrupt([&] { given_up.Now(); }, BrokenPipe::kRunsTheAction);
  v1::Call call;
  if (!session.Call<v1::CallService>(&Stub::CreateCall, request, &call)) return session.problem();
  given_up.Dialled(call.name());
  return Conclude(session,
                  Follow(session, *connection, call, &files, std::get<Limit>(limit), true));
}

namespace {

// Which of the calls in a stream of all calls ring here and were not taken yet.
class Doorbell {
 public:
  bool Rings(const v1::WatchCallsResponse& response) {
    const v1::Call& call = response.call();
    return response.has_call() && call.direction() == v1::Call::INCOMING &&
           call.state() == v1::Call::RINGING && !call.quiet() && taken_.insert(call.name()).second;
  }

 private:
  std::set<std::string> taken_;
};

// The second and later recordings of one `call answer --auto` get a number before their ending.
std::string Numbered(const std::string& path, int number) {
  if (path.empty() || number == 1) return path;
  const size_t dot = path.rfind('.');
  const size_t cut =
      dot == std::string::npos || path.find('/', dot) != std::string::npos ? path.size() : dot;
  return absl::StrCat(path.substr(0, cut), "-", number, path.substr(cut));
}

// Answers one call and follows it to its end.
ExitCode AnswerOne(Session& session, const clients::Connection& connection, const std::string& name,
                   const VoiceArgs& voice) {
  auto opened = OpenVoiceFiles(voice.play, voice.record);
  if (auto* problem = std::get_if<std::string>(&opened)) return clients::ReportUsage(*problem);
  VoiceFiles files = std::move(std::get<VoiceFiles>(opened));
  // Whoever called decides when it is over, unless --for says otherwise.
  Limit limit;
  if (!voice.duration.empty()) {
    const auto given = LimitOf(voice, files);
    if (const auto* problem = std::get_if<std::string>(&given))
      return clients::ReportUsage(*problem);
    limit = std::get<Limit>(given);
  }
  const auto stub = v1::CallService::NewStub(connection.channel());
  v1::AnswerCallRequest request;
  request.set_name(name);
  v1::Call call;
  const auto context = connection.UnaryContext();
  const grpc::Status status = stub->AnswerCall(context.get(), request, &call);
  if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    // Somebody was faster, or the caller gave up: the call knows which.
    v1::GetCallRequest get;
    get.set_name(name);
    const auto again = connection.UnaryContext();
    if (stub->GetCall(again.get(), get, &call).ok() && call.state() == v1::Call::ENDED) {
      return clients::ReportFailure("no call: " + WhyItEnded(call));
    }
  }
  if (!status.ok()) return clients::Report(status);
  return Conclude(session, Follow(session, connection, call, &files, limit, true));
}

// Looked at before anybody waits: a missing file must not show when the telephone rings.
std::optional<std::string> VoiceProblem(const VoiceArgs& voice) {
  const auto opened = OpenVoiceFiles(voice.play, voice.record);
  if (const auto* problem = std::get_if<std::string>(&opened)) return *problem;
  const auto limit = LimitOf(voice, std::get<VoiceFiles>(opened));
  if (const auto* problem = std::get_if<std::string>(&limit)) return *problem;
  return std::nullopt;
}

bool CanBeCalled(const v1::Identity& identity) {
  return identity.state() == v1::Identity::LOGGED_IN ||
         identity.state() == v1::Identity::LOGGING_IN;
}

// Whether anybody could be called here at all; says so where it is not so. One who is not logged in
// may be in a moment, and is waited for.
ExitCode CheckWhoIsCalled(Session& session) {
  v1::ListIdentitiesResponse all;
  const std::string wanted = session.Identity();
  if (wanted.empty()) {
    if (!session.Call<v1::IdentityService>(&v1::IdentityService::Stub::ListIdentities,
                                           v1::ListIdentitiesRequest(), &all)) {
      return session.problem();
    }
  } else {
    v1::GetIdentityRequest request;
    request.set_name(wanted);
    if (!session.Call<v1::IdentityService>(&v1::IdentityService::Stub::GetIdentity, request,
                                           all.add_identities())) {
      return session.problem();
    }
  }
  if (all.identities().empty()) {
    return clients::Report({grpc::StatusCode::NOT_FOUND,
                            "nobody can be called, since this daemon has no identity: make one "
                            "with p2pctl identity create"});
  }
  if (std::none_of(all.identities().begin(), all.identities().end(), CanBeCalled)) {
    std::fprintf(stderr, "not logged in: nobody can call before p2pctl login\n");
  }
  return ExitCode::kDone;
}

}  // namespace

ExitCode CallAnswer(Session& session, const std::string& call, bool stay, const VoiceArgs& voice) {
  if (const auto problem = VoiceProblem(voice)) return clients::ReportUsage(*problem);
  clients::Connection* connection = session.Connect();
  if (connection == nullptr) return session.problem();
  if (!call.empty()) {
    const std::string name = CallName(call);
    const clients::Interrupt interrupt([&] { HangUp(*connection, name); },
                                       BrokenPipe::kRunsTheAction);
    return AnswerOne(session, *connection, name, voice);
  }
  if (const ExitCode code = CheckWhoIsCalled(session); code != ExitCode::kDone) return code;
  std::mutex mutex;
  std::set<std::string> under_way;
  const auto stub = v1::CallService::NewStub(connection->channel());
  const auto context = connection->StreamContext();
  std::atomic<bool> interrupted{false};
  const clients::Interrupt interrupt(
      [&] {
        interrupted = true;
        context->TryCancel();
        const std::lock_guard lock(mutex);
        for (const std::string& name : under_way) HangUp(*connection, name);
      },
      BrokenPipe::kRunsTheAction);
  v1::WatchCallsRequest request;
  request.set_parent(session.Identity());
  const auto reader = stub->WatchCalls(context.get(), request);
  std::fprintf(stderr, "waiting for calls\n");
  std::vector<std::thread> threads;
  Doorbell doorbell;
  ExitCode last = ExitCode::kDone;
  v1::WatchCallsResponse response;
  while (reader->Read(&response)) {
    if (!doorbell.Rings(response)) continue;
    const std::string name = response.call().name();
    VoiceArgs own = voice;
    own.record = Numbered(voice.record, static_cast<int>(threads.size()) + 1);
    {
      const std::lock_guard lock(mutex);
      under_way.insert(name);
    }
    threads.emplace_back([&, name, own] {
      const ExitCode code = AnswerOne(session, *connection, name, own);
      const std::lock_guard lock(mutex);
      under_way.erase(name);
      last = code;
    });
    if (!stay) context->TryCancel();
  }
  const grpc::Status status = reader->Finish();
  for (std::thread& thread : threads) thread.join();
  if (!interrupted && threads.empty()) return clients::Report(status);
  if (stay && !interrupted) return clients::Report(status);
  return stay ? ExitCode::kDone : last;
}

ExitCode CallList(Session& session) {
  v1::ListCallsRequest request;
  request.set_parent(session.Identity());
  return session.CallAndPrint<v1::CallService>(
      &Stub::ListCalls, request, [](const v1::ListCallsResponse& response) {
        Table table({"CALL", "WHEN", "", "WITH", "STATE", "END"});
        for (const v1::Call& call : response.calls()) {
          table.Row({LastWord(call.name()), Show(call.create_time()),
                     call.direction() == v1::Call::INCOMING ? "from" : "to", call.peer_email(),
                     StateOf(call),
                     call.state() == v1::Call::ENDED ? Show(call.end_reason()) : ""});
        }
        table.Print();
      });
}

ExitCode CallShow(Session& session, const std::string& call) {
  v1::GetCallRequest request;
  request.set_name(CallName(call));
  return session.CallAndPrint<v1::CallService>(&Stub::GetCall, request, [](const v1::Call& shown) {
    PrintCall(shown);
    StepPrinter().Print(shown);
  });
}

ExitCode CallWatch(Session& session, const std::string& call) {
  v1::WatchCallsRequest request;
  request.set_parent(session.Identity());
  if (!call.empty()) request.set_name(CallName(call));
  return ReadStream<v1::CallService, v1::WatchCallsResponse>(
      session,
      [&](Stub& stub, grpc::ClientContext* context) { return stub.WatchCalls(context, request); },
      [&](const v1::WatchCallsResponse& response) {
        if (session.json()) {
          Session::PrintJson(response);
        } else if (response.has_call()) {
          const v1::Call& seen = response.call();
          std::printf("%s  %s %s  %s\n", LastWord(seen.name()).c_str(),
                      seen.direction() == v1::Call::INCOMING ? "from" : "to",
                      seen.peer_email().c_str(), WatchText(seen).c_str());
          std::fflush(stdout);
        }
        return true;
      });
}

namespace {

// A verb on one call that answers with the call.
template <class Request>
ExitCode OnCall(Session& session,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Call*),
                Request request, const std::string& call) {
  request.set_name(CallName(call));
  v1::Call answer;
  if (!session.Call<v1::CallService>(method, request, &answer)) return session.problem();
  ShowCall(session, answer);
  return ExitCode::kDone;
}

}  // namespace

ExitCode CallReject(Session& session, const std::string& call) {
  return OnCall(session, &Stub::RejectCall, v1::RejectCallRequest(), call);
}

ExitCode CallHangUp(Session& session, const std::string& call) {
  return OnCall(session, &Stub::HangUpCall, v1::HangUpCallRequest(), call);
}

ExitCode CallHold(Session& session, const std::string& call) {
  return OnCall(session, &Stub::HoldCall, v1::HoldCallRequest(), call);
}

ExitCode CallResume(Session& session, const std::string& call) {
  return OnCall(session, &Stub::ResumeCall, v1::ResumeCallRequest(), call);
}

ExitCode CallMute(Session& session, const std::string& call, const std::string& on_off) {
  if (on_off != "on" && on_off != "off")
    return clients::ReportUsage("mute is on or off, not " + on_off);
  v1::MuteCallRequest request;
  request.set_muted(on_off == "on");
  return OnCall(session, &Stub::MuteCall, request, call);
}

ExitCode CallRecord(Session& session, const std::string& call, const std::string& on_off,
                    const std::string& format) {
  if (on_off != "on" && on_off != "off")
    return clients::ReportUsage("record is on or off, not " + on_off);
  if (format != "wav" && format != "opus")
    return clients::ReportUsage("--format is wav or opus, not " + format);
  v1::RecordCallRequest request;
  request.set_recorded(on_off == "on");
  request.set_format(format == "opus" ? v1::RecordCallRequest::OPUS : v1::RecordCallRequest::WAV);
  return OnCall(session, &Stub::RecordCall, request, call);
}

ExitCode CallConference(Session& session, const std::vector<std::string>& calls, bool leave) {
  if (leave) {
    for (const std::string& call : calls) {
      const ExitCode left =
          OnCall(session, &Stub::LeaveConference, v1::LeaveConferenceRequest(), call);
      if (left != ExitCode::kDone) return left;
    }
    return ExitCode::kDone;
  }
  v1::ConferCallsRequest request;
  for (const std::string& call : calls) request.add_names(CallName(call));
  return session.CallAndPrint<v1::CallService>(
      &Stub::ConferCalls, request, [](const v1::ConferCallsResponse& answer) {
        for (const v1::Call& call : answer.calls()) {
          std::printf("%s  %s\n", LastWord(call.name()).c_str(), call.peer_email().c_str());
        }
      });
}

ExitCode CallTransfer(Session& session, const std::string& call, const std::string& to) {
  v1::TransferCallRequest request;
  request.set_name(CallName(call));
  if (absl::StrContains(to, '@')) {
    request.set_peer_email(to);
  } else {
    request.set_target_call(CallName(to));
  }
  v1::Call seen;
  if (!session.Call<v1::CallService>(&Stub::TransferCall, request, &seen)) return session.problem();
  v1::WatchCallsRequest watch;
  watch.set_name(seen.name());
  std::string said;
  const auto over = [&] {
    return seen.state() == v1::Call::ENDED || seen.transfer().state() == v1::CallTransfer::DONE ||
           seen.transfer().state() == v1::CallTransfer::FAILED;
  };
  const ExitCode code = ReadStream<v1::CallService, v1::WatchCallsResponse>(
      session,
      [&](Stub& stub, grpc::ClientContext* context) { return stub.WatchCalls(context, watch); },
      [&](const v1::WatchCallsResponse& response) {
        if (!response.has_call()) return true;
        seen = response.call();
        if (session.json()) {
          Session::PrintJson(seen);
        } else if (const std::string now = TransferText(seen.transfer()); now != said) {
          std::printf("%s\n", now.c_str());
          std::fflush(stdout);
          said = now;
        }
        return !over();
      });
  if (code != ExitCode::kDone) return code;
  if (seen.transfer().state() == v1::CallTransfer::DONE) return ExitCode::kDone;
  if (seen.transfer().state() != v1::CallTransfer::FAILED) {
    return clients::ReportFailure(
        absl::StrCat("how the transfer ended is unknown: the call is over: ", WhyItEnded(seen)));
  }
  const ExitCode failed = clients::ReportFailure(absl::StrCat(
      "no transfer to ", seen.transfer().target_email(), ": ",
      seen.transfer().failure() == v1::Call::POLICY ? "the other side does not follow transfers"
                                                    : Show(seen.transfer().failure()),
      "; the call goes on"));
  if (seen.transfer().failure() == v1::Call::NOT_FOUND) return ExitCode::kNotFound;
  if (seen.transfer().failure() == v1::Call::NO_ANSWER) return ExitCode::kTimedOut;
  return failed;
}

ExitCode CallDtmf(Session& session, const std::string& call, const std::string& digits) {
  v1::SendDtmfRequest request;
  request.set_name(CallName(call));
  request.set_digits(digits);
  return session.CallAndPrint<v1::CallService>(
      &Stub::SendDtmf, request, [](const v1::SendDtmfResponse&) { std::puts("sent"); });
}

}  // namespace p2pd::cli
