// The methods of CallService about calls that were: the list, and their recordings.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/call_keeper.h"
#include "daemon/convert/person.h"
#include "daemon/services/call_service.h"
#include "daemon/services/page.h"
#include "daemon/services/person_errors.h"
#include "daemon/services/stream_writer.h"
#include "daemon/services/unary.h"
#include "libcore/base/descriptor.h"
#include "libcore/base/status.h"
#include "libcore/pki/certificate.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kPieceSize = 65'536;
constexpr absl::string_view kAll = "callRecords/-";

grpc::Status WhyNot(const absl::Status& status) {
  if (absl::IsNotFound(status)) {
    return ToGrpc(status, {{absl::StatusCode::kNotFound, "CALL_RECORD_UNKNOWN"}});
  }
  return Error(grpc::StatusCode::UNAVAILABLE, "HISTORY_UNREADABLE", status.message());
}

absl::StatusOr<v1::CallRecord> FindRecord(NodeHost& host, const std::string& name) {
  const auto number = CallBook::ParseName(name);
  if (!number) return absl::NotFoundError(absl::StrCat("no record '", name, "' of a call"));
  return host.keeper().book().Find(*number);
}

// The names and files of what is to be forgotten.
absl::StatusOr<std::vector<v1::CallRecord>> Named(NodeHost& host, const std::string& name) {
  if (name == kAll) return host.keeper().book().List({}, CallBook::kNewest, CallBook::kMaxRecords);
  P2PD_ASSIGN_OR_RETURN(v1::CallRecord record, FindRecord(host, name));
  return std::vector<v1::CallRecord>{std::move(record)};
}

// A file, piece by piece: the next is read when the one before is written.
class RecordingStream final : public StreamWriter<v1::ReadRecordingResponse> {
 public:
  static grpc::ServerWriteReactor<v1::ReadRecordingResponse>* Start(NodeHost& host,
                                                                    std::string name) {
    auto* stream = new RecordingStream(host);
    stream->BeginLocked([&] {
      host.PostAlways([stream, name = std::move(name)](NodeHost&) { stream->Begin(name); });
    });
    return stream;
  }

 private:
  explicit RecordingStream(NodeHost& host) : host_(host) {}

  // Core thread.
  void Begin(const std::string& name) {
    const absl::StatusOr<v1::CallRecord> record = FindRecord(host_, name);
    if (!record.ok()) return End(WhyNot(record.status()));
    const std::string& path = record->call().recording();
    if (!path.empty()) file_ = Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file_.get() < 0) {
      const bool denied = errno == EACCES && !path.empty();
      return End(denied
                     ? Error(grpc::StatusCode::PERMISSION_DENIED, "RECORDING_UNREADABLE",
                             absl::StrCat("the daemon may not read ", path))
                     : Error(grpc::StatusCode::NOT_FOUND, "RECORDING_MISSING",
                             absl::StrCat("there is no recording of ", name,
                                          path.empty() ? "" : ": its file is gone from ", path)));
    }
    v1::ReadRecordingResponse first;
    first.set_file_name(std::filesystem::path(path).filename().string());
    first.set_size(lseek(file_.get(), 0, SEEK_END));
    lseek(file_.get(), 0, SEEK_SET);
    Next(std::move(first));
  }

  void OnEmpty() override { Next({}); }

  void Next(v1::ReadRecordingResponse piece) {
    std::string& data = *piece.mutable_data();
    data.resize(kPieceSize);
    const ssize_t count = read(file_.get(), data.data(), data.size());
    if (count < 0) {
      return End(Error(grpc::StatusCode::PERMISSION_DENIED, "RECORDING_UNREADABLE",
                       "the recording cannot be read"));
    }
    data.resize(static_cast<size_t>(count));
    if (count == 0 && piece.file_name().empty()) return End(grpc::Status::OK);
    std::vector<v1::ReadRecordingResponse> batch;
    batch.push_back(std::move(piece));
    Write(std::move(batch));
  }

  void OnOver() override {
    host_.PostAlways([this](NodeHost&) { delete this; });
  }

  NodeHost& host_;
  Descriptor file_;
};

}  // namespace

grpc::ServerUnaryReactor* CallService::ListCallRecords(grpc::CallbackServerContext* context,
                                                       const v1::ListCallRecordsRequest* request,
                                                       v1::ListCallRecordsResponse* response) {
  CallBook::Filter filter{.missed = request->missed(), .voicemail = request->voicemail()};
  if (!request->peer_email().empty()) {
    const auto email = pki::NormaliseEmail(request->peer_email());
    if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
    filter.peer = *email;
  }
  return OnCore(host_, context, [request, response, filter](NodeHost& host, Reply reply) mutable {
    if (!request->parent().empty()) {
      const FoundIdentity identity = FindIdentity(host, request->parent());
      if (!identity.status.ok()) return reply.Finish(identity.status);
      filter.identity = IdentityName(identity.info.email);
    }
    const std::string& token = request->page_token();
    const auto before = token.empty() ? CallBook::kNewest : CallBook::ParseName(token);
    if (!before || request->page_size() < 0) {
      return reply.Finish(Error(grpc::StatusCode::INVALID_ARGUMENT, "PAGE_TOKEN_INVALID",
                                "page_token is none that this list gave out, or page_size is "
                                "negative"));
    }
    const int size =
        request->page_size() == 0 ? kDefaultPageSize : std::min(request->page_size(), kMaxPageSize);
    auto records = host.keeper().book().List(filter, *before, static_cast<size_t>(size) + 1);
    if (!records.ok()) return reply.Finish(WhyNot(records.status()));
    if (records->size() > static_cast<size_t>(size)) {
      records->pop_back();
      const auto number = CallBook::ParseName(records->back().name());
      response->set_next_page_token(absl::StrCat(number.value_or(0)));
    }
    for (v1::CallRecord& record : *records) *response->add_records() = std::move(record);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* CallService::DeleteCallRecords(
    grpc::CallbackServerContext* context, const v1::DeleteCallRecordsRequest* request,
    v1::DeleteCallRecordsResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    const auto records = Named(host, request->name());
    if (!records.ok()) return reply.Finish(WhyNot(records.status()));
    for (const v1::CallRecord& record : *records) {
      const absl::Status status =
          host.keeper().book().Erase(CallBook::ParseName(record.name()).value_or(0));
      if (!status.ok()) return reply.Finish(WhyNot(status));
      response->set_record_count(response->record_count() + 1);
      if (request->recording() && host.keeper().DeleteRecording(record.call())) {
        response->set_recording_count(response->recording_count() + 1);
      }
    }
    reply.Ok();
  });
}

grpc::ServerWriteReactor<v1::ReadRecordingResponse>* CallService::ReadRecording(
    grpc::CallbackServerContext*, const v1::ReadRecordingRequest* request) {
  return RecordingStream::Start(host_, request->name());
}

}  // namespace p2pd::daemon
