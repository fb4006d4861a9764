// Device keys: each daemon of a user has an Ed25519 and an X25519 key of its own, certified by the
// user's key, so that a stolen laptop is revoked without a new certificate and the user's key may
// stay locked while the daemon runs.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/ed25519.h"
#include "libcore/pki/user_key.h"
#include "libcore/pki/x25519.h"

namespace p2pd::pki {

struct DeviceIdTag;
using DeviceId = FixedBytes<DeviceIdTag, 16>;

// What wire.v1.DeviceCertificate says, once verified. pki does not see the wire's messages:
// `encoded` is the serialised DeviceCertificate as it travels.
struct DeviceInfo {
  KeyHash user;
  DeviceId id;
  Ed25519Public signing_key;
  X25519Public sealing_key;
  absl::Time not_after;
  std::string label;
};

// The private half.
struct DeviceKeys {
  DeviceId id;
  Ed25519Key signing_key;
  X25519Key sealing_key;
  static DeviceKeys Generate(Rng& rng);
};

}  // namespace p2pd::pki
