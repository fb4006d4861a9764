// Identities, devices, contacts and presence as the control API shows them, and their resource
// names.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/pki/chain.h"
#include "libcore/presence/presence.h"
#include "p2pd/v1/contact_service.pb.h"
#include "p2pd/v1/identity_service.pb.h"

namespace p2pd::daemon {

v1::Availability ToProto(presence::Availability availability);
// nullopt for what nobody can choose: UNSPECIFIED, OFFLINE and numbers of a newer API.
std::optional<presence::Availability> FromProto(v1::Availability availability);

v1::Identity ToProto(const presence::IdentityInfo& identity, absl::Time now);
// `identity`: the e-mail address of whose device it is.
v1::Device ToProto(const presence::DeviceEntry& device, absl::string_view identity);

// `as`: the identity whose contact it is. `trust` tells what is known of revocation.
v1::Contact ToProto(const presence::ContactInfo& contact, absl::string_view as,
                    const pki::TrustStore& trust, absl::Time now);
v1::Presence PresenceOf(const presence::ContactInfo& contact, const pki::TrustStore& trust,
                        absl::Time now);

// The reason of the API for one that presence gives (OperationDone::problem, ContactInfo::problem).
std::string ReasonOf(absl::string_view problem);

// "identities/{e-mail}".
std::string IdentityName(absl::string_view email);
// The e-mail address in "identities/E" or in "E" itself; empty for the default identity; nullopt
// for any other form.
std::optional<std::string> IdentityOf(absl::string_view name);
struct DeviceName {
  std::string identity;
  pki::DeviceId device;
};
std::optional<DeviceName> ParseDeviceName(absl::string_view name);
struct ContactName {
  std::string identity;  // empty: the default one
  std::string email;
};
// "identities/E/contacts/C", "contacts/C" or "C".
std::optional<ContactName> ParseContactName(absl::string_view name);

}  // namespace p2pd::daemon
