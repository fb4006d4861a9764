#include "libcore/session/referral.h"

#include "libcore/pki/certificate.h"
#include "libcore/pki/ed25519.h"
#include "libcore/store/object.h"
#include "p2pd/wire/v1/session.pb.h"

namespace p2pd::session {
namespace {

constexpr absl::string_view kReferralPrefix("p2pd referral 1\0", 16);

Bytes ToSign(absl::string_view body) {
  Bytes out = ToBytes(kReferralPrefix);
  Append(out, AsBytes(body));
  return out;
}

// As it is written on certificates, so that two spellings are not two people.
bool Normalised(const std::string& email) {
  const absl::StatusOr<std::string> normalised = pki::NormaliseEmail(email);
  return normalised.ok() && *normalised == email;
}

}  // namespace

Bytes MakeReferral(const LocalIdentity& by, const ReferralTerms& terms, absl::Time now, Rng& rng) {
  wire::v1::Referral::Body body;
  body.set_by(by.email);
  body.set_referee(terms.referee.ToString());
  body.set_target(terms.target);
  body.set_expires_ms(absl::ToUnixMillis(now + kReferralLife));
  body.set_nonce(rng.Make<ReferralNonce>().ToString());
  if (terms.replaces) body.set_replaces(terms.replaces->ToString());
  wire::v1::Referral out;
  out.set_body(body.SerializeAsString());
  out.set_signature(by.device.signing_key.Sign(ToSign(out.body())).ToString());
  out.set_user_key(ToText(by.chain.leaf().public_key().spki()));
  *out.mutable_device() = by.device_certificate;
  return ToBytes(absl::string_view(out.SerializeAsString()));
}

std::optional<Referral> VerifyReferral(ByteView encoded, absl::Time now) {
  if (encoded.size() > kMaxReferral) return std::nullopt;
  wire::v1::Referral referral;
  wire::v1::Referral::Body body;
  if (!referral.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      !body.ParseFromString(referral.body())) {
    return std::nullopt;
  }
  const auto referee = pki::KeyHash::FromView(AsBytes(body.referee()));
  const auto nonce = ReferralNonce::FromView(AsBytes(body.nonce()));
  if (!referee || !nonce || !Normalised(body.by()) || !Normalised(body.target())) {
    return std::nullopt;
  }
  Referral out;
  if (!body.replaces().empty()) {
    out.replaces = CallId::FromView(AsBytes(body.replaces()));
    if (!out.replaces) return std::nullopt;
  }
  out.expires = absl::FromUnixMillis(body.expires_ms());
  // One of the far future would have to be remembered for as long.
  if (out.expires <= now || out.expires > now + 2 * kReferralLife) return std::nullopt;
  const auto user = pki::UserPublicKey::FromSpki(AsBytes(referral.user_key()));
  if (!user.ok()) return std::nullopt;
  const auto device = store::VerifyDeviceCertificate(referral.device(), *user, now);
  if (!device || !pki::Ed25519Verify(device->signing_key, ToSign(referral.body()),
                                     AsBytes(referral.signature()))) {
    return std::nullopt;
  }
  out.by = body.by();
  out.by_user = device->user;
  out.device = device->id;
  out.referee = *referee;
  out.target = body.target();
  out.nonce = *nonce;
  return out;
}

}  // namespace p2pd::session
