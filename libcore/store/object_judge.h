// How one kind of object is judged: a draft of the object, filled in by the validator of its kind.
// Internal to store.
//
// Rules: a validator looks at what the object carries and at the time, at nothing else, so that
// every storing node judges alike. With `verify` off (rows of our own table, whose digest was
// checked) signatures and expiry are taken as already judged; the shape is parsed all the same.
#pragma once

#include <optional>
#include <variant>

#include "libcore/store/object.h"

namespace p2pd::store {

struct ObjectBodies {
  std::variant<std::monostate, wire::v1::AuthenticationBody, wire::v1::UserStateBody,
               wire::v1::UserEnvironmentBody, wire::v1::RevocationBody, wire::v1::ServiceBody,
               wire::v1::RawBody, wire::v1::DeviceListBody, wire::v1::RemovalBody>
      body;
  std::optional<pki::CertificateChain> chain;
  std::optional<pki::DeviceInfo> device;
};

struct ObjectDraft {
  // In.
  ObjectKind kind{};
  ByteView body;
  ByteView signature;
  absl::Time now;
  bool verify = true;
  // Out.
  Key key;
  Bytes slot;
  Sequence sequence;
  absl::Time expires;
  ObjectBodies bodies;
  // What makes two objects of one sequence the same, when it is not the whole body.
  std::optional<pki::Sha256Digest> contents;
};

template <class Body>
bool ParseBody(const ObjectDraft& draft, Body& body) {
  return body.ParseFromArray(draft.body.data(), static_cast<int>(draft.body.size()));
}

// Makes an Object of bytes. The only door besides Validate() and the makers.
class ObjectParser {
 public:
  static Judgement Parse(ByteView encoded, absl::Time now, bool verify);
};

// A row of our own table: its signatures were verified when it came. nullopt when it does not
// parse.
std::optional<Object> ParseStored(ByteView encoded);

// The shape without the signature and the expiry.
std::optional<pki::DeviceInfo> ParseDeviceCertificate(
    const wire::v1::DeviceCertificate& certificate);

// "p2pd object\0" ‖ kind ‖ body: what is signed.
Bytes SignedBytes(ObjectKind kind, ByteView body);
// Every StoredObject has this one encoding, so that nobody can make two byte strings of one object.
Bytes EncodeStored(ObjectKind kind, ByteView body, ByteView signature);

// kExpired, kExpiresTooLate or kNone; fills draft.expires. Seconds since 1970.
ObjectFault JudgeExpiry(ObjectDraft& draft, int64_t expires, absl::Duration longest);

ObjectFault JudgeAuthentication(ObjectDraft& draft);
ObjectFault JudgeUserState(ObjectDraft& draft);
ObjectFault JudgeUserEnvironment(ObjectDraft& draft);
ObjectFault JudgeDeviceList(ObjectDraft& draft);
ObjectFault JudgeRevocation(ObjectDraft& draft);
ObjectFault JudgeService(ObjectDraft& draft);
ObjectFault JudgeRaw(ObjectDraft& draft);
ObjectFault JudgeRemoval(ObjectDraft& draft);

}  // namespace p2pd::store
