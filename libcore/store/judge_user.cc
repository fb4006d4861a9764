// What belongs to a person: authentication, user state, user environment, device list.
#include <algorithm>
#include <set>
#include <utility>

#include "libcore/net/endpoint.h"
#include "libcore/overlay/node_record.h"
#include "libcore/pki/certificate.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

// DESIGN §4 and the comments of objects.proto; beyond any of them the object is malformed.
constexpr int kMaxStateAddresses = 4;
constexpr int kMaxStateRelays = 2;
constexpr size_t kRelaySize = 16;
constexpr size_t kMaxSealedConfigKey = 1024;
constexpr int kMaxRevokedDevices = 64;
constexpr size_t kMaxEnvironment = 60 * 1024;
constexpr size_t kMinEnvironment = 12 + 16;  // nonce and tag of an empty plaintext
constexpr size_t kMaxSpki = 2048;            // RSA of 8,192 bits has 1,062

// A sequence of not-before first, then of the expiry, in seconds: a newer certificate replaces an
// older one, and the same certificate put for longer replaces the shorter put. 30 bits of lifetime
// are 34 years.
Sequence AuthenticationSequence(const pki::Certificate& leaf, int64_t expires) {
  constexpr int kLifeBits = 30;
  constexpr int64_t kLifeMax = (int64_t{1} << kLifeBits) - 1;
  constexpr int64_t kStartMax = (int64_t{1} << (63 - kLifeBits)) - 1;
  const int64_t start = std::clamp<int64_t>(absl::ToUnixSeconds(leaf.not_before()), 0, kStartMax);
  const int64_t life = std::clamp<int64_t>(std::max(expires, start) - start, 0, kLifeMax);
  return Sequence((static_cast<uint64_t>(start) << kLifeBits) | static_cast<uint64_t>(life));
}

bool Reachable(const net::Endpoint& endpoint) {
  return endpoint.port != 0 && !endpoint.address.IsUnspecified() && !endpoint.address.IsMulticast();
}

ObjectFault JudgeAddresses(const wire::v1::UserStateBody& body) {
  if (body.addresses_size() > kMaxStateAddresses) return ObjectFault::kBadAddress;
  if (body.flag() == wire::v1::UserStateBody::FLAG_OFFLINE && body.addresses_size() != 0) {
    return ObjectFault::kBadAddress;
  }
  const bool offline = body.flag() == wire::v1::UserStateBody::FLAG_OFFLINE;
  if (body.relays_size() > (offline ? 0 : kMaxStateRelays)) return ObjectFault::kBadAddress;
  for (const std::string& relay : body.relays()) {
    if (relay.size() != kRelaySize) return ObjectFault::kBadAddress;
  }
  for (const std::string& address : body.addresses()) {
    const auto endpoint = net::Endpoint::FromBytes(AsBytes(address));
    if (!endpoint || !Reachable(*endpoint)) return ObjectFault::kBadAddress;
  }
  return ObjectFault::kNone;
}

bool KnownFlag(wire::v1::UserStateBody::Flag flag) {
  return flag >= wire::v1::UserStateBody::FLAG_ONLINE &&
         flag <= wire::v1::UserStateBody::FLAG_OFFLINE;
}

}  // namespace

