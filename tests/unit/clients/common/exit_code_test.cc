#include "clients/common/exit_code.h"

#include "gtest/gtest.h"
#include "p2pd/v1/error.pb.h"

namespace p2pd::clients {
namespace {

TEST(ExitCodes, AreThePromiseToScripts) {
  EXPECT_EQ(static_cast<int>(ExitCodeOf(grpc::Status::OK)), 0);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::INTERNAL, ""})), 1);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::INVALID_ARGUMENT, ""})), 2);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::UNAVAILABLE, "Socket closed"})), 3);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::PERMISSION_DENIED, ""})), 4);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::UNAUTHENTICATED, ""})), 4);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::NOT_FOUND, ""})), 5);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::DEADLINE_EXCEEDED, ""})), 6);
}

grpc::Status FromDaemon(grpc::StatusCode code, const std::string& reason) {
  v1::ErrorDetail detail;
  detail.set_reason(reason);
  v1::ErrorStatus status;
  status.add_details()->PackFrom(detail);
  return {code, "what the daemon says", status.SerializeAsString()};
}

TEST(ExitCodes, ADaemonThatAnswersIsThereUnlessItEnds) {
  EXPECT_EQ(ExitCodeOf(FromDaemon(grpc::StatusCode::UNAVAILABLE, "NO_ROUTE")), ExitCode::kFailed);
  EXPECT_EQ(ExitCodeOf(FromDaemon(grpc::StatusCode::UNAVAILABLE, "DRAINING")),
            ExitCode::kUnreachable);
}

TEST(ExitCodes, ReasonsAreTheDaemons) {
  EXPECT_EQ(ReasonOf(FromDaemon(grpc::StatusCode::NOT_FOUND, "CALL_UNKNOWN")), "CALL_UNKNOWN");
  EXPECT_EQ(ReasonOf({grpc::StatusCode::UNAVAILABLE, "Socket closed"}), "");
  EXPECT_EQ(ReasonOf({grpc::StatusCode::UNAVAILABLE, "x", "no message of ours"}), "");
}

TEST(ExitCodes, WhatGrpcSaysIsExplainedInOneLine) {
  ::testing::internal::CaptureStderr();
  Report({grpc::StatusCode::UNAVAILABLE, "Socket closed"});
  Report({grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"});
  Report({grpc::StatusCode::INTERNAL, "two\nlines"});

  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "p2pctl: UNAVAILABLE: the connection to the daemon broke (Socket closed): see with "
            "p2pctl status whether it runs\n"
            "p2pctl: DEADLINE_EXCEEDED: the daemon did not answer in time (Deadline Exceeded): "
            "it is stopped or busy, or needs a longer --timeout\n"
            "p2pctl: INTERNAL: two lines\n");
}

TEST(ExitCodes, AFailureIsReportedWithItsName) {
  ::testing::internal::CaptureStderr();
  const ExitCode code = Report({grpc::StatusCode::NOT_FOUND, "no certificate for a@b.org"});

  EXPECT_EQ(code, ExitCode::kNotFound);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "p2pctl: NOT_FOUND: no certificate for a@b.org\n");
}

TEST(ExitCodes, SuccessIsSilent) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Report(grpc::Status::OK), ExitCode::kDone);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(ExitCodes, EveryCodeHasItsName) {
  for (int code = 0; code <= 16; ++code) {
    const std::string name = StatusName(static_cast<grpc::StatusCode>(code));
    EXPECT_EQ(name == "UNKNOWN", code == 2) << code;
  }
}

}  // namespace
}  // namespace p2pd::clients
