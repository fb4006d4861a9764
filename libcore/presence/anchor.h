// The anchor: a user state that belongs to no machine. It says 'offline', lies in the store for 90
// days, and holds E_pk(user_config_key), so that somebody with nothing but the user's key finds the
// friends again even when the last machine died without a word and its own state ran out after
// minutes.
//
// Rules: its id follows from the user's key and its keys follow from user_config_key, so all
// devices of a user write the same one, and it takes one of the user's eight places. To everybody
// else it is a device that is offline.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/storage.h"
#include "libcore/pki/device.h"
#include "libcore/presence/environment.h"
#include "libcore/presence/identity.h"
#include "libcore/store/object.h"

namespace p2pd::presence {

pki::DeviceKeys AnchorKeys(const pki::UserPublicKey& user, ByteView config_key);

// One that is newer than `above`. FailedPrecondition when the user's key is needed (for the first
// one of an environment, and when its certificate ends) and locked.
absl::StatusOr<store::Object> MakeAnchor(Storage& storage, pki::Crypto& crypto,
                                         const OwnIdentity& identity, Environment& environment,
                                         store::Sequence above, absl::Time now);

}  // namespace p2pd::presence
