#include "daemon/errors.h"

#include <grpcpp/support/error_details.h>
#include <gtest/gtest.h>

#include "p2pd/v1/error.pb.h"

namespace p2pd::daemon {
namespace {

v1::ErrorDetail DetailOf(const grpc::Status& status) {
  v1::ErrorStatus whole;
  EXPECT_TRUE(grpc::ExtractErrorDetails(status, &whole).ok());
  EXPECT_EQ(whole.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(whole.message(), status.error_message());
  EXPECT_EQ(whole.details_size(), 1);
  v1::ErrorDetail detail;
  EXPECT_TRUE(whole.details(0).UnpackTo(&detail));
  return detail;
}

TEST(Errors, CarryExactlyOneDetailWhereGrpcLooksForIt) {
  const grpc::Status status =
      Error(grpc::StatusCode::NOT_FOUND, "CALL_UNKNOWN", "no call 'x'", {{"call", "x"}});
  const v1::ErrorDetail detail = DetailOf(status);
  EXPECT_EQ(detail.reason(), "CALL_UNKNOWN");
  EXPECT_EQ(detail.domain(), "p2pd");
  EXPECT_EQ(detail.metadata().at("call"), "x");
}

TEST(Errors, TheWireFormIsThatOfGoogleRpcStatus) {
  // google.rpc.Status: code = 1 (int32), message = 2 (string), details = 3 (Any).
  const grpc::Status status = Error(grpc::StatusCode::NOT_FOUND, "R", "m");
  const std::string bytes = status.error_details();
  ASSERT_GE(bytes.size(), 6u);
  EXPECT_EQ(bytes.substr(0, 2), std::string("\x08\x05"));
  EXPECT_EQ(bytes.substr(2, 3), std::string("\x12\x01m"));
  EXPECT_EQ(bytes[5], '\x1a');
}

TEST(Errors, CodesAndSentencesReachTheClientUnchanged) {
  const grpc::Status status =
      ToGrpc(absl::ResourceExhaustedError("full"),
             {{absl::StatusCode::kNotFound, "A"}, {absl::StatusCode::kResourceExhausted, "B"}});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "full");
  EXPECT_EQ(DetailOf(status).reason(), "B");
  EXPECT_EQ(DetailOf(ToGrpc(absl::AbortedError("x"))).reason(), "ABORTED");
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace p2pd::daemon
