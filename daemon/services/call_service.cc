#include "daemon/services/call_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "daemon/convert/call.h"
#include "daemon/services/page.h"
#include "daemon/services/person_errors.h"
#include "daemon/services/unary.h"
#include "daemon/services/watch_stream.h"
#include "libcore/base/hex.h"
#include "libcore/pki/certificate.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kMaxRequestId = 64;
constexpr size_t kMaxDigits = 32;
constexpr absl::string_view kDigits = "0123456789*#ABCD";

constexpr std::pair<absl::StatusCode, absl::string_view> kStateWrong = {
    absl::StatusCode::kFailedPrecondition, "CALL_STATE_WRONG"};
constexpr std::pair<absl::StatusCode, absl::string_view> kUnknown = {absl::StatusCode::kNotFound,
                                                                     "CALL_UNKNOWN"};

grpc::Status CallUnknown(const std::string& name) {
  return Error(grpc::StatusCode::NOT_FOUND, "CALL_UNKNOWN", absl::StrCat("no call '", name, "'"),
               {{"call", name}});
}

void ReplyCall(NodeHost& host, const session::CallId& id, v1::Call* out, Reply reply) {
  const auto view = host.node().FindCall(id);
  if (!view) return reply.Finish(CallUnknown(CallName(id)));
  *out = host.ShowCall(*view);
  reply.Ok();
}

// Does `act` with the call that `name` means and answers with the call as it is then.
grpc::ServerUnaryReactor* OnCall(
    NodeHost& host, grpc::CallbackServerContext* context, const std::string& name, v1::Call* out,
    absl::AnyInvocable<absl::Status(NodeHost&, const session::CallId&)> act) {
  return OnCore(host, context,
                [name, out, act = std::move(act)](NodeHost& core, Reply reply) mutable {
                  const auto id = FindCallName(name, core.node().ListCalls());
                  if (!id) return reply.Finish(CallUnknown(name));
                  const absl::Status status = act(core, *id);
                  if (!status.ok()) return reply.Fail(status, {kStateWrong, kUnknown});
                  ReplyCall(core, *id, out, std::move(reply));
                });
}

grpc::Status DialError(const absl::Status& status, const presence::IdentityInfo& identity) {
  std::string wrong = "NOT_LOGGED_IN";
  if (identity.state == presence::IdentityState::kLocked) wrong = "IDENTITY_LOCKED";
  if (identity.state == presence::IdentityState::kNoCertificate) {
    wrong = "IDENTITY_WITHOUT_CERTIFICATE";
  }
  // Logged in is not enough for whoever calls with it.
  if (identity.state == presence::IdentityState::kLoggedIn) wrong = "CERTIFICATE_EXPIRED";
  if (identity.fault != pki::ChainFault::kNone)
    wrong = ReasonOf(pki::ChainFaultName(identity.fault));
  return ToGrpc(status, {{absl::StatusCode::kFailedPrecondition, wrong},
                         {absl::StatusCode::kInvalidArgument, "EMAIL_IS_OWN"},
                         {absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS"},
                         {absl::StatusCode::kNotFound, "IDENTITY_UNKNOWN"},
                         {absl::StatusCode::kUnavailable, "DRAINING"}});
}

WatchSource<v1::WatchCallsResponse> CallsSource(const std::string& name,
                                                const std::string& parent) {
  WatchSource<v1::WatchCallsResponse> source;
  const auto wanted = [name, parent](NodeHost& host, const node::CallView& call) {
    if (!parent.empty()) {
      const FoundIdentity identity = FindIdentity(host, parent);
      if (!identity.status.ok() || identity.info.email != call.identity_email) return false;
    }
    return name.empty() || FindCallName(name, {call}).has_value();
  };
  source.snapshot =
      [name, wanted](NodeHost& host) -> absl::StatusOr<std::vector<v1::WatchCallsResponse>> {
    const std::vector<node::CallView> calls = host.node().ListCalls();
    if (!name.empty() && !FindCallName(name, calls)) {
      return absl::NotFoundError(absl::StrCat("no call '", name, "'"));
    }
    std::vector<v1::WatchCallsResponse> out;
    for (const node::CallView& call : calls) {
      const bool over = call.info.state == session::CallState::kEnded;
      // One whose last figures are on their way is told as a change, when they have come.
      if (!wanted(host, call) || call.figures_pending || (over && name.empty())) continue;
      *out.emplace_back().mutable_call() = host.ShowCall(call);
    }
    return out;
  };
  source.changed = [wanted](NodeHost& host, const node::Change& change) {
    std::optional<v1::WatchCallsResponse> out;
    if (change.topic != node::Topic::kCall) return out;
    const auto bytes = FromHex(change.name);
    const auto id = bytes ? session::CallId::FromView(ByteView(*bytes)) : std::nullopt;
    const auto view = id ? host.node().FindCall(*id) : std::nullopt;
    // The last message of a call carries its last figures.
    if (!view || view->figures_pending || !wanted(host, *view)) return out;
    out.emplace().set_mark(v1::WATCH_MARK_CHANGED);
    *out->mutable_call() = host.ShowCall(*view);
    return out;
  };
  source.last = [name](const v1::WatchCallsResponse& message) {
    return !name.empty() && message.call().state() == v1::Call::ENDED;
  };
  source.unknown_reason = "CALL_UNKNOWN";
  return source;
}

}  // namespace

