// Makers: what an owner signs. Each judges its own work as a storing node would, so that a limit is
// met here and not at eight strangers.
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

absl::StatusOr<Object> Finish(ObjectKind kind, const std::string& body, ByteView signature,
                              absl::Time now) {
  Judgement judgement = Validate(EncodeStored(kind, AsBytes(body), signature), now);
  if (judgement.fault != ObjectFault::kNone) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", ObjectKindName(kind),
                     " object would be refused: ", ObjectFaultName(judgement.fault)));
  }
  return *std::move(judgement.object);
}

absl::StatusOr<Object> SignByUser(const pki::UserKey& key, ObjectKind kind, const std::string& body,
                                  absl::Time now) {
  P2PD_ASSIGN_OR_RETURN(const Bytes signature, key.Sign(SignedBytes(kind, AsBytes(body))));
  return Finish(kind, body, signature, now);
}

absl::StatusOr<Object> SignByEd25519(const pki::Ed25519Key& key, ObjectKind kind,
                                     const std::string& body, absl::Time now) {
  const pki::Ed25519Signature signature = key.Sign(SignedBytes(kind, AsBytes(body)));
  return Finish(kind, body, signature.view(), now);
}

}  // namespace

absl::StatusOr<Object> MakeAuthentication(const pki::UserKey& key,
                                          const pki::CertificateChain& chain,
                                          absl::string_view normalised_email, absl::Time expires,
                                          absl::Time now) {
  wire::v1::AuthenticationBody body;
  body.set_email(std::string(normalised_email));
  for (const Bytes& der : chain.ToDer()) body.add_chain(ToText(der));
  body.set_expires(absl::ToUnixSeconds(expires));
  return SignByUser(key, wire::v1::OBJECT_KIND_AUTHENTICATION, body.SerializeAsString(), now);
}

absl::StatusOr<Object> MakeUserState(const pki::DeviceKeys& device,
                                     const wire::v1::UserStateBody& body, absl::Time now) {
  const bool online = body.flag() != wire::v1::UserStateBody::FLAG_OFFLINE;
  // Any holder may put it until it expires, so only its maker can hold it to a shortest life.
  if (online && absl::FromUnixSeconds(body.expires()) < now + kMinOnlineLife - absl::Seconds(1)) {
    return absl::InvalidArgumentError("a state that says 'online' lives 30 s at least");
  }
  return SignByEd25519(device.signing_key, wire::v1::OBJECT_KIND_USER_STATE,
                       body.SerializeAsString(), now);
}

absl::StatusOr<Object> MakeUserEnvironment(const pki::Ed25519Key& environment, ByteView ciphertext,
                                           Sequence sequence, absl::Time expires, absl::Time now) {
  wire::v1::UserEnvironmentBody body;
  body.set_public_key(environment.public_key().ToString());
  body.set_ciphertext(ToText(ciphertext));
  body.set_sequence(sequence.value());
  body.set_expires(absl::ToUnixSeconds(expires));
  return SignByEd25519(environment, wire::v1::OBJECT_KIND_USER_ENVIRONMENT,
                       body.SerializeAsString(), now);
}

absl::StatusOr<Object> MakeRevocation(const pki::Certificate& ca, const pki::Crl& crl,
                                      absl::Time now) {
  wire::v1::RevocationBody body;
  body.set_ca_certificate(ToText(ca.der()));
  body.set_crl(ToText(crl.der()));
  return Finish(wire::v1::OBJECT_KIND_REVOCATION, body.SerializeAsString(), {}, now);
}

absl::StatusOr<Object> MakeService(const overlay::NodeKeys& node, const wire::v1::ServiceBody& body,
                                   absl::Time now) {
  return SignByEd25519(node.signing_key, wire::v1::OBJECT_KIND_SERVICE, body.SerializeAsString(),
                       now);
}

absl::StatusOr<Object> MakeRaw(const Key& key, ByteView data, ByteView secret_hash,
                               absl::Time expires, absl::Time now) {
  wire::v1::RawBody body;
  body.set_key(key.ToString());
  body.set_data(ToText(data));
  body.set_secret_hash(ToText(secret_hash));
  body.set_expires(absl::ToUnixSeconds(expires));
  return Finish(wire::v1::OBJECT_KIND_RAW, body.SerializeAsString(), {}, now);
}

absl::StatusOr<Object> MakeRemoval(const Key& key, const pki::Sha256Digest& data_digest,
                                   ByteView secret, absl::Time expires, absl::Time now) {
  wire::v1::RemovalBody body;
  body.set_key(key.ToString());
  body.set_data_digest(data_digest.ToString());
  body.set_secret(ToText(secret));
  body.set_expires(absl::ToUnixSeconds(expires));
  return Finish(wire::v1::OBJECT_KIND_REMOVAL, body.SerializeAsString(), {}, now);
}

absl::StatusOr<Object> MakeDeviceList(const pki::UserKey& key, const wire::v1::DeviceListBody& body,
                                      absl::Time now) {
  return SignByUser(key, wire::v1::OBJECT_KIND_DEVICE_LIST, body.SerializeAsString(), now);
}

}  // namespace p2pd::store
