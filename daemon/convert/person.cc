#include "daemon/convert/person.h"

#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/convert/certificate.h"
#include "libcore/base/hex.h"

namespace p2pd::daemon {
namespace {

constexpr absl::string_view kIdentities = "identities/";

struct Renamed {
  absl::string_view problem;
  absl::string_view reason;
};
// Names of pki::ChainFault say what; the API says of whom.
constexpr std::array<Renamed, 13> kRenamed = {{{"MALFORMED", "CERTIFICATE_INVALID"},
                                               {"NOT_YET_VALID", "CERTIFICATE_EXPIRED"},
                                               {"EXPIRED", "CERTIFICATE_EXPIRED"},
                                               {"REVOKED", "CERTIFICATE_REVOKED"},
                                               {"UNTRUSTED_ROOT", "ROOT_UNTRUSTED"},
                                               {"BAD_SIGNATURE", "CERTIFICATE_INVALID"},
                                               {"PATH_TOO_LONG", "CERTIFICATE_INVALID"},
                                               {"NAME_CONSTRAINT", "CERTIFICATE_INVALID"},
                                               {"NOT_A_CA", "CERTIFICATE_INVALID"},
                                               {"WRONG_USAGE", "CERTIFICATE_INVALID"},
                                               {"WRONG_EMAIL", "CERTIFICATE_WRONG_EMAIL"},
                                               {"KEY_CHANGED", "CONTACT_KEY_CHANGED"},
                                               {"TOO_MANY", "TOO_MANY_OPERATIONS"}}};

v1::Identity::State StateOf(const presence::IdentityInfo& identity, absl::Time now) {
  switch (identity.state) {
    case presence::IdentityState::kNoCertificate:
      return v1::Identity::AWAITING_CERTIFICATE;
    case presence::IdentityState::kLocked:
      return v1::Identity::LOCKED;
    case presence::IdentityState::kLoggedOut:
    case presence::IdentityState::kLoggingIn:
    case presence::IdentityState::kLoggedIn:
      break;
  }
  const bool expired = identity.chain && identity.chain->leaf().not_after() <= now;
  if (expired || identity.fault != pki::ChainFault::kNone) return v1::Identity::INVALID;
  if (identity.state == presence::IdentityState::kLoggedIn) return v1::Identity::LOGGED_IN;
  if (identity.state == presence::IdentityState::kLoggingIn) return v1::Identity::LOGGING_IN;
  return v1::Identity::LOGGED_OUT;
}

std::optional<pki::RevocationStatus> RevocationOf(const pki::CertificateChain& chain,
                                                  const pki::TrustStore& trust, absl::Time now) {
  const pki::ChainVerdict verdict = trust.Verify(chain, now, {});
  if (!verdict.ok()) return std::nullopt;
  return verdict.revocation;
}

std::string DeviceNameOf(absl::string_view identity, const pki::DeviceId& device) {
  return absl::StrCat(IdentityName(identity), "/devices/", Hex(device.view()));
}

}  // namespace

v1::Availability ToProto(presence::Availability availability) {
  switch (availability) {
    case presence::Availability::kUnknown:
      return v1::AVAILABILITY_UNSPECIFIED;
    case presence::Availability::kOffline:
      return v1::AVAILABILITY_OFFLINE;
    case presence::Availability::kOnline:
      return v1::AVAILABILITY_AVAILABLE;
    case presence::Availability::kAway:
      return v1::AVAILABILITY_AWAY;
    case presence::Availability::kBusy:
      return v1::AVAILABILITY_BUSY;
  }
  return v1::AVAILABILITY_UNSPECIFIED;
}

std::optional<presence::Availability> FromProto(v1::Availability availability) {
  if (availability == v1::AVAILABILITY_AVAILABLE) return presence::Availability::kOnline;
  if (availability == v1::AVAILABILITY_AWAY) return presence::Availability::kAway;
  if (availability == v1::AVAILABILITY_BUSY) return presence::Availability::kBusy;
  return std::nullopt;
}

v1::Identity ToProto(const presence::IdentityInfo& identity, absl::Time now) {
  v1::Identity out;
  out.set_name(IdentityName(identity.email));
  out.set_email(identity.email);
  out.set_display_name(identity.name);
  out.set_state(StateOf(identity, now));
  out.set_availability(out.state() == v1::Identity::LOGGED_IN ? ToProto(identity.shown)
                                                              : v1::AVAILABILITY_OFFLINE);
  if (identity.chain) *out.mutable_certificate() = ToProto(*identity.chain, std::nullopt);
  out.set_csr_pem(identity.csr_pem);
  out.set_passphrase_protected(identity.has_passphrase);
  if (identity.device != pki::DeviceId()) {
    out.set_device(DeviceNameOf(identity.email, identity.device));
  }
  out.set_state_sequence(identity.state_sequence.value());
  if (identity.state_expires != absl::InfinitePast()) {
    SetTime(identity.state_expires, out.mutable_state_expire_time());
  }
  out.set_state_replica_count(identity.state_replicas);
  out.set_default_identity(identity.is_default);
  out.set_problem(identity.problem);
  // Its dates are looked at when it is used; whoever looks meanwhile is told all the same.
  if (out.problem().empty() && out.state() == v1::Identity::INVALID) {
    out.set_problem(
        "the certificate has expired: ask its authority for a new one and install it with p2pctl "
        "identity install");
  }
  return out;
}

v1::Device ToProto(const presence::DeviceEntry& device, absl::string_view identity) {
  v1::Device out;
  out.set_name(DeviceNameOf(identity, device.id));
  out.set_this_device(device.this_device);
  out.set_availability(ToProto(device.availability));
  for (const net::Endpoint& address : device.addresses) out.add_addresses(address.ToString());
  if (device.expires != absl::Time()) SetTime(device.expires, out.mutable_expire_time());
  out.set_revoked(device.revoked);
  out.set_label(device.label);
  return out;
}

v1::Presence PresenceOf(const presence::ContactInfo& contact, const pki::TrustStore& trust,
                        absl::Time now) {
  v1::Presence out;
  out.set_email(contact.email);
  out.set_availability(ToProto(contact.availability));
  out.set_verified(contact.verified);
  if (contact.confirmed != absl::InfinitePast()) {
    SetTime(contact.confirmed, out.mutable_confirm_time());
  }
  if (contact.last_seen != absl::InfinitePast()) {
    SetTime(contact.last_seen, out.mutable_last_seen_time());
  }
  for (const presence::DeviceEntry& device : contact.devices) {
    *out.add_devices() = ToProto(device, contact.email);
  }
  if (contact.chain) {
    *out.mutable_certificate() = ToProto(*contact.chain, RevocationOf(*contact.chain, trust, now));
  }
  out.set_problem(ReasonOf(contact.problem));
  return out;
}

v1::Contact ToProto(const presence::ContactInfo& contact, absl::string_view as,
                    const pki::TrustStore& trust, absl::Time now) {
  v1::Contact out;
  out.set_name(absl::StrCat(IdentityName(as), "/contacts/", contact.email));
  out.set_email(contact.email);
  out.set_display_name(contact.name);
  out.set_key_changed(contact.key_changed);
  *out.mutable_presence() = PresenceOf(contact, trust, now);
  if (contact.chain) *out.mutable_certificate() = out.presence().certificate();
  return out;
}

std::string ReasonOf(absl::string_view problem) {
  for (const Renamed& renamed : kRenamed) {
    if (renamed.problem == problem) return std::string(renamed.reason);
  }
  return std::string(problem);
}

std::string IdentityName(absl::string_view email) { return absl::StrCat(kIdentities, email); }

std::optional<std::string> IdentityOf(absl::string_view name) {
  absl::ConsumePrefix(&name, kIdentities);
  if (absl::StrContains(name, '/')) return std::nullopt;
  return std::string(name);
}

std::optional<DeviceName> ParseDeviceName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != 4 || parts[0] != "identities" || parts[2] != "devices") return std::nullopt;
  const auto bytes = FromHex(parts[3]);
  if (!bytes) return std::nullopt;
  const auto device = pki::DeviceId::FromView(ByteView(*bytes));
  if (!device) return std::nullopt;
  return DeviceName{.identity = std::string(parts[1]), .device = *device};
}

std::optional<ContactName> ParseContactName(absl::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  if (parts.size() == 4 && parts[0] == "identities" && parts[2] == "contacts") {
    return ContactName{.identity = parts[1], .email = parts[3]};
  }
  if (parts.size() == 2 && parts[0] == "contacts") {
    return ContactName{.identity = "", .email = parts[1]};
  }
  if (parts.size() == 1 && !parts[0].empty()) return ContactName{.identity = "", .email = parts[0]};
  return std::nullopt;
}

}  // namespace p2pd::daemon
