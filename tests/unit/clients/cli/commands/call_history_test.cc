#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class CallHistoryCommands : public WithFakeDaemon {
 protected:
  v1::Call& Keep(int number) {
    v1::CallRecord& record = *calls_.ListCallRecords_.response.add_records();
    record.set_name("callRecords/" + std::to_string(number));
    v1::Call& call = *record.mutable_call();
    call.set_peer_email("ann@example.org");
    call.set_direction(v1::Call::INCOMING);
    call.set_state(v1::Call::ENDED);
    call.set_end_reason(v1::Call::CANCELLED);
    call.mutable_create_time()->set_seconds(1'700'000'000);
    call.mutable_end_time()->set_seconds(1'700'000'100);
    return call;
  }
  void Piece(const std::string& data) {
    v1::ReadRecordingResponse& piece = calls_.recording.emplace_back();
    piece.set_data(data);
    if (calls_.recording.size() == 1) piece.set_file_name("message.opus");
    if (calls_.recording.size() == 1) piece.set_size(6);
  }
};

TEST_F(CallHistoryCommands, HistorySaysWhoWasMissedAndWhoLeftAMessage) {
  Keep(3);
  calls_.ListCallRecords_.response.mutable_records(0)->set_missed(true);
  v1::Call& message = Keep(2);
  message.set_voicemail(true);
  message.set_recording("/r/message.opus");
  Keep(1).mutable_answer_time()->set_seconds(1'700'000'040);
  const Outcome outcome = Run(
      {"call", "history", "--with", "ann@example.org", "--missed", "--voicemail", "--limit", "50"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "missed: cancelled")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "message")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "60.0 s")) << outcome.out;
  const v1::ListCallRecordsRequest& asked = calls_.ListCallRecords_.request;
  EXPECT_EQ(asked.peer_email(), "ann@example.org");
  EXPECT_TRUE(asked.missed() && asked.voicemail());
  EXPECT_EQ(asked.page_size(), 50);
}

TEST_F(CallHistoryCommands, HistoryTurnsPagesUntilItHasEnough) {
  Keep(9);
  Keep(8);
  calls_.ListCallRecords_.response.set_next_page_token("8");
  const Outcome outcome = Run({"call", "history", "--limit", "6"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(calls_.ListCallRecords_.calls, 3);
  EXPECT_EQ(calls_.ListCallRecords_.request.page_token(), "8");
  EXPECT_EQ(calls_.ListCallRecords_.request.page_size(), 2);
}

TEST_F(CallHistoryCommands, ForgetNamesOneOrAll) {
  calls_.DeleteCallRecords_.response.set_record_count(3);
  EXPECT_EQ(Run({"call", "forget", "7", "--recording"}).code, 0);
  EXPECT_EQ(calls_.DeleteCallRecords_.request.name(), "callRecords/7");
  EXPECT_TRUE(calls_.DeleteCallRecords_.request.recording());
  const Outcome all = Run({"call", "forget", "all"});
  EXPECT_EQ(calls_.DeleteCallRecords_.request.name(), "callRecords/-");
  EXPECT_EQ(all.out, "3 forgotten, 0 recordings deleted\n");
}

TEST_F(CallHistoryCommands, ARecordingIsWrittenWholeOrNotAtAll) {
  Piece("abc");
  Piece("def");
  const std::string path = Path("out.opus");
  const Outcome outcome = Run({"call", "recording", "7", "--out", path});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(calls_.recording_request.name(), "callRecords/7");
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_EQ(content.str(), "abcdef");

  std::filesystem::remove(path);
  calls_.recording.pop_back();
  EXPECT_NE(Run({"call", "recording", "7", "--out", path}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(path));
  calls_.recording.clear();
  calls_.recording_status = {grpc::StatusCode::NOT_FOUND, "no recording"};
  EXPECT_EQ(Run({"call", "recording", "7", "--out", path}).code, 5);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace p2pd::cli
