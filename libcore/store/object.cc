#include "libcore/store/object.h"

#include <utility>

#include "libcore/base/check.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

ObjectFault JudgeKind(ObjectDraft& draft) {
  switch (draft.kind) {
    case wire::v1::OBJECT_KIND_AUTHENTICATION:
      return JudgeAuthentication(draft);
    case wire::v1::OBJECT_KIND_USER_STATE:
      return JudgeUserState(draft);
    case wire::v1::OBJECT_KIND_USER_ENVIRONMENT:
      return JudgeUserEnvironment(draft);
    case wire::v1::OBJECT_KIND_REVOCATION:
      return JudgeRevocation(draft);
    case wire::v1::OBJECT_KIND_SERVICE:
      return JudgeService(draft);
    case wire::v1::OBJECT_KIND_RAW:
      return JudgeRaw(draft);
    case wire::v1::OBJECT_KIND_DEVICE_LIST:
      return JudgeDeviceList(draft);
    case wire::v1::OBJECT_KIND_REMOVAL:
      return JudgeRemoval(draft);
    case wire::v1::OBJECT_KIND_UNSPECIFIED:
    case wire::v1::ObjectKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::ObjectKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      return ObjectFault::kUnknownKind;
  }
  return ObjectFault::kUnknownKind;  // a number that a later version knows
}

Judgement Refuse(ObjectFault fault) { return Judgement{fault, std::nullopt}; }

}  // namespace

Bytes SignedBytes(ObjectKind kind, ByteView body) {
  static constexpr absl::string_view kPrefix("p2pd object\0", 12);
  Bytes out;
  out.reserve(kPrefix.size() + 1 + body.size());
  Append(out, AsBytes(kPrefix));
  out.push_back(static_cast<uint8_t>(kind));
  Append(out, body);
  return out;
}

Bytes EncodeStored(ObjectKind kind, ByteView body, ByteView signature) {
  wire::v1::StoredObject stored;
  stored.set_kind(kind);
  stored.set_body(body.data(), body.size());
  stored.set_signature(signature.data(), signature.size());
  return ToBytes(stored.SerializeAsString());
}

Judgement ObjectParser::Parse(ByteView encoded, absl::Time now, bool verify) {
  if (encoded.size() > kMaxObject) return Refuse(ObjectFault::kTooLarge);
  wire::v1::StoredObject stored;
  if (!stored.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return Refuse(ObjectFault::kMalformed);
  }
  ObjectDraft draft;
  draft.kind = stored.kind();
  draft.body = AsBytes(stored.body());
  draft.signature = AsBytes(stored.signature());
  draft.now = now;
  draft.verify = verify;
  // One object, one byte string: the wrapper is not signed, so it has no room for anything else.
  if (EncodeStored(draft.kind, draft.body, draft.signature) != encoded) {
    return Refuse(ObjectFault::kMalformed);
  }
  const ObjectFault fault = JudgeKind(draft);
  if (fault != ObjectFault::kNone) return Refuse(fault);
  Object object;
  object.kind_ = draft.kind;
  object.key_ = draft.key;
  object.slot_ = std::move(draft.slot);
  object.sequence_ = draft.sequence;
  object.expires_ = draft.expires;
  object.bytes_ = ToBytes(encoded);
  object.digest_ = pki::Sha256(encoded);
  object.body_digest_ = draft.contents ? *draft.contents : pki::Sha256(draft.body);
  object.bodies_ = std::make_shared<const ObjectBodies>(std::move(draft.bodies));
  return Judgement{ObjectFault::kNone, std::move(object)};
}

Judgement Validate(ByteView encoded, absl::Time now) {
  return ObjectParser::Parse(encoded, now, /*verify=*/true);
}

std::optional<Object> ParseStored(ByteView encoded) {
  return ObjectParser::Parse(encoded, absl::InfinitePast(), /*verify=*/false).object;
}

ObjectFault JudgeExpiry(ObjectDraft& draft, int64_t expires, absl::Duration longest) {
  draft.expires = absl::FromUnixSeconds(expires);
  if (!draft.verify) return ObjectFault::kNone;
  if (draft.expires <= draft.now) return ObjectFault::kExpired;
  if (draft.expires > draft.now + longest + kClockSlack) return ObjectFault::kExpiresTooLate;
  return ObjectFault::kNone;
}

