#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/commands/stream.h"
#include "clients/cli/format.h"
#include "clients/common/files.h"
#include "p2pd/v1/call_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Stub = v1::CallService::Stub;

constexpr int kMaxPage = 1000;

std::string RecordName(const std::string& record) {
  return absl::StartsWith(record, "callRecords/") ? record : "callRecords/" + record;
}

std::string TalkOf(const v1::Call& call) {
  if (!call.has_answer_time() || !call.has_end_time()) return "-";
  google::protobuf::Duration talk;
  talk.set_seconds(call.end_time().seconds() - call.answer_time().seconds());
  return Show(talk);
}

std::string EndOf(const v1::CallRecord& record) {
  const v1::Call& call = record.call();
  if (call.voicemail()) return call.recording().empty() ? "no message left" : "message";
  return absl::StrCat(record.missed() ? "missed: " : "", Show(call.end_reason()));
}

}  // namespace

ExitCode CallHistory(Session& session, const CallHistoryArgs& args) {
  v1::ListCallRecordsRequest request;
  request.set_parent(session.Identity());
  request.set_peer_email(args.with);
  request.set_missed(args.missed);
  request.set_voicemail(args.voicemail);
  v1::ListCallRecordsResponse all;
  for (int left = args.limit; left > 0; left = args.limit - all.records_size()) {
    request.set_page_size(std::min(left, kMaxPage));
    v1::ListCallRecordsResponse page;
    if (!session.Call<v1::CallService>(&Stub::ListCallRecords, request, &page)) {
      return session.problem();
    }
    all.mutable_records()->MergeFrom(page.records());
    all.set_next_page_token(page.next_page_token());
    request.set_page_token(page.next_page_token());
    if (page.next_page_token().empty()) break;
  }
  if (session.json()) {
    Session::PrintJson(all);
    return ExitCode::kDone;
  }
  Table table({"NUMBER", "WHEN", "", "WITH", "TALK", "END", "RECORDING"});
  for (const v1::CallRecord& record : all.records()) {
    const v1::Call& call = record.call();
    table.Row({LastWord(record.name()), Show(call.create_time()),
               call.direction() == v1::Call::INCOMING ? "from" : "to", call.peer_email(),
               TalkOf(call), EndOf(record), call.recording().empty() ? "" : "yes"});
  }
  table.Print();
  return ExitCode::kDone;
}

ExitCode CallForget(Session& session, const std::string& record, bool recording) {
  v1::DeleteCallRecordsRequest request;
  request.set_name(RecordName(record == "all" ? "-" : record));
  request.set_recording(recording);
  return session.CallAndPrint<v1::CallService>(
      &Stub::DeleteCallRecords, request, [](const v1::DeleteCallRecordsResponse& gone) {
        std::printf("%d forgotten, %d recordings deleted\n", gone.record_count(),
                    gone.recording_count());
      });
}

ExitCode CallRecording(Session& session, const std::string& record, const std::string& out) {
  const absl::Status place = clients::CheckOutput(out);
  if (!place.ok()) return clients::ReportUsage(std::string(place.message()));
  v1::ReadRecordingRequest request;
  request.set_name(RecordName(record));
  std::string content;
  v1::ReadRecordingResponse first;
  const ExitCode code = ReadStream<v1::CallService, v1::ReadRecordingResponse>(
      session,
      [&](Stub& stub, grpc::ClientContext* context) {
        return stub.ReadRecording(context, request);
      },
      [&](const v1::ReadRecordingResponse& piece) {
        if (!piece.file_name().empty()) first = piece;
        content += piece.data();
        return true;
      });
  if (code != ExitCode::kDone) return code;
  if (first.file_name().empty() || content.size() != static_cast<size_t>(first.size())) {
    return clients::ReportFailure("the recording did not come whole: try again");
  }
  const absl::Status written = clients::WriteOutput(out, content, true);
  if (!written.ok()) return clients::ReportFailure(std::string(written.message()));
  std::fprintf(stderr, "%s, %s\n", first.file_name().c_str(),
               ShowBytes(static_cast<uint64_t>(first.size())).c_str());
  return ExitCode::kDone;
}

}  // namespace p2pd::cli
