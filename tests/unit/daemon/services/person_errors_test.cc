#include "daemon/services/person_errors.h"

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

node::Completed Failed(absl::Status status, std::string problem, pki::ChainFault fault) {
  node::Completed completed;
  completed.status = std::move(status);
  completed.presence.emplace();
  completed.presence->problem = std::move(problem);
  completed.presence->fault = fault;
  return completed;
}

TEST(PresenceErrors, AChainThatIsRefusedIsThePrecondition) {
  const grpc::Status status =
      PresenceError(Failed(absl::PermissionDeniedError("x"), "EXPIRED", pki::ChainFault::kExpired));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_details().find("CERTIFICATE_EXPIRED"), std::string::npos);
}

TEST(PresenceErrors, OthersKeepTheirCodeAndName) {
  const grpc::Status status = PresenceError(
      Failed(absl::UnavailableError("x"), "NOT_ACKNOWLEDGED", pki::ChainFault::kNone));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status.error_details().find("NOT_ACKNOWLEDGED"), std::string::npos);
}

TEST(PresenceErrors, EveryChainFaultHasAReasonOfTheApi) {
  for (int fault = 1; fault <= static_cast<int>(pki::ChainFault::kRevocationUnknown); ++fault) {
    const std::string name(pki::ChainFaultName(static_cast<pki::ChainFault>(fault)));
    const std::string reason = ReasonOf(name);
    EXPECT_TRUE(reason.rfind("CERTIFICATE_", 0) == 0 || reason == "ROOT_UNTRUSTED" ||
                reason == "REVOCATION_UNKNOWN")
        << name << " became " << reason;
  }
}

class PersonErrorsTest : public ServedNode {};

TEST_F(PersonErrorsTest, UnknownPeopleAreNamed) {
  OnCoreThread([](NodeHost& host) {
    EXPECT_EQ(ReasonOfStatus(FindIdentity(host, "").status), "IDENTITY_UNKNOWN");
    EXPECT_EQ(ReasonOfStatus(FindIdentity(host, "identities/a@b.org").status), "IDENTITY_UNKNOWN");
    EXPECT_EQ(ReasonOfStatus(FindIdentity(host, "identities/no address").status), "EMAIL_INVALID");
    EXPECT_EQ(ReasonOfStatus(FindIdentity(host, "a/b").status), "NAME_INVALID");
    EXPECT_EQ(ReasonOfStatus(FindContact(host, "a@b.org", "c@d.org").status), "CONTACT_UNKNOWN");
    EXPECT_EQ(ReasonOfStatus(FindContact(host, "a@b.org", "nobody").status), "EMAIL_INVALID");
  });
}

}  // namespace
}  // namespace p2pd::daemon
