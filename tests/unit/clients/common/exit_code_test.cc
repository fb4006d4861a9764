#include "clients/common/exit_code.h"

#include "gtest/gtest.h"

namespace p2pd::clients {
namespace {

TEST(ExitCodes, AreThePromiseToScripts) {
  EXPECT_EQ(static_cast<int>(ExitCodeOf(grpc::Status::OK)), 0);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::INTERNAL, ""})), 1);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::INVALID_ARGUMENT, ""})), 1);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::PERMISSION_DENIED, ""})), 4);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::UNAUTHENTICATED, ""})), 4);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::NOT_FOUND, ""})), 5);
  EXPECT_EQ(static_cast<int>(ExitCodeOf({grpc::StatusCode::DEADLINE_EXCEEDED, ""})), 6);
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
