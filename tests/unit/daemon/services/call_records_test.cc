#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::CallService::Stub;

class CallRecordsTest : public ServedNode {
 protected:
  template <class Method, class Request, class Response>
  grpc::Status OfCall(Method method, const Request& request, Response* response) {
    return Call<v1::CallService>(method, request, response);
  }
  // A call that has ended, with a recording at `path`.
  void Keep(int number, const std::string& path = "") {
    v1::Call call;
    call.set_name(absl::StrCat("calls/", number));
    call.set_peer_email("bob@example.org");
    call.set_direction(v1::Call::INCOMING);
    call.set_state(v1::Call::ENDED);
    call.set_recording(path);
    call.mutable_end_time()->set_seconds(absl::ToUnixSeconds(runtime::WallNow()));
    OnCoreThread([&](NodeHost& host) { ASSERT_TRUE(host.keeper().book().Put(call).ok()); });
  }
  std::string WriteFile(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(config_.data_dir + "/recordings");
    const std::string path = absl::StrCat(config_.data_dir, "/recordings/", name);
    std::ofstream(path) << content;
    return path;
  }
  // What a stream brought: the name, the size, the bytes; and how it ended.
  struct Read {
    std::string name;
    int64_t size = 0;
    std::string data;
    std::string reason;
  };
  Read ReadRecording(const std::string& name) {
    const auto stub = v1::CallService::NewStub(channel_);
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ReadRecordingRequest request;
    request.set_name(name);
    const auto stream = stub->ReadRecording(&context, request);
    Read out;
    v1::ReadRecordingResponse piece;
    while (stream->Read(&piece)) {
      if (!piece.file_name().empty()) {
        out.name = piece.file_name();
        out.size = piece.size();
      }
      EXPECT_LE(piece.data().size(), 65'536U);
      out.data += piece.data();
    }
    out.reason = ReasonOfStatus(stream->Finish());
    return out;
  }
};

TEST_F(CallRecordsTest, PagesGoFromTheNewestToTheOldest) {
  for (int i = 1; i <= 5; ++i) Keep(i);
  v1::ListCallRecordsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    v1::ListCallRecordsResponse page;
    ASSERT_TRUE(OfCall(&Stub::ListCallRecords, request, &page).ok());
    EXPECT_LE(page.records_size(), 2);
    for (const v1::CallRecord& record : page.records()) names.push_back(record.call().name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && names.size() < 10);
  EXPECT_EQ(names,
            (std::vector<std::string>{"calls/5", "calls/4", "calls/3", "calls/2", "calls/1"}));
}

TEST_F(CallRecordsTest, WhatCannotBeAskedForIsNamed) {
  v1::ListCallRecordsResponse page;
  const auto reason = [&](auto change) {
    v1::ListCallRecordsRequest request;
    change(request);
    return ReasonOfStatus(OfCall(&Stub::ListCallRecords, request, &page));
  };
  EXPECT_EQ(reason([](auto& r) { r.set_page_token("x"); }), "PAGE_TOKEN_INVALID");
  EXPECT_EQ(reason([](auto& r) { r.set_page_size(-1); }), "PAGE_TOKEN_INVALID");
  EXPECT_EQ(reason([](auto& r) { r.set_peer_email("nobody"); }), "EMAIL_INVALID");
  EXPECT_EQ(reason([](auto& r) { r.set_parent("identities/x@example.org"); }), "IDENTITY_UNKNOWN");
  EXPECT_EQ(reason([](auto&) {}), "OK");
}

TEST_F(CallRecordsTest, ARecordingIsReadInPieces) {
  std::string voice;
  for (int i = 0; i < 100'000; ++i) voice += static_cast<char>(i % 251);
  Keep(1, WriteFile("a.opus", voice));
  Keep(2);
  Keep(3, config_.data_dir + "/recordings/gone.opus");
  Keep(4, WriteFile("empty.wav", ""));
  const Read whole = ReadRecording("callRecords/1");
  EXPECT_EQ(whole.reason, "OK");
  EXPECT_EQ(whole.name, "a.opus");
  EXPECT_EQ(whole.size, 100'000);
  EXPECT_TRUE(whole.data == voice);
  EXPECT_EQ(ReadRecording("callRecords/2").reason, "RECORDING_MISSING");
  EXPECT_EQ(ReadRecording("callRecords/3").reason, "RECORDING_MISSING");
  EXPECT_EQ(ReadRecording("callRecords/4").reason, "OK");
  EXPECT_EQ(ReadRecording("callRecords/4").name, "empty.wav");
  EXPECT_EQ(ReadRecording("callRecords/9").reason, "CALL_RECORD_UNKNOWN");
  EXPECT_EQ(ReadRecording("../1").reason, "CALL_RECORD_UNKNOWN");
}

TEST_F(CallRecordsTest, WhatIsForgottenIsGoneAndItsFileIfAskedFor) {
  const std::string kept = WriteFile("kept.wav", "voice");
  const std::string gone = WriteFile("gone.wav", "voice");
  const std::string foreign = folder_.path() + "/foreign.wav";
  std::ofstream(foreign) << "not ours";
  Keep(1, kept);
  Keep(2, gone);
  Keep(3, foreign);
  v1::DeleteCallRecordsRequest request;
  v1::DeleteCallRecordsResponse answer;
  request.set_name("callRecords/1");
  ASSERT_TRUE(OfCall(&Stub::DeleteCallRecords, request, &answer).ok());
  EXPECT_EQ(answer.record_count(), 1);
  EXPECT_EQ(answer.recording_count(), 0);
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::DeleteCallRecords, request, &answer)),
            "CALL_RECORD_UNKNOWN");
  request.set_name("callRecords/-");
  request.set_recording(true);
  answer.Clear();
  ASSERT_TRUE(OfCall(&Stub::DeleteCallRecords, request, &answer).ok());
  EXPECT_EQ(answer.record_count(), 2);
  EXPECT_EQ(answer.recording_count(), 1);
  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_TRUE(std::filesystem::exists(foreign)) << "outside the folder of recordings";
}

}  // namespace
}  // namespace p2pd::daemon
