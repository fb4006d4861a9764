// One valid object of each kind, and ways to spoil them, for the tests of the store.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libcore/pki/cms.h"
#include "libcore/store/object.h"
#include "libcore/store/object_judge.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::store {

class ObjectFixture {
 public:
  explicit ObjectFixture(uint64_t seed = 1)
      : ca(pki::KeyKind::kP256, seed),
        now(ca.now),
        person(ca.MakePerson(kEmail)),
        chain(*pki::CertificateChain::Make({person.certificate, ca.root})),
        device(pki::DeviceKeys::Generate(ca.rng)),
        environment(pki::Ed25519Key::Generate(ca.rng)),
        node(overlay::NodeKeys::Generate(ca.rng)),
        record(overlay::NodeRecord::Make(node, 1, {*net::Endpoint::Parse("192.0.2.1:7464")},
                                         overlay::Role::kPeer)) {}

  static constexpr char kEmail[] = "alice@example.org";

  const Bytes& spki() const { return person.key.public_key().spki(); }

  wire::v1::AuthenticationBody AuthenticationBody() const {
    wire::v1::AuthenticationBody body;
    body.set_email(kEmail);
    for (const Bytes& der : chain.ToDer()) body.add_chain(ToText(der));
    body.set_expires(absl::ToUnixSeconds(now + absl::Hours(24 * 30)));
    return body;
  }
  wire::v1::UserStateBody StateBody(const pki::DeviceKeys& of, uint64_t sequence = 1) const {
    wire::v1::UserStateBody body;
    body.set_user_key(ToText(spki()));
    *body.mutable_device() =
        *MakeDeviceCertificate(person.key, of, "laptop", now + absl::Hours(24 * 365));
    body.add_addresses(ToText(net::Endpoint::Parse("192.0.2.7:7464")->ToBytes()));
    body.set_flag(wire::v1::UserStateBody::FLAG_ONLINE);
    body.set_sealed_config_key(std::string(300, 'k'));
    body.set_sequence(sequence);
    body.set_expires(absl::ToUnixSeconds(now + absl::Minutes(5)));
    body.set_epoch(7);
    body.set_node_record(ToText(record.bytes()));
    return body;
  }
  wire::v1::UserStateBody StateBody() const { return StateBody(device); }
  wire::v1::UserEnvironmentBody EnvironmentBody() const {
    wire::v1::UserEnvironmentBody body;
    body.set_public_key(environment.public_key().ToString());
    body.set_ciphertext(std::string(100, 'c'));
    body.set_sequence(3);
    body.set_expires(absl::ToUnixSeconds(now + absl::Hours(24 * 60)));
    return body;
  }
  wire::v1::DeviceListBody ListBody(uint64_t number, std::vector<pki::DeviceId> revoked) const {
    wire::v1::DeviceListBody body;
    body.set_user_key(ToText(spki()));
    body.set_number(number);
    for (const pki::DeviceId& id : revoked) body.add_revoked(id.ToString());
    body.set_expires(absl::ToUnixSeconds(now + absl::Hours(24 * 60)));
    return body;
  }
  wire::v1::ServiceBody ServiceBody() const {
    wire::v1::ServiceBody body;
    body.set_name("s-tracker");
    body.set_node_record(ToText(record.bytes()));
    body.set_description("here");
    body.set_sequence(1);
    body.set_expires(absl::ToUnixSeconds(now + absl::Hours(24)));
    return body;
  }
  wire::v1::RawBody RawBody() const {
    wire::v1::RawBody body;
    body.set_key(std::string(20, 'r'));
    body.set_data("some bytes");
    body.set_secret_hash(pki::Sha256(AsBytes("secret")).ToString());
    body.set_expires(absl::ToUnixSeconds(now + absl::Hours(24)));
    return body;
  }
  wire::v1::RemovalBody RemovalBody() const {
    wire::v1::RemovalBody body;
    body.set_key(std::string(20, 'r'));
    body.set_data_digest(pki::Sha256(AsBytes("some bytes")).ToString());
    body.set_secret("secret");
    body.set_expires(absl::ToUnixSeconds(now + absl::Hours(24 * 7)));
    return body;
  }
  wire::v1::RevocationBody RevocationBody(uint64_t number = 1) {
    wire::v1::RevocationBody body;
    body.set_ca_certificate(ToText(ca.root.der()));
    body.set_crl(ToText(ca.MakeList(number, {}).der()));
    return body;
  }

  // Encoded StoredObjects, signed as the body wants it.
  template <class Body>
  Bytes ByUser(ObjectKind kind, const Body& body) const {
    return ByUser(kind, body, person.key);
  }
  template <class Body>
  static Bytes ByUser(ObjectKind kind, const Body& body, const pki::UserKey& key) {
    const std::string text = body.SerializeAsString();
    return EncodeStored(kind, AsBytes(text), *key.Sign(SignedBytes(kind, AsBytes(text))));
  }
  template <class Body>
  static Bytes ByEd25519(ObjectKind kind, const Body& body, const pki::Ed25519Key& key) {
    const std::string text = body.SerializeAsString();
    return EncodeStored(kind, AsBytes(text), key.Sign(SignedBytes(kind, AsBytes(text))).view());
  }
  template <class Body>
  static Bytes Unsigned(ObjectKind kind, const Body& body) {
    return EncodeStored(kind, AsBytes(body.SerializeAsString()), {});
  }

  Object State(const pki::DeviceKeys& of, uint64_t sequence) const {
    return *MakeUserState(of, StateBody(of, sequence), now);
  }
  Object State(uint64_t sequence = 1) const { return State(device, sequence); }
  Object Environment(uint64_t sequence = 3) const {
    return *MakeUserEnvironment(environment, Bytes(100, 1), Sequence(sequence),
                                now + absl::Hours(24), now);
  }
  Object Authentication() const {
    return *MakeAuthentication(person.key, chain, kEmail, now + absl::Hours(24 * 30), now);
  }
  Object Raw(absl::string_view data, absl::Duration life = absl::Hours(24),
             const Key& key = Key()) const {
    return *MakeRaw(key, AsBytes(data), {}, now + life, now);
  }

  // One valid object of every kind.
  std::vector<Bytes> OneOfEach() {
    return {ByUser(wire::v1::OBJECT_KIND_AUTHENTICATION, AuthenticationBody()),
            ByEd25519(wire::v1::OBJECT_KIND_USER_STATE, StateBody(), device.signing_key),
            ByEd25519(wire::v1::OBJECT_KIND_USER_ENVIRONMENT, EnvironmentBody(), environment),
            Unsigned(wire::v1::OBJECT_KIND_REVOCATION, RevocationBody()),
            ByEd25519(wire::v1::OBJECT_KIND_SERVICE, ServiceBody(), node.signing_key),
            Unsigned(wire::v1::OBJECT_KIND_RAW, RawBody()),
            ByUser(wire::v1::OBJECT_KIND_DEVICE_LIST, ListBody(1, {device.id})),
            Unsigned(wire::v1::OBJECT_KIND_REMOVAL, RemovalBody())};
  }

  pki::TestCa ca;
  absl::Time now;
  pki::Person person;
  pki::CertificateChain chain;
  pki::DeviceKeys device;
  pki::Ed25519Key environment;
  overlay::NodeKeys node;
  overlay::NodeRecord record;
};

}  // namespace p2pd::store