ObjectFault JudgeAuthentication(ObjectDraft& draft) {
  wire::v1::AuthenticationBody body;
  if (!ParseBody(draft, body)) return ObjectFault::kMalformed;
  const auto email = pki::NormaliseEmail(body.email());
  if (!email.ok() || *email != body.email()) return ObjectFault::kMalformed;
  if (body.chain_size() == 0) return ObjectFault::kMalformed;
  std::vector<Bytes> ders;
  for (const std::string& der : body.chain()) ders.push_back(ToBytes(der));
  auto chain = pki::CertificateChain::FromDer(ders);
  if (!chain.ok()) return ObjectFault::kBadChain;
  const pki::Certificate& leaf = chain->leaf();
  const ObjectFault expiry = JudgeExpiry(draft, body.expires(), kMaxAuthenticationLife);
  if (expiry != ObjectFault::kNone) return expiry;
  if (draft.expires > leaf.not_after()) return ObjectFault::kExpiresTooLate;
  if (!leaf.HasEmail(body.email())) return ObjectFault::kWrongEmail;
  if (draft.verify) {
    // The cheap proof first: who cannot sign costs us one verification, not six.
    if (!leaf.public_key().Verify(SignedBytes(draft.kind, draft.body), draft.signature)) {
      return ObjectFault::kBadSignature;
    }
    if (!pki::VerifySelfContained(*chain, draft.now, body.email()).ok()) {
      return ObjectFault::kBadChain;
    }
  }
  draft.key = AuthenticationKey(body.email());
  Append(draft.slot, chain->root().fingerprint().view());
  Append(draft.slot, leaf.public_key().hash().view());
  draft.sequence = AuthenticationSequence(leaf, body.expires());
  draft.bodies.chain = *std::move(chain);
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

ObjectFault JudgeUserState(ObjectDraft& draft) {
  wire::v1::UserStateBody body;
  if (!ParseBody(draft, body) || !KnownFlag(body.flag()) || body.sequence() == 0 ||
      body.user_key().size() > kMaxSpki || body.sealed_config_key().size() > kMaxSealedConfigKey ||
      body.node_record().size() > overlay::NodeRecord::kMaxBytes) {
    return ObjectFault::kMalformed;
  }
  const bool offline = body.flag() == wire::v1::UserStateBody::FLAG_OFFLINE;
  const ObjectFault expiry =
      JudgeExpiry(draft, body.expires(), offline ? kMaxOfflineLife : kMaxOnlineLife);
  if (expiry != ObjectFault::kNone) return expiry;
  const ObjectFault addresses = JudgeAddresses(body);
  if (addresses != ObjectFault::kNone) return addresses;
  const auto user = pki::UserPublicKey::FromSpki(AsBytes(body.user_key()));
  if (!user.ok()) return ObjectFault::kMalformed;
  auto device = draft.verify ? VerifyDeviceCertificate(body.device(), *user, draft.now)
                             : ParseDeviceCertificate(body.device());
  if (!device) return ObjectFault::kBadDevice;
  if (draft.verify) {
    if (!pki::Ed25519Verify(device->signing_key, SignedBytes(draft.kind, draft.body),
                            draft.signature)) {
      return ObjectFault::kBadSignature;
    }
    if (!body.node_record().empty() && !overlay::NodeRecord::Parse(AsBytes(body.node_record()))) {
      return ObjectFault::kBadAddress;
    }
  }
  draft.key = UserKeyPlace(AsBytes(body.user_key()));
  draft.slot = ToBytes(device->id.view());
  draft.sequence = Sequence(body.sequence());
  draft.bodies.device = *std::move(device);
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

ObjectFault JudgeUserEnvironment(ObjectDraft& draft) {
  wire::v1::UserEnvironmentBody body;
  if (!ParseBody(draft, body) || body.sequence() == 0 ||
      body.ciphertext().size() < kMinEnvironment || body.ciphertext().size() > kMaxEnvironment) {
    return ObjectFault::kMalformed;
  }
  const auto key = pki::Ed25519Public::FromView(AsBytes(body.public_key()));
  if (!key) return ObjectFault::kMalformed;
  const ObjectFault expiry = JudgeExpiry(draft, body.expires(), kMaxEnvironmentLife);
  if (expiry != ObjectFault::kNone) return expiry;
  if (draft.verify &&
      !pki::Ed25519Verify(*key, SignedBytes(draft.kind, draft.body), draft.signature)) {
    return ObjectFault::kBadSignature;
  }
  draft.key = EnvironmentKey(*key);
  draft.sequence = Sequence(body.sequence());
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

ObjectFault JudgeDeviceList(ObjectDraft& draft) {
  wire::v1::DeviceListBody body;
  if (!ParseBody(draft, body) || body.number() == 0 || body.user_key().size() > kMaxSpki ||
      body.revoked_size() > kMaxRevokedDevices) {
    return ObjectFault::kMalformed;
  }
  std::set<std::string> seen;
  for (const std::string& id : body.revoked()) {
    if (id.size() != pki::DeviceId::kSize || !seen.insert(id).second) {
      return ObjectFault::kMalformed;
    }
  }
  const ObjectFault expiry = JudgeExpiry(draft, body.expires(), kMaxDeviceListLife);
  if (expiry != ObjectFault::kNone) return expiry;
  const auto user = pki::UserPublicKey::FromSpki(AsBytes(body.user_key()));
  if (!user.ok()) return ObjectFault::kMalformed;
  if (draft.verify && !user->Verify(SignedBytes(draft.kind, draft.body), draft.signature)) {
    return ObjectFault::kBadSignature;
  }
  draft.key = UserKeyPlace(AsBytes(body.user_key()));
  draft.sequence = Sequence(body.number());
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

}  // namespace p2pd::store
