// Judging what a lookup brought: which certificate stands for an address, and which of a person's
// devices are there. No waiting, no state: objects in, a verdict out.
//
// Rules: the pinned key counts before any other, else the newest valid certificate; a change of key
// is said, never taken silently. A state counts when its device is certified (the store verified
// that), not revoked, not expired, and not older than one seen before. Sources: design §4, §5.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libcore/pki/chain.h"
#include "libcore/presence/presence.h"
#include "libcore/presence/seen.h"
#include "libcore/store/object.h"

namespace p2pd::presence {

struct CertificateChoice {
  std::optional<store::Object> object;  // the authentication object chosen; none when all fell
  pki::ChainVerdict verdict;            // of the chosen one, else why the best one fell
  bool key_changed = false;             // chosen, but not the pinned key
  bool newer_key = false;  // the pinned key, and a certificate that is no older has another one
};
// `objects` of kind authentication, others are passed over.
CertificateChoice ChooseCertificate(const std::vector<store::Object>& objects,
                                    const pki::TrustStore& trust, absl::Time now,
                                    const std::optional<pki::KeyHash>& pinned,
                                    const pki::TrustStore::Options& options);

// The authorities in these chains whose lists tell whether somebody was revoked: every issuer of a
// chain that ends at a trusted root, each once.
std::vector<pki::Certificate> IssuersOf(const std::vector<store::Object>& objects,
                                        const pki::TrustStore& trust);

// One device as its newest state shows it.
struct DeviceState {
  pki::DeviceInfo device;
  Availability availability = Availability::kOffline;
  std::vector<net::Endpoint> addresses;  // and ways through others, as overlay::DetourPath has it
  store::Sequence sequence;
  uint64_t epoch = 0;
  absl::Time expires;
  Bytes sealed_config_key;
  bool revoked = false;
};
struct StateView {
  // Unexpired ones, by device id; the anchor is not among them, it is no machine.
  std::vector<DeviceState> devices;
  std::optional<DeviceState> anchor;
  std::set<pki::DeviceId> revoked;
  store::Sequence device_list;
  absl::Time device_list_expires = absl::InfinitePast();
  int outdated = 0;  // states and lists older than one seen before
  std::set<pki::DeviceId> outdated_devices;
  int foreign = 0;                    // states of somebody else's key under this place
  Availability availability() const;  // over the devices that are not revoked
};
// `objects` of kinds user state and device list, others are passed over. Only what belongs to
// `user` counts.
StateView JudgeStates(const std::vector<store::Object>& objects, const pki::UserPublicKey& user,
                      const Seen& seen, absl::Time now);
// Remembers what the view holds, so that nothing older is believed later.
void Remember(const StateView& view, const pki::KeyHash& user, absl::Time now, Seen& seen);

// The anchor of a user: a state without a machine that holds E_pk(user_config_key) for 90 days, so
// that the environment is found even when the last machine died without logging out. All devices of
// a user write the same one.
pki::DeviceId AnchorId(const pki::UserPublicKey& user);

// As the API lists it.
DeviceEntry ToEntry(const DeviceState& state);

}  // namespace p2pd::presence
