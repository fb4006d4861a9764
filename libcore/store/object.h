// Object: one stored value whose proof has been checked. It can only be made by Validate() or by a
// maker below, so whatever takes an Object need not ask again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/strong.h"
#include "libcore/overlay/node_record.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/device.h"
#include "libcore/store/key.h"
#include "p2pd/wire/v1/objects.pb.h"

namespace p2pd::store {

using ObjectKind = wire::v1::ObjectKind;
struct SequenceTag;
using Sequence = Strong<SequenceTag, uint64_t>;

// Longest encoded object.
inline constexpr size_t kMaxObject = 64 * 1024;
// How far ahead an object may expire, by kind (design §4). A storing node allows kClockSlack on
// top, since clocks differ.
inline constexpr absl::Duration kClockSlack = absl::Minutes(2);
inline constexpr absl::Duration kMinOnlineLife = absl::Seconds(30);
inline constexpr absl::Duration kMaxOnlineLife = absl::Minutes(10);
inline constexpr absl::Duration kMaxOfflineLife = absl::Hours(24 * 90);
inline constexpr absl::Duration kMaxAuthenticationLife = absl::Hours(24 * 400);
inline constexpr absl::Duration kMaxEnvironmentLife = absl::Hours(24 * 90);
inline constexpr absl::Duration kMaxDeviceListLife = absl::Hours(24 * 90);
inline constexpr absl::Duration kMaxRevocationLife = absl::Hours(24 * 400);
inline constexpr absl::Duration kMaxServiceLife = absl::Hours(24 * 7);
inline constexpr absl::Duration kMaxRawLife = absl::Hours(24 * 7);

struct ObjectBodies;  // object_judge.h

class Object {
 public:
  ObjectKind kind() const { return kind_; }
  const Key& key() const { return key_; }
  // Tells values under one key and kind apart: the root's fingerprint and the leaf's key for
  // authentication, the device id for user state, the node id for service records, SHA-256 of the
  // data followed by the secret's hash for raw and its removal, empty for the others. A newer
  // object of the same slot replaces the older.
  const Bytes& slot() const { return slot_; }
  // Which of two of the same slot is newer: sequence, device-list number, CRL number; not-before of
  // a certificate, then the expiry; the expiry of a raw value.
  Sequence sequence() const { return sequence_; }
  absl::Time expires() const { return expires_; }
  // The encoded StoredObject, as it travels.
  const Bytes& bytes() const { return bytes_; }
  const pki::Sha256Digest& digest() const { return digest_; }
  // SHA-256 of the body alone (of the CRL alone for revocation): equal for two signatures over the
  // same contents.
  const pki::Sha256Digest& body_digest() const { return body_digest_; }

  // The decoded bodies; each checks that kind() fits.
  const wire::v1::UserStateBody& user_state() const;
  const wire::v1::UserEnvironmentBody& user_environment() const;
  const wire::v1::DeviceListBody& device_list() const;
  const wire::v1::RawBody& raw() const;
  const wire::v1::ServiceBody& service() const;
  const pki::CertificateChain& chain() const;  // authentication
  const wire::v1::AuthenticationBody& authentication() const;
  const wire::v1::RevocationBody& revocation() const;
  const pki::DeviceInfo& device() const;  // user state: the verified device certificate
  const wire::v1::RemovalBody& removal() const;

 private:
  friend class ObjectParser;
  ObjectKind kind_{};
  Key key_;
  Bytes slot_;
  Sequence sequence_;
  absl::Time expires_;
  Bytes bytes_;
  pki::Sha256Digest digest_;
  pki::Sha256Digest body_digest_;
  std::shared_ptr<const ObjectBodies> bodies_;  // owners: the copies of this value; immutable
};

// Why bytes are no valid object: the names of the drop counters "store.invalid_…" and of
// p2pd-verify's verdicts.
enum class ObjectFault {
  kNone,
  kMalformed,
  kTooLarge,
  kUnknownKind,
  kExpired,
  kExpiresTooLate,
  kBadSignature,
  kBadChain,    // certificate chain does not hold; authentication only
  kWrongEmail,  // e-mail not in the certificate
  kBadDevice,   // device certificate not by this user's key, or expired
  kBadAddress,
};
absl::string_view ObjectFaultName(ObjectFault fault);

struct Judgement {
  ObjectFault fault = ObjectFault::kNone;
  std::optional<Object> object;  // exactly when fault is kNone
};
// As a storing node judges: with what the object carries and the time, nothing else.
Judgement Validate(ByteView encoded, absl::Time now);

// True for the kinds that stand at SecondPlace(key) too.
bool HasSecondPlace(ObjectKind kind);
// True for the kinds of which any copy that verifies is as good as another.
bool IsImmutable(ObjectKind kind);
// "authentication", "user-state", … as p2pctl and p2pd-verify print them.
absl::string_view ObjectKindName(ObjectKind kind);

// Makers, for owners. Each validates what it made; InvalidArgument if a limit is broken.
absl::StatusOr<Object> MakeAuthentication(const pki::UserKey& key,
                                          const pki::CertificateChain& chain,
                                          absl::string_view normalised_email, absl::Time expires,
                                          absl::Time now);
// `body.device` is set by the caller (MakeDeviceCertificate); signed by the device key.
absl::StatusOr<Object> MakeUserState(const pki::DeviceKeys& device,
                                     const wire::v1::UserStateBody& body, absl::Time now);
absl::StatusOr<Object> MakeUserEnvironment(const pki::Ed25519Key& environment, ByteView ciphertext,
                                           Sequence sequence, absl::Time expires, absl::Time now);
absl::StatusOr<Object> MakeRevocation(const pki::Certificate& ca, const pki::Crl& crl,
                                      absl::Time now);
absl::StatusOr<Object> MakeService(const overlay::NodeKeys& node, const wire::v1::ServiceBody& body,
                                   absl::Time now);
absl::StatusOr<Object> MakeRaw(const Key& key, ByteView data, ByteView secret_hash,
                               absl::Time expires, absl::Time now);
// Takes back the raw value under `key` with this data digest; `secret` has 1..64 bytes.
absl::StatusOr<Object> MakeRemoval(const Key& key, const pki::Sha256Digest& data_digest,
                                   ByteView secret, absl::Time expires, absl::Time now);
absl::StatusOr<Object> MakeDeviceList(const pki::UserKey& key, const wire::v1::DeviceListBody& body,
                                      absl::Time now);

// The device certificate itself, which session messages carry too.
absl::StatusOr<wire::v1::DeviceCertificate> MakeDeviceCertificate(const pki::UserKey& user,
                                                                  const pki::DeviceKeys& device,
                                                                  absl::string_view label,
                                                                  absl::Time not_after);
// nullopt unless `user` signed it and it has not expired.
std::optional<pki::DeviceInfo> VerifyDeviceCertificate(
    const wire::v1::DeviceCertificate& certificate, const pki::UserPublicKey& user, absl::Time now);

}  // namespace p2pd::store