bool HasSecondPlace(ObjectKind kind) {
  return kind == wire::v1::OBJECT_KIND_AUTHENTICATION || kind == wire::v1::OBJECT_KIND_USER_STATE ||
         kind == wire::v1::OBJECT_KIND_DEVICE_LIST;
}

bool IsImmutable(ObjectKind kind) {
  return kind == wire::v1::OBJECT_KIND_AUTHENTICATION || kind == wire::v1::OBJECT_KIND_RAW;
}

absl::string_view ObjectKindName(ObjectKind kind) {
  switch (kind) {
    case wire::v1::OBJECT_KIND_AUTHENTICATION:
      return "authentication";
    case wire::v1::OBJECT_KIND_USER_STATE:
      return "user-state";
    case wire::v1::OBJECT_KIND_USER_ENVIRONMENT:
      return "user-environment";
    case wire::v1::OBJECT_KIND_REVOCATION:
      return "revocation";
    case wire::v1::OBJECT_KIND_SERVICE:
      return "service";
    case wire::v1::OBJECT_KIND_RAW:
      return "raw";
    case wire::v1::OBJECT_KIND_DEVICE_LIST:
      return "device-list";
    case wire::v1::OBJECT_KIND_REMOVAL:
      return "removal";
    case wire::v1::OBJECT_KIND_UNSPECIFIED:
    case wire::v1::ObjectKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::ObjectKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return "unknown";
}

absl::string_view ObjectFaultName(ObjectFault fault) {
  switch (fault) {
    case ObjectFault::kNone:
      return "none";
    case ObjectFault::kMalformed:
      return "malformed";
    case ObjectFault::kTooLarge:
      return "too_large";
    case ObjectFault::kUnknownKind:
      return "unknown_kind";
    case ObjectFault::kExpired:
      return "expired";
    case ObjectFault::kExpiresTooLate:
      return "expires_too_late";
    case ObjectFault::kBadSignature:
      return "bad_signature";
    case ObjectFault::kBadChain:
      return "bad_chain";
    case ObjectFault::kWrongEmail:
      return "wrong_email";
    case ObjectFault::kBadDevice:
      return "bad_device";
    case ObjectFault::kBadAddress:
      return "bad_address";
  }
  return "unknown";
}

namespace {

template <class Body>
const Body& BodyOf(const ObjectBodies& bodies) {
  const Body* body = std::get_if<Body>(&bodies.body);
  P2PD_CHECK(body != nullptr);
  return *body;
}

}  // namespace

const wire::v1::UserStateBody& Object::user_state() const {
  return BodyOf<wire::v1::UserStateBody>(*bodies_);
}
const wire::v1::UserEnvironmentBody& Object::user_environment() const {
  return BodyOf<wire::v1::UserEnvironmentBody>(*bodies_);
}
const wire::v1::DeviceListBody& Object::device_list() const {
  return BodyOf<wire::v1::DeviceListBody>(*bodies_);
}
const wire::v1::RawBody& Object::raw() const { return BodyOf<wire::v1::RawBody>(*bodies_); }
const wire::v1::ServiceBody& Object::service() const {
  return BodyOf<wire::v1::ServiceBody>(*bodies_);
}
const wire::v1::AuthenticationBody& Object::authentication() const {
  return BodyOf<wire::v1::AuthenticationBody>(*bodies_);
}
const wire::v1::RevocationBody& Object::revocation() const {
  return BodyOf<wire::v1::RevocationBody>(*bodies_);
}
const wire::v1::RemovalBody& Object::removal() const {
  return BodyOf<wire::v1::RemovalBody>(*bodies_);
}
const pki::CertificateChain& Object::chain() const {
  P2PD_CHECK(bodies_->chain.has_value());
  return *bodies_->chain;
}
const pki::DeviceInfo& Object::device() const {
  P2PD_CHECK(bodies_->device.has_value());
  return *bodies_->device;
}

}  // namespace p2pd::store