grpc::ServerUnaryReactor* CallService::GetCall(grpc::CallbackServerContext* context,
                                               const v1::GetCallRequest* request, v1::Call* call) {
  return OnCall(host_, context, request->name(), call,
                [](NodeHost&, const session::CallId&) { return absl::OkStatus(); });
}

grpc::ServerUnaryReactor* CallService::ListCalls(grpc::CallbackServerContext* context,
                                                 const v1::ListCallsRequest* request,
                                                 v1::ListCallsResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    std::vector<node::CallView> calls = host.node().ListCalls();
    std::reverse(calls.begin(), calls.end());
    if (!request->parent().empty()) {
      const FoundIdentity identity = FindIdentity(host, request->parent());
      if (!identity.status.ok()) return reply.Finish(identity.status);
      calls.erase(std::remove_if(calls.begin(), calls.end(),
                                 [&](const node::CallView& call) {
                                   return call.identity_email != identity.info.email;
                                 }),
                  calls.end());
    }
    auto page = PageOf(std::move(calls), request->page_size(), request->page_token());
    if (!page.ok()) {
      return reply.Fail(page.status(),
                        {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
    }
    for (const node::CallView& call : page->items) *response->add_calls() = host.ShowCall(call);
    response->set_next_page_token(page->next_token);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* CallService::CreateCall(grpc::CallbackServerContext* context,
                                                  const v1::CreateCallRequest* request,
                                                  v1::Call* call) {
  const auto email = pki::NormaliseEmail(request->peer_email());
  if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
  if (request->request_id().size() > kMaxRequestId) {
    return Refuse(context, Error(grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_ID_TOO_LONG",
                                 "request_id has at most 64 bytes"));
  }
  return OnCore(host_, context, [email = *email, request, call](NodeHost& host, Reply reply) {
    if (const auto made = host.CallOfRequest(request->request_id())) {
      return ReplyCall(host, *made, call, std::move(reply));
    }
    if (host.draining()) {
      return reply.Finish(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the daemon is ending"));
    }
    const FoundIdentity identity = FindIdentity(host, request->parent());
    if (!identity.status.ok()) return reply.Finish(identity.status);
    const auto id = host.node().Dial(host.now(), identity.info.email, email);
    if (!id.ok()) return reply.Finish(DialError(id.status(), identity.info));
    host.SetAudioSource(*id, request->audio_source());
    host.RememberRequest(request->request_id(), *id);
    ReplyCall(host, *id, call, std::move(reply));
  });
}

grpc::ServerWriteReactor<v1::WatchCallsResponse>* CallService::WatchCalls(
    grpc::CallbackServerContext*, const v1::WatchCallsRequest* request) {
  using Stream = WatchStream<v1::WatchCallsResponse>;
  const std::string& name = request->name();
  WatchSource<v1::WatchCallsResponse> source = CallsSource(name, request->parent());
  if (request->hang_up_at_end()) {
    if (name.empty()) {
      return Stream::Refuse(Error(grpc::StatusCode::INVALID_ARGUMENT, "CALL_NOT_NAMED",
                                  "hang_up_at_end is for one call: name it"));
    }
    source.gone = [name](NodeHost& host) {
      const auto id = FindCallName(name, host.node().ListCalls());
      // One that is over already says so, which is no news.
      if (id) host.node().HangUp(host.now(), *id).IgnoreError();
    };
  }
  return Stream::Start(host_, std::move(source), request->resume_token());
}

grpc::ServerUnaryReactor* CallService::AnswerCall(grpc::CallbackServerContext* context,
                                                  const v1::AnswerCallRequest* request,
                                                  v1::Call* call) {
  return OnCall(host_, context, request->name(), call,
                [source = request->audio_source()](NodeHost& host, const session::CallId& id) {
                  // Before the acceptance, which starts the media.
                  host.SetAudioSource(id, source);
                  return host.node().Accept(host.now(), id);
                });
}

grpc::ServerUnaryReactor* CallService::RejectCall(grpc::CallbackServerContext* context,
                                                  const v1::RejectCallRequest* request,
                                                  v1::Call* call) {
  return OnCall(
      host_, context, request->name(), call,
      [](NodeHost& host, const session::CallId& id) { return host.node().Reject(host.now(), id); });
}

grpc::ServerUnaryReactor* CallService::HangUpCall(grpc::CallbackServerContext* context,
                                                  const v1::HangUpCallRequest* request,
                                                  v1::Call* call) {
  return OnCall(
      host_, context, request->name(), call,
      [](NodeHost& host, const session::CallId& id) { return host.node().HangUp(host.now(), id); });
}

grpc::ServerUnaryReactor* CallService::HoldCall(grpc::CallbackServerContext* context,
                                                const v1::HoldCallRequest* request,
                                                v1::Call* call) {
  return OnCall(host_, context, request->name(), call,
                [](NodeHost& host, const session::CallId& id) {
                  return host.node().Hold(host.now(), id, true);
                });
}

grpc::ServerUnaryReactor* CallService::ResumeCall(grpc::CallbackServerContext* context,
                                                  const v1::ResumeCallRequest* request,
                                                  v1::Call* call) {
  return OnCall(host_, context, request->name(), call,
                [](NodeHost& host, const session::CallId& id) {
                  return host.node().Hold(host.now(), id, false);
                });
}

grpc::ServerUnaryReactor* CallService::MuteCall(grpc::CallbackServerContext* context,
                                                const v1::MuteCallRequest* request,
                                                v1::Call* call) {
  return OnCall(host_, context, request->name(), call,
                [muted = request->muted()](NodeHost& host, const session::CallId& id) {
                  return host.node().Mute(host.now(), id, muted);
                });
}

grpc::ServerUnaryReactor* CallService::SendDtmf(grpc::CallbackServerContext* context,
                                                const v1::SendDtmfRequest* request,
                                                v1::SendDtmfResponse*) {
  const std::string& digits = request->digits();
  if (digits.empty() || digits.size() > kMaxDigits ||
      digits.find_first_not_of(kDigits.data(), 0, kDigits.size()) != std::string::npos) {
    return Refuse(context, Error(grpc::StatusCode::INVALID_ARGUMENT, "DIGITS_INVALID",
                                 "digits are 1 to 32 of 0-9, *, #, A-D"));
  }
  return OnCore(host_, context, [request](NodeHost& host, Reply reply) {
    const auto id = FindCallName(request->name(), host.node().ListCalls());
    if (!id) return reply.Finish(CallUnknown(request->name()));
    reply.Fail(host.node().SendDtmf(host.now(), *id, request->digits()),
               {kStateWrong,
                kUnknown,
                {absl::StatusCode::kInvalidArgument, "DIGITS_INVALID"},
                {absl::StatusCode::kResourceExhausted, "TOO_MANY_DIGITS"}});
  });
}

grpc::ServerUnaryReactor* CallService::ConferCalls(grpc::CallbackServerContext* context,
                                                   const v1::ConferCallsRequest* request,
                                                   v1::ConferCallsResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    const std::vector<node::CallView> calls = host.node().ListCalls();
    std::vector<session::CallId> named;
    for (const std::string& name : request->names()) {
      const auto id = FindCallName(name, calls);
      if (!id) return reply.Finish(CallUnknown(name));
      named.push_back(*id);
    }
    const absl::Status status = host.node().Confer(host.now(), named);
    if (!status.ok()) {
      return reply.Fail(status, {kStateWrong,
                                 kUnknown,
                                 {absl::StatusCode::kInvalidArgument, "CALLS_TOO_FEW"},
                                 {absl::StatusCode::kResourceExhausted, "CONFERENCE_FULL"}});
    }
    const uint64_t conference = host.node().FindCall(named.front())->conference;
    for (const node::CallView& call : host.node().ListCalls()) {
      if (call.conference == conference) *response->add_calls() = host.ShowCall(call);
    }
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* CallService::RecordCall(grpc::CallbackServerContext* context,
                                                  const v1::RecordCallRequest* request,
                                                  v1::Call* call) {
  const bool opus = request->format() == v1::RecordCallRequest::OPUS;
  const auto format = opus ? media::RecordingFormat::kOpus : media::RecordingFormat::kWav;
  return OnCore(host_, context, [request, call, format](NodeHost& host, Reply reply) {
    const auto id = FindCallName(request->name(), host.node().ListCalls());
    if (!id) return reply.Finish(CallUnknown(request->name()));
    const absl::Status status = host.Record(*id, request->recorded(), format);
    if (!status.ok()) {
      return reply.Fail(status, {kStateWrong,
                                 kUnknown,
                                 {absl::StatusCode::kResourceExhausted, "DISK_FULL"},
                                 {absl::StatusCode::kPermissionDenied, "FOLDER_NOT_WRITABLE"},
                                 {absl::StatusCode::kAlreadyExists, "RECORDING_EXISTS"}});
    }
    ReplyCall(host, *id, call, std::move(reply));
  });
}

grpc::ServerUnaryReactor* CallService::LeaveConference(grpc::CallbackServerContext* context,
                                                       const v1::LeaveConferenceRequest* request,
                                                       v1::Call* call) {
  return OnCall(host_, context, request->name(), call,
                [](NodeHost& host, const session::CallId& id) {
                  return host.node().LeaveConference(host.now(), id);
                });
}

grpc::ServerUnaryReactor* CallService::TransferCall(grpc::CallbackServerContext* context,
                                                    const v1::TransferCallRequest* request,
                                                    v1::Call* call) {
  if (request->peer_email().empty() == request->target_call().empty()) {
    return Refuse(context, Error(grpc::StatusCode::INVALID_ARGUMENT, "TRANSFER_TARGET_INVALID",
                                 "to whom? name an e-mail address, or a call"));
  }
  if (!request->peer_email().empty()) {
    const auto email = pki::NormaliseEmail(request->peer_email());
    if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
  }
  return OnCore(host_, context, [request, call](NodeHost& host, Reply reply) {
    const std::vector<node::CallView> calls = host.node().ListCalls();
    const auto id = FindCallName(request->name(), calls);
    if (!id) return reply.Finish(CallUnknown(request->name()));
    absl::Status status;
    if (request->target_call().empty()) {
      status = host.node().Transfer(host.now(), *id, request->peer_email());
    } else {
      const auto target = FindCallName(request->target_call(), calls);
      if (!target) return reply.Finish(CallUnknown(request->target_call()));
      status = host.node().TransferTo(host.now(), *id, *target);
    }
    if (!status.ok()) {
      return reply.Fail(
          status,
          {kStateWrong, kUnknown, {absl::StatusCode::kInvalidArgument, "TRANSFER_TARGET_INVALID"}});
    }
    ReplyCall(host, *id, call, std::move(reply));
  });
}

grpc::ServerBidiReactor<v1::StreamAudioRequest, v1::StreamAudioResponse>* CallService::StreamAudio(
    grpc::CallbackServerContext*) {
  return AudioStream::Start(host_, pump_);
}

}  // namespace p2pd::daemon
