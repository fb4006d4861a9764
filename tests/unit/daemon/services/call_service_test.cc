#include "daemon/services/call_service.h"

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::CallService::Stub;

class CallServiceTest : public ServedNode {
 protected:
  template <class Method, class Request, class Response>
  grpc::Status OfCall(Method method, const Request& request, Response* response) {
    return Call<v1::CallService>(method, request, response);
  }
};

TEST_F(CallServiceTest, DialNeedsSomebodyWhoIsLoggedIn) {
  v1::CreateCallRequest dial;
  v1::Call call;
  dial.set_peer_email("nobody");
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::CreateCall, dial, &call)), "EMAIL_INVALID");
  dial.set_peer_email("bob@example.org");
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::CreateCall, dial, &call)), "IDENTITY_UNKNOWN");
  MakeIdentity("alice@example.org");
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::CreateCall, dial, &call)), "IDENTITY_WITHOUT_CERTIFICATE");
  dial.set_peer_email("Alice@Example.org");
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::CreateCall, dial, &call)), "EMAIL_IS_OWN");
  dial.set_request_id(std::string(65, 'r'));
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::CreateCall, dial, &call)), "REQUEST_ID_TOO_LONG");
}

TEST_F(CallServiceTest, CallsThatAreNotThereAreNamed) {
  v1::Call call;
  const std::string name = "calls/00112233445566778899aabbccddeeff";
  const auto reason = [&](auto method, auto request) {
    request.set_name(name);
    return ReasonOfStatus(OfCall(method, request, &call));
  };
  EXPECT_EQ(reason(&Stub::GetCall, v1::GetCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::AnswerCall, v1::AnswerCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::RejectCall, v1::RejectCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::HangUpCall, v1::HangUpCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::HoldCall, v1::HoldCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::ResumeCall, v1::ResumeCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::MuteCall, v1::MuteCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::RecordCall, v1::RecordCallRequest()), "CALL_UNKNOWN");
  EXPECT_EQ(reason(&Stub::LeaveConference, v1::LeaveConferenceRequest()), "CALL_UNKNOWN");
  v1::ConferCallsRequest confer;
  v1::ConferCallsResponse conference;
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::ConferCalls, confer, &conference)), "CALLS_TOO_FEW");
  confer.add_names(name);
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::ConferCalls, confer, &conference)), "CALL_UNKNOWN");
  v1::SendDtmfRequest dtmf;
  v1::SendDtmfResponse sent;
  dtmf.set_name(name);
  dtmf.set_digits("12#");
  EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::SendDtmf, dtmf, &sent)), "CALL_UNKNOWN");
  for (const char* digits : {"", "12x", "123456789012345678901234567890123"}) {
    dtmf.set_digits(digits);
    EXPECT_EQ(ReasonOfStatus(OfCall(&Stub::SendDtmf, dtmf, &sent)), "DIGITS_INVALID") << digits;
  }
}

TEST_F(CallServiceTest, AnEmptyListHasNoNextPage) {
  v1::ListCallsResponse list;
  ASSERT_TRUE(OfCall(&Stub::ListCalls, v1::ListCallsRequest(), &list).ok());
  EXPECT_EQ(list.calls_size(), 0);
  EXPECT_TRUE(list.next_page_token().empty());
}

TEST_F(CallServiceTest, WatchingACallThatIsNotThereEnds) {
  const auto stub = v1::CallService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::WatchCallsRequest request;
  request.set_name("calls/0011");
  const auto stream = stub->WatchCalls(&context, request);
  v1::WatchCallsResponse message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(ReasonOfStatus(stream->Finish()), "CALL_UNKNOWN");
}

}  // namespace
}  // namespace p2pd::daemon
