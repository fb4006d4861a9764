// What goes wrong about identities and people, with the reasons that the API promises.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/convert/person.h"
#include "daemon/node_host.h"
#include "grpcpp/support/status.h"
#include "libcore/node/node.h"
#include "libcore/presence/presence.h"

namespace p2pd::daemon {

// The error of an operation of presence that did not succeed. A certificate that was found and
// refused is FAILED_PRECONDITION: it is the other side's, not the caller's rights that lack.
grpc::Status PresenceError(const node::Completed& done);

// The identity that a request's name means, empty for the default one. The status is for the
// client.
struct FoundIdentity {
  presence::IdentityInfo info;
  grpc::Status status;
};
FoundIdentity FindIdentity(NodeHost& host, const std::string& name);

// The contact of an identity; the status is for the client.
struct FoundContact {
  presence::ContactInfo info;
  grpc::Status status;
};
FoundContact FindContact(NodeHost& host, const std::string& identity, const std::string& email);

grpc::Status EmailInvalid(const absl::Status& why);

}  // namespace p2pd::daemon
