#include "libcore/presence/anchor.h"

#include <algorithm>

#include "libcore/base/status.h"
#include "libcore/pki/hash.h"
#include "libcore/presence/judge.h"

namespace p2pd::presence {
namespace {

constexpr absl::string_view kKeysLabel = "p2pd anchor keys";
constexpr absl::string_view kName = "anchor";
constexpr absl::Duration kLiesFor = absl::Hours(24 * 90);

bool Certifies(const std::optional<wire::v1::DeviceCertificate>& certificate,
               const pki::DeviceKeys& keys, const pki::UserPublicKey& user, absl::Time now) {
  if (!certificate) return false;
  const std::optional<pki::DeviceInfo> info =
      store::VerifyDeviceCertificate(*certificate, user, now + kLiesFor);
  return info && info->signing_key == keys.signing_key.public_key();
}

}  // namespace

pki::DeviceKeys AnchorKeys(const pki::UserPublicKey& user, ByteView config_key) {
  const SecretBytes secret = pki::HkdfSha256(config_key, user.spki(), AsBytes(kKeysLabel), 64);
  return pki::DeviceKeys{AnchorId(user), pki::Ed25519Key::FromSeed(secret.view().subspan(0, 32)),
                         pki::X25519Key::FromSecret(secret.view().subspan(32))};
}

absl::StatusOr<store::Object> MakeAnchor(Storage& storage, pki::Crypto& crypto,
                                         const OwnIdentity& identity, Environment& environment,
                                         store::Sequence above, absl::Time now) {
  const pki::DeviceKeys keys = AnchorKeys(identity.public_key(), environment.config_key());
  const pki::Certificate& leaf = identity.chain()->leaf();
  if (!Certifies(environment.anchor_certificate(), keys, identity.public_key(), now)) {
    if (!identity.key()) return absl::FailedPreconditionError("the user's key is locked");
    P2PD_ASSIGN_OR_RETURN(
        const wire::v1::DeviceCertificate certificate,
        store::MakeDeviceCertificate(*identity.key(), keys, kName, now + kCertifiedFor));
    P2PD_RETURN_IF_ERROR(environment.SetAnchorCertificate(storage, certificate));
  }
  P2PD_ASSIGN_OR_RETURN(const Bytes sealed, environment.SealedKeyFor(storage, crypto, leaf));
  wire::v1::UserStateBody body;
  body.set_user_key(ToText(identity.public_key().spki()));
  *body.mutable_device() = *environment.anchor_certificate();
  body.set_flag(wire::v1::UserStateBody::FLAG_OFFLINE);
  body.set_sealed_config_key(ToText(sealed));
  // Seconds, so that whichever device writes last is newest without asking the others.
  body.set_sequence(std::max(static_cast<uint64_t>(absl::ToUnixSeconds(now)), above.value() + 1));
  body.set_expires(absl::ToUnixSeconds(now + kLiesFor));
  return store::MakeUserState(keys, body, now);
}

}  // namespace p2pd::presence
