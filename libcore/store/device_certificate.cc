// The device certificate: a device's keys and name under the user's signature.
#include <utility>

#include "libcore/base/status.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

constexpr size_t kMaxLabel = 64;  // objects.proto

// "p2pd device\0" ‖ body: what the user's key signs.
Bytes SignedDeviceBytes(ByteView body) {
  static constexpr absl::string_view kPrefix("p2pd device\0", 12);
  Bytes out;
  // Also what keeps g++ 12 from seeing an overflow in the growth of a vector of known size.
  out.reserve(kPrefix.size() + body.size());
  Append(out, AsBytes(kPrefix));
  Append(out, body);
  return out;
}

}  // namespace

std::optional<pki::DeviceInfo> ParseDeviceCertificate(
    const wire::v1::DeviceCertificate& certificate) {
  wire::v1::DeviceCertificate::Body body;
  if (!body.ParseFromString(certificate.body())) return std::nullopt;
  const auto user = pki::KeyHash::FromView(AsBytes(body.user()));
  const auto id = pki::DeviceId::FromView(AsBytes(body.device_id()));
  const auto signing_key = pki::Ed25519Public::FromView(AsBytes(body.signing_key()));
  const auto sealing_key = pki::X25519Public::FromView(AsBytes(body.sealing_key()));
  if (!user || !id || !signing_key || !sealing_key || body.label().size() > kMaxLabel) {
    return std::nullopt;
  }
  pki::DeviceInfo info;
  info.user = *user;
  info.id = *id;
  info.signing_key = *signing_key;
  info.sealing_key = *sealing_key;
  info.not_after = absl::FromUnixSeconds(body.not_after());
  info.label = body.label();
  return info;
}

std::optional<pki::DeviceInfo> VerifyDeviceCertificate(
    const wire::v1::DeviceCertificate& certificate, const pki::UserPublicKey& user,
    absl::Time now) {
  auto info = ParseDeviceCertificate(certificate);
  if (!info || info->user != user.hash() || info->not_after <= now) return std::nullopt;
  if (!user.Verify(SignedDeviceBytes(AsBytes(certificate.body())),
                   AsBytes(certificate.signature()))) {
    return std::nullopt;
  }
  return info;
}

absl::StatusOr<wire::v1::DeviceCertificate> MakeDeviceCertificate(const pki::UserKey& user,
                                                                  const pki::DeviceKeys& device,
                                                                  absl::string_view label,
                                                                  absl::Time not_after) {
  if (label.size() > kMaxLabel) {
    return absl::InvalidArgumentError("a device's label has at most 64 bytes");
  }
  wire::v1::DeviceCertificate::Body body;
  body.set_user(user.public_key().hash().ToString());
  body.set_device_id(device.id.ToString());
  body.set_signing_key(device.signing_key.public_key().ToString());
  body.set_sealing_key(device.sealing_key.public_key().ToString());
  body.set_not_after(absl::ToUnixSeconds(not_after));
  body.set_label(std::string(label));
  wire::v1::DeviceCertificate certificate;
  certificate.set_body(body.SerializeAsString());
  P2PD_ASSIGN_OR_RETURN(const Bytes signature,
                        user.Sign(SignedDeviceBytes(AsBytes(certificate.body()))));
  certificate.set_signature(ToText(signature));
  return certificate;
}

}  // namespace p2pd::store
