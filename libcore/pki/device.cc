#include "libcore/pki/device.h"

namespace p2pd::pki {

DeviceKeys DeviceKeys::Generate(Rng& rng) {
  // One after the other: the order in which the fields draw must not depend on the compiler.
  const DeviceId id = rng.Make<DeviceId>();
  Ed25519Key signing_key = Ed25519Key::Generate(rng);
  X25519Key sealing_key = X25519Key::Generate(rng);
  return {id, std::move(signing_key), std::move(sealing_key)};
}

}  // namespace p2pd::pki
