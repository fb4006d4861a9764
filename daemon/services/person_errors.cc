#include "daemon/services/person_errors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/convert/person.h"
#include "daemon/errors.h"
#include "libcore/pki/certificate.h"

namespace p2pd::daemon {

grpc::Status PresenceError(const node::Completed& done) {
  auto code = static_cast<grpc::StatusCode>(done.status.raw_code());
  std::string reason = absl::StatusCodeToString(done.status.code());
  if (done.presence) {
    if (done.presence->fault != pki::ChainFault::kNone) {
      code = grpc::StatusCode::FAILED_PRECONDITION;
      reason = ReasonOf(pki::ChainFaultName(done.presence->fault));
    } else if (!done.presence->problem.empty()) {
      reason = ReasonOf(done.presence->problem);
    }
  } else if (absl::IsDeadlineExceeded(done.status)) {
    reason = "NOT_ACKNOWLEDGED";
  }
  return Error(code, reason, done.status.message());
}

FoundIdentity FindIdentity(NodeHost& host, const std::string& name) {
  const std::optional<std::string> email = IdentityOf(name);
  if (!email) {
    return {.info = {},
            .status = Error(grpc::StatusCode::INVALID_ARGUMENT, "NAME_INVALID",
                            absl::StrCat("'", name, "' is not identities/{e-mail}"))};
  }
  std::string normalised;
  if (!email->empty()) {
    const auto checked = pki::NormaliseEmail(*email);
    if (!checked.ok()) return {.info = {}, .status = EmailInvalid(checked.status())};
    normalised = *checked;
  }
  const auto identity = host.node().presence().Identity(normalised);
  if (!identity.ok()) {
    return {
        .info = {},
        .status = ToGrpc(identity.status(), {{absl::StatusCode::kNotFound, "IDENTITY_UNKNOWN"}})};
  }
  return {.info = *identity, .status = grpc::Status::OK};
}

FoundContact FindContact(NodeHost& host, const std::string& identity, const std::string& email) {
  const auto normalised = pki::NormaliseEmail(email);
  if (!normalised.ok()) return {.info = {}, .status = EmailInvalid(normalised.status())};
  for (presence::ContactInfo& contact : host.node().presence().Contacts(identity)) {
    if (contact.email == *normalised) {
      return {.info = std::move(contact), .status = grpc::Status::OK};
    }
  }
  return {.info = {},
          .status = Error(grpc::StatusCode::NOT_FOUND, "CONTACT_UNKNOWN",
                          absl::StrCat(*normalised, " is no contact of ", identity),
                          {{"email", *normalised}})};
}

grpc::Status EmailInvalid(const absl::Status& why) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, "EMAIL_INVALID", why.message());
}

}  // namespace p2pd::daemon
